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
LISTING_INCOMPLETE = Problem(
    'The listing is not complete yet', 'The next polls go on with it; until then, jobs are missing.', ''
)


def health(poll: Poll, is_read: bool) -> tuple[Status, list[Problem]]:
    """The status of a region, and what went wrong, each problem once. The words may hold user text.

    CRITICAL if the region could not be listed (`is_read` is False), or all descriptions are denied; WARNING if less is
    denied, the listing is not complete, or all descriptions of this poll failed.
    """
    entries = poll.ledger.entries.values()
    denied = [entry.denied for entry in entries if entry.denied]
    lasting = []
    if denied:
        lasting.append(_as(f'Jobs not described: {len(denied)}.', denied[0]))
    if poll.ledger.tags_denied:
        lasting.append(_as('Resource tags not collected: see `collect_resource_tags`.', poll.ledger.tags_denied))
    if is_read and not poll.ledger.is_complete:
        lasting.append(LISTING_INCOMPLETE)
    all_denied = denied and not any(entry.job.described for entry in entries)
    all_failed = poll.failed and not any(entry.asked_at == poll.now for entry in entries)
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


def poll_gauges(ledger: Ledger, pending_resources: int, now: datetime, duration: float) -> Iterator[Sample]:
    """The gauges of the poll at `now`, which took `duration` seconds."""
    pending = list(ledger.pending())
    lag = (now - min(pending, default=now)).total_seconds()
    yield Sample('poll.duration', duration)
    yield Sample('poll.tracked_jobs', len(ledger.entries))
    yield Sample('poll.pending_jobs', len(pending))
    yield Sample('poll.lag', max(lag, 0))  # the clock may have been put back
    yield Sample('poll.pending_resources', pending_resources)
    yield Sample('poll.listing_complete', int(ledger.is_complete and ledger.listed_at == now))


def _as(symptom: str, problem: Problem) -> Problem:
    return problem._replace(what=f'{symptom} {problem.what}')
