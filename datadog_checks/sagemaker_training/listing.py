# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What part of the listing a poll asks for: no calls, no jobs, only times and ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# A job runs at most 28 days; https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html
LONGEST_LIFE = timedelta(days=30)
# Creation times of one job may differ by their fraction of a second, and a stretch begins with jobs listed before.
BOUNDARY = timedelta(seconds=1)
# How much later than it was created a job may show up in the listing: within the least overlap whatever it costs,
# within the whole one as far as two pages go.
OVERLAP, LEAST_OVERLAP, MOST_OVERLAPPING = timedelta(minutes=5), timedelta(minutes=1), 200


@dataclass(slots=True, eq=False)
class Stretch:
    """Creation times that no listing has covered: after `after`, up to `before` (None: up to now)."""

    after: datetime
    before: datetime | None
    rank: int
    history: bool  # lies before the first poll
    newest_before: datetime | None = None  # the newest job known when the stretch began
    arrivals: int = 0  # the jobs in it that are newer
    overlapping: int = 0  # and those that are not

    @property
    def is_covered(self) -> bool:
        if self.before is None:
            return False
        if self.newest_before and self.overlapping >= MOST_OVERLAPPING:
            return self.before <= self.newest_before - LEAST_OVERLAP
        return self.before <= self.after


def pages_worth_listing(ranks: Iterable[int], page_size: int, page_cost: float) -> int:
    """The number of pages to list at every poll, by how many jobs are newer than each live one.

    A change of a live job beyond them shows only when the job is described again. So a further page is worth its
    call where it shows more live jobs than the Describes it costs, `page_cost`.
    """
    by_page = Counter(rank // page_size for rank in ranks)
    beyond = by_page.total() - by_page[0]
    pages, least = 1, page_cost + beyond
    for page in sorted(by_page.keys() - {0}):
        beyond -= by_page[page]
        if (cost := (page + 1) * page_cost + beyond) < least:
            pages, least = page + 1, cost
    return pages
