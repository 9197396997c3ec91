# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a poll tells about itself: its service check and its own gauges."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Literal

from .errors import Problem
from .ledger import Ledger
from .metrics import Sample
from .poll import Poll
from .text import fitted

type Status = Literal['OK', 'WARNING', 'CRITICAL']

LONGEST_MESSAGE = 500  # of a service check, as Datadog shows it


def health(poll: Poll, is_read: bool) -> tuple[Status, list[Problem]]:
    """The status of a region, and what went wrong, each problem once. The words may hold user text.

    CRITICAL if the region could not be listed (`is_read` is False), or all descriptions are denied; WARNING if less is
    denied, or all descriptions of this poll failed.
    """
    entries = poll.ledger.entries.values()
    denied = [entry.denied for entry in entries if entry.denied]
    lasting = []
    if denied:
        lasting.append(_as(f'Jobs not described: {len(denied)}.', denied[0]))
    if poll.ledger.tags_denied:
        lasting.append(_as('Resource tags not collected: see `collect_resource_tags`.', poll.ledger.tags_denied))
    all_denied = denied and not any(entry.job.described for entry in entries)
    all_failed = _any_at(poll.now, (entry.failed_at for entry in entries)) and not _any_at(
        poll.now, (entry.asked_at for entry in entries)
    )
    status: Status = 'CRITICAL' if all_denied or not is_read else 'WARNING' if lasting or all_failed else 'OK'
    passing = {error.problem.what: error.problem for error in poll.problems}.values()
    return status, [*passing, *lasting]


def message(problems: Sequence[Problem], longest: int = LONGEST_MESSAGE) -> str:
    """The problems in so many characters: of each what failed and its remedy, then AWS's words as far as they fit."""
    room = longest - 2 * len(problems) + 1  # spaces between
    summaries = fitted([f'{problem.what}: {problem.remedy}' for problem in problems], room)
    words = fitted([problem.words for problem in problems], room - sum(map(len, summaries)))
    parts = chain.from_iterable(zip(summaries, words, strict=True))
    return ' '.join(filter(None, parts))


def poll_gauges(ledger: Ledger, now: datetime, duration: float) -> Iterator[Sample]:
    """The gauges of the poll at `now`, which took `duration` seconds."""
    pending = list(ledger.pending())
    lag = (now - min(pending, default=now)).total_seconds()
    yield Sample('poll.duration', duration)
    yield Sample('poll.tracked_jobs', len(ledger.entries))
    yield Sample('poll.pending_jobs', len(pending))
    yield Sample('poll.lag', max(lag, 0))  # the clock may have been put back


def _as(symptom: str, problem: Problem) -> Problem:
    return problem._replace(what=f'{symptom} {problem.what}')


def _any_at(now: datetime, times: Iterator[datetime | None]) -> bool:
    return any(time == now for time in times)
