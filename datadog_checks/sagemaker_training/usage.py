# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a job has used up to a moment, in whole seconds of each of its instances. Pure: the job as last seen and a time.

Instances are billed from TrainingStartTime to TrainingEndTime, and a warm pool from there on. How long that was, AWS
reports when it is over: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html. Until
then it is what the transitions show, which is never more. What managed spot training is billed for shows at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from .job import TrainingJob

# In any other status, also one that AWS adds, instances may be awaited. If they were billed, AWS says so at the end.
RUNNING = frozenset({'downloading', 'downloading_training_image', 'training', 'uploading', 'stopping', 'updating'})

# The total up to a time, or None where the job as last seen does not tell.
type Total = Callable[[TrainingJob, datetime], int | None]


def finished(job: TrainingJob, until: datetime) -> int:
    return int(job.over_since is not None and job.over_since <= until)


def at_the_end(read: Callable[[TrainingJob], int | None]) -> Total:
    """A total that AWS reports once the job is over, for each of the instances that only a description tells."""

    def total(job: TrainingJob, until: datetime) -> int | None:
        if not job.described:
            return None
        return read(job) if finished(job, until) else 0

    return total


def as_it_runs(read: Callable[[TrainingJob], int | None]) -> Total:
    """A total that grows while the job runs, and is what AWS reports once the job is over."""
    reported = at_the_end(read)

    def total(job: TrainingJob, until: datetime) -> int | None:
        return _ran(job, until) if _grows(job) and not finished(job, until) else reported(job, until)

    return total


def pool_time(job: TrainingJob, until: datetime) -> int | None:
    """How long a warm pool was kept: at most as long as it may be, until AWS reports how long it was."""
    pool, ended = job.warm_pool, job.ended
    if not job.described or not pool or (retained := pool.retained_seconds) is None and not job.holds_warm_pool:
        return None
    most = job.keep_alive_seconds if retained is None else retained
    if ended is None:
        return retained
    kept = max(int((until - ended).total_seconds()), 0)
    return kept if most is None else min(kept, most)


def saved_time(job: TrainingJob) -> int | None:
    if job.training_seconds is None or job.billable_seconds is None:
        return None
    return job.training_seconds - job.billable_seconds


TRAINING, BILLABLE = 'usage.training_time', 'usage.billable_time'
INSTANCE_TIMES: dict[str, Total] = {
    TRAINING: as_it_runs(lambda job: job.training_seconds),
    BILLABLE: as_it_runs(lambda job: job.billable_seconds),
    'usage.saved_time': at_the_end(saved_time),
    'usage.warm_pool_time': pool_time,
}


def accrues(job: TrainingJob) -> bool:
    """Whether what the job uses grows with each look at it."""
    return _grows(job) if job.is_open else job.holds_warm_pool


def seen_until(job: TrainingJob, seen_at: datetime | None) -> datetime | None:
    """Up to when it is known what the job did, which was seen then: at least to the end of what is over."""
    over_since = job.over_since
    if over_since is None:
        return seen_at
    return max(over_since, seen_at or over_since, job.released or over_since)


def excess(job: TrainingJob, counted: Mapping[str, int]) -> dict[str, int]:
    """By how much more was counted of a job that is over than AWS has billed; it is not taken back."""
    until = seen_until(job, None) if job.described else None
    if until is None:
        return {}
    totals = {name: total(job, until) for name, total in INSTANCE_TIMES.items() if name in counted}
    return {name: counted[name] - now for name, now in totals.items() if now is not None and counted[name] > now}


def _grows(job: TrainingJob) -> bool:
    return job.described and not job.managed_spot and bool(job.instances)


def _ran(job: TrainingJob, until: datetime) -> int:
    """The status the job is in goes on to `until`; one that a listing has seen come to an end since, does not."""
    if not job.started:
        return 0
    ran = timedelta()
    for transition in job.transitions:
        if transition.status in RUNNING:
            start, end = max(transition.start, job.started), transition.end
            if end is None:
                end = until if transition.status == job.secondary_status else start
            elif end > until:
                end = until
            if start < end:
                ran += end - start
    return int(ran.total_seconds())
