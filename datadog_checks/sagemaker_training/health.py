# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a poll tells about itself: its service check, its own gauges, and whether it makes too many time series."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Literal

from .ledger import Ledger
from .metrics import Sample
from .poll import Poll
from .tags import OWN_TAGS

# More groups of jobs than a person looks at, and hardly two jobs in one: then a tag tells runs apart, not pipelines.
MANY_GROUPS = 200
FEW_JOBS = 1.5

type Status = Literal['OK', 'WARNING', 'CRITICAL']


def health(poll: Poll, is_read: bool) -> tuple[Status, str]:
    """The status of a region, and a message: what went wrong, and what to do about it. It may hold user text.

    CRITICAL if the region could not be listed (`is_read` is False), or all descriptions are denied; WARNING if less is
    denied, or all descriptions of this poll failed.
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
    status: Status = 'CRITICAL' if all_denied or not is_read else 'WARNING' if messages or all_failed else 'OK'
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


def too_many_groups(groups: Collection[Sequence[str]]) -> str:
    """What to do if the group tags, one list for each job, make nearly each job a time series; else empty."""
    if len(groups) <= MANY_GROUPS:
        return ''
    distinct = set(map(tuple, groups))
    if len(distinct) <= MANY_GROUPS or len(groups) >= FEW_JOBS * len(distinct):
        return ''
    values = Counter(tag.partition(':')[0] for tag in set().union(*distinct)).most_common()
    names = [name for name, number in values if number > len(distinct) / 2] or [values[0][0]]
    return (
        f'{len(groups)} jobs are in {len(distinct)} groups, and each group is a time series of its own of each metric '
        f'of the fleet. What varies most: {" ".join(f"{name}: {_remedy(name)}" for name in sorted(names))}'
    )


def _remedy(name: str) -> str:
    if name == 'job_family':
        return 'tell what the runs of one pipeline share, with `job_family_patterns` or `job_family_tag`.'
    if name not in OWN_TAGS:
        return 'leave it out of `resource_tags_as_metric_tags`.'
    return 'leave it out with Metrics without Limits, see https://docs.datadoghq.com/metrics/metrics-without-limits/.'


def _any_at(now: datetime, times: Iterator[datetime | None]) -> bool:
    return any(time == now for time in times)
