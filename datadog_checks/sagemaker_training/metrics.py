# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The gauges of training jobs: tables of metric name and reader; a reader that has no value yields None or nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from .job import TrainingJob


class Sample(NamedTuple):
    """One value to submit, with the tags it has beyond those of its job or fleet group."""

    name: str
    value: float
    tags: tuple[str, ...] = ()


def _elapsed(job: TrainingJob, now: datetime) -> float | None:
    return _seconds(job.started, job.over_since or now) if job.started else None


def _pending(job: TrainingJob, now: datetime) -> float | None:
    return _seconds(job.created, job.started or job.over_since or now)


def _spot_savings(job: TrainingJob, _: datetime) -> float | None:
    """Percent, by the formula in AWS's documentation of BillableTimeInSeconds."""
    if not job.managed_spot or job.billable_seconds is None or not job.training_seconds:
        return None
    return (1 - job.billable_seconds / job.training_seconds) * 100


def _interruptions(job: TrainingJob, _: datetime) -> float | None:
    return len(job.interruptions) if job.transitions else None


def _restarts(job: TrainingJob, _: datetime) -> float | None:
    starts = sum(transition.status == 'starting' for transition in job.transitions)
    return starts - 1 if starts else None


def _max_runtime_used(job: TrainingJob, now: datetime) -> float | None:
    return _percent(job.run_time(now), job.max_runtime_seconds)


def _max_wait_used(job: TrainingJob, now: datetime) -> float | None:
    """AWS's clock for this limit goes on while the job waits, and while it runs."""
    return _percent(_seconds(job.created, job.over_since or now), job.max_wait_seconds) if job.managed_spot else None


def _current_wait(job: TrainingJob, now: datetime) -> float | None:
    return _seconds(job.current_wait.start, now) if job.current_wait else None


def _idle(job: TrainingJob, now: datetime) -> float | None:
    return _seconds(job.ended, now) if job.holds_warm_pool and job.ended else None


def _completed(job: TrainingJob, _: datetime) -> float | None:
    """Percent of all steps; AWS counts epochs from 1, and steps within the epoch."""
    progress = job.progress
    if not progress or not progress.epochs or not progress.steps_per_epoch:
        return None
    if progress.epoch is None or progress.step is None:
        return None
    steps = max(progress.epoch - 1, 0) * progress.steps_per_epoch + progress.step
    return min(steps / (progress.epochs * progress.steps_per_epoch), 1) * 100


def _retained(job: TrainingJob, _: datetime) -> float | None:
    return job.warm_pool.retained_seconds if job.warm_pool else None


type JobReader = Callable[[TrainingJob, datetime], float | None]

JOB_GAUGES: dict[str, JobReader] = {
    'job.elapsed_time': _elapsed,
    'job.pending_time': _pending,
    'job.training_time': lambda job, _: job.training_seconds,
    'job.billable_time': lambda job, _: job.billable_seconds,
    'job.billable_instance_time': lambda job, _: _times(job.billable_seconds, job.instance_count),
    'job.spot_savings': _spot_savings,
    'job.interruptions': _interruptions,
    'job.restarts': _restarts,
    'job.instances': lambda job, _: job.instance_count,
    'job.volume_size': lambda job, _: job.volume_gib,
    'job.max_runtime': lambda job, _: job.max_runtime_seconds,
    'job.max_wait_time': lambda job, _: job.max_wait_seconds,
    'job.max_pending_time': lambda job, _: job.max_pending_seconds,
    'job.keep_alive_period': lambda job, _: job.keep_alive_seconds,
    'job.max_runtime_used': _max_runtime_used,
    'job.max_wait_used': _max_wait_used,
    'job.current_wait': _current_wait,
    'job.warm_pool.retained_billable_time': _retained,
    'job.warm_pool.retained_billable_instance_time': lambda job, now: _times(_retained(job, now), job.instance_count),
    'job.warm_pool.idle_time': _idle,
    'job.progress.step': lambda job, _: job.progress.step if job.progress else None,
    'job.progress.epoch': lambda job, _: job.progress.epoch if job.progress else None,
    'job.progress.completed': _completed,
    'job.billable_tokens': lambda job, _: job.billable_tokens,
    'job.maximum_retry_attempts': lambda job, _: job.maximum_retry_attempts,
}


def _phases(job: TrainingJob, now: datetime) -> Iterator[Sample]:
    seconds: defaultdict[str, float] = defaultdict(float)
    for transition in job.transitions:
        seconds[transition.status] += _seconds(transition.start, transition.end or job.over_since or now)
    for phase, total in seconds.items():
        yield Sample('job.phase_time', total, (f'phase:{phase}',))


def _final_metrics(job: TrainingJob, _: datetime) -> Iterator[Sample]:
    for name, value in job.final_metrics:
        if math.isfinite(value):
            yield Sample('job.final_metric', value, (f'metric_name:{name}',))


def _rules(job: TrainingJob, _: datetime) -> Iterator[Sample]:
    for rule in job.rules:
        yield Sample('job.rules', 1, (f'rule_kind:{rule.kind}', f'rule_name:{rule.name}', f'rule_status:{rule.status}'))


TAGGED_JOB_GAUGES = (_phases, _final_metrics, _rules)


def job_gauges(job: TrainingJob, now: datetime, longest_run: int | None = None) -> Iterator[Sample]:
    """All gauges of one described job at `now`; `longest_run` is that of its family, in seconds, if one is known."""
    for name, read in JOB_GAUGES.items():
        if (value := read(job, now)) is not None:
            yield Sample(name, value)
    for read_tagged in TAGGED_JOB_GAUGES:
        yield from read_tagged(job, now)
    if longest_run and job.is_open and (run_time := job.run_time(now)) is not None:
        yield Sample('job.runtime_ratio', run_time / longest_run)


def fleet_gauges(job: TrainingJob) -> Iterator[Sample]:
    """What one job adds to the gauges of its fleet, tagged with the type of the instances that are meant."""
    if job.is_open:
        yield Sample('jobs.open', 1, instance_type_tag(job.instance_type))
        yield from instance_samples('instances.open', job)
    elif job.holds_warm_pool:
        yield Sample('warm_pools.available', 1, instance_type_tag(job.instance_type))
        yield from instance_samples('warm_pools.instances', job)


def instance_samples(name: str, job: TrainingJob, each: float = 1) -> Iterable[Sample]:
    """`each` x the instances of every group, tagged with the group's own type."""
    return (Sample(name, each * group.count, instance_type_tag(group.type)) for group in job.instances)


def instance_type_tag(name: str | None) -> tuple[str, ...]:
    return (f'instance_type:{name}',) if name else ()


def _seconds(start: datetime, end: datetime) -> float:
    """At least 0: the clocks of AWS and of this machine may differ."""
    return max((end - start).total_seconds(), 0.0)


def _percent(used: float | None, limit: int | None) -> float | None:
    return used / limit * 100 if used is not None and limit else None


def _times(seconds: float | None, count: int | None) -> float | None:
    return seconds * count if seconds is not None and count is not None else None
