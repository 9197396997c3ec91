# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a poll tells about itself: its service check and its own gauges."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from .ledger import Ledger
from .metrics import Sample
from .poll import Poll

type Status = Literal['OK', 'WARNING', 'CRITICAL']


def health(poll: Poll, is_read: bool) -> tuple[Status, str]:
    """The status of a region, and a message: what went wrong, and what to do about it. It may hold user text.

    CRITICAL if the region could not be listed (`is_read` is False), or all descriptions are denied; WARNING if less is
    denied, the listing is not complete, or all descriptions of this poll failed.
    """
    entries = poll.ledger.entries.values()
    denied = [entry.denied for entry in entries if entry.denied]
    messages = []
    if denied:
        messages.append(f'Jobs not described: {len(denied)}. {denied[0]}')
    if poll.ledger.tags_denied:
        messages.append(f'Resource tags not collected: see `collect_resource_tags`. {poll.ledger.tags_denied}')
    if is_read and not poll.ledger.is_complete:
        messages.append('The listing is not complete yet: jobs are missing, the next polls go on with it.')
    all_denied = denied and not any(entry.job.described for entry in entries)
    all_failed = poll.failed.is_set() and not any(entry.asked_at == poll.now for entry in entries)
    status: Status = 'CRITICAL' if all_denied or not is_read else 'WARNING' if messages or all_failed else 'OK'
    passing = {problem.code: str(problem) for problem in poll.problems}.values()
    return status, ' '.join([*passing, *messages])


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
