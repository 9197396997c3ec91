# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is counted once in a job's life: tables of name and running total, and what of a total is new.

A total only needs the job as last seen. So it does not matter how often or when the job was looked at: what has been
counted of it is remembered, and the difference is counted next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from .job import TrainingJob
from .metrics import Sample, instance_samples, instance_type_tag
from .tags import JOB_TAGS, STATUS_TAGS, tags

TRANSITIONS = 'transitions'
OUTCOME_TAGS = {
    name: (STATUS_TAGS | JOB_TAGS)[name] for name in ('training_job_status', 'secondary_status', 'failure_type')
}
END_OF_TIME = datetime.max.replace(tzinfo=UTC)

# The total up to a time, or None where the job as last seen does not tell.
type Total = Callable[[TrainingJob, datetime], int | None]


class News(NamedTuple):
    """What has not been counted yet: a total stands at `now`, and stood at `before` when it was last counted."""

    name: str
    before: int
    now: int


def _finished(job: TrainingJob, until: datetime) -> int:
    return int(job.over_since is not None and job.over_since <= until)


def _transitions(job: TrainingJob, until: datetime) -> int | None:
    return sum(transition.start <= until for transition in job.transitions) if job.described else None


def _interrupted(job: TrainingJob, until: datetime) -> int | None:
    return sum(interruption.start <= until for interruption in job.interruptions) if job.described else None


def _at_the_end(read: Callable[[TrainingJob], int | None]) -> Total:
    """A total that AWS reports once the job is over, for each of the instances that only a description tells."""

    def total(job: TrainingJob, until: datetime) -> int | None:
        if not job.described:
            return None
        return read(job) if _finished(job, until) else 0

    return total


def _saved(job: TrainingJob) -> int | None:
    if job.training_seconds is None or job.billable_seconds is None:
        return None
    return job.training_seconds - job.billable_seconds


OCCURRENCES: dict[str, Total] = {
    'jobs.created': lambda job, until: int(job.created <= until),
    'jobs.interrupted': _interrupted,
    'jobs.finished': _finished,
}
# Seconds of each instance.
INSTANCE_TIMES: dict[str, Total] = {
    'usage.training_time': _at_the_end(lambda job: job.training_seconds),
    'usage.billable_time': _at_the_end(lambda job: job.billable_seconds),
    'usage.saved_time': _at_the_end(_saved),
    'usage.warm_pool_time': _at_the_end(lambda job: job.warm_pool.retained_seconds if job.warm_pool else None),
}
TOKENS: dict[str, Total] = {'usage.billable_tokens': _at_the_end(lambda job: job.billable_tokens)}

# In this order they are submitted: what happened to a job, then what it used.
COUNTS = OCCURRENCES | INSTANCE_TIMES | TOKENS
TOTALS = {TRANSITIONS: _transitions} | COUNTS


def news(job: TrainingJob, counted: Mapping[str, int], since: datetime | None) -> Iterator[News]:
    """What is new about the job: each total that has grown beyond what was `counted` of it.

    One that has shrunk comes from an answer that is older than the last one, and is not taken back.
    What had happened until `since`, the check's first poll, counts as counted; None for a job created after it.
    """
    for name, total in TOTALS.items():
        now = total(job, END_OF_TIME)
        if now is None:
            continue
        before = counted.get(name)
        if before is None:
            before = total(job, since) if since else 0
        if before is not None and now > before:
            yield News(name, before, now)


def count_samples(job: TrainingJob, new: News) -> Iterator[Sample]:
    """The counts to submit, with the tags they have beyond those of the job's group. Times in instance-seconds.

    Each group of a heterogeneous cluster counts under its own instance type; a serverless job has no instance-seconds.
    """
    increase = new.now - new.before
    if new.name in INSTANCE_TIMES:
        yield from instance_samples(new.name, job, increase)
    elif new.name in COUNTS:
        outcome = tags(job, OUTCOME_TAGS) if new.name == 'jobs.finished' else ()
        yield Sample(new.name, increase, (*instance_type_tag(job.instance_type), *outcome))
