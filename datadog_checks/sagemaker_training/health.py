# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a poll tells about itself: its service check and its own gauges."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from .errors import Malformed
from .ledger import Ledger
from .metrics import Sample
from .poll import Poll

type Status = Literal['OK', 'WARNING', 'CRITICAL']


def health(poll: Poll, is_read: bool) -> tuple[Status, str]:
    """The status of a region, and a message: what went wrong, and what to do about it. It may hold user text.

    CRITICAL if the region could not be listed (`is_read` is False), or all descriptions are denied; WARNING if less is
    denied, or all descriptions of this poll failed, or AWS has told of a job what it cannot be.
    """
    entries = poll.ledger.entries.values()
    denied = [entry.denied for entry in entries if entry.denied]
    messages = []
    if denied:
        messages.append(f'Jobs not described: {len(denied)}. {denied[0]}')
    if poll.ledger.tags_denied:
        messages.append(f'Resource tags not collected: see `collect_resource_tags`. {poll.ledger.tags_denied}')
    all_denied = denied and not any(entry.job.described for entry in entries)
    all_failed = _any_at(poll.now, (entry.failed_at for entry in entries)) and not _any_at(
        poll.now, (entry.asked_at for entry in entries)
    )
    malformed = any(isinstance(problem, Malformed) for problem in poll.problems)  # until then a job is not followed
    is_whole = not (messages or all_failed or malformed)
    status: Status = 'CRITICAL' if all_denied or not is_read else 'OK' if is_whole else 'WARNING'
    passing = {problem.code: str(problem) for problem in poll.problems}.values()
    return status, ' '.join([*passing, *messages])


def poll_gauges(ledger: Ledger, now: datetime, duration: float) -> Iterator[Sample]:
    """The gauges of the poll at `now`, which took `duration` seconds."""
    pending = list(ledger.pending())
    lag = (now - min(pending, default=now)).total_seconds()
    yield Sample('poll.duration', duration)
    yield Sample('poll.tracked_jobs', len(ledger.entries))
    yield Sample('poll.pending_jobs', len(pending))
    yield Sample('poll.lag', max(lag, 0))  # the clock may have been put back


def _any_at(now: datetime, times: Iterator[datetime | None]) -> bool:
    return any(time == now for time in times)
