# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is counted once in a job's life: tables of name and running total, and what of a total is new.

A total only needs the job as last seen, and when that was. So it does not matter how often or when the job was looked
at: what has been counted of it is remembered, and the difference is counted next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from .job import TrainingJob
from .metrics import Sample, instance_samples, instance_type_tag
from .tags import JOB_TAGS, STATUS_TAGS, tags
from .usage import INSTANCE_TIMES, Total, at_the_end, finished, seen_until

TRANSITIONS = 'transitions'
OUTCOME_TAGS = {
    name: (STATUS_TAGS | JOB_TAGS)[name] for name in ('training_job_status', 'secondary_status', 'failure_type')
}
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class News(NamedTuple):
    """What has not been counted yet: a total stands at `now`, and stood at `before` when it was last counted."""

    name: str
    before: int
    now: int


def _transitions(job: TrainingJob, until: datetime) -> int | None:
    return sum(transition.start <= until for transition in job.transitions) if job.described else None


def _interrupted(job: TrainingJob, until: datetime) -> int | None:
    return sum(interruption.start <= until for interruption in job.interruptions) if job.described else None


OCCURRENCES: dict[str, Total] = {
    'jobs.created': lambda job, until: int(job.created <= until),
    'jobs.interrupted': _interrupted,
    'jobs.finished': finished,
}
TOKENS: dict[str, Total] = {'usage.billable_tokens': at_the_end(lambda job: job.billable_tokens)}

# In this order they are submitted: what happened to a job, then what it used.
COUNTS = OCCURRENCES | INSTANCE_TIMES | TOKENS
TOTALS = {TRANSITIONS: _transitions} | COUNTS


def news(
    job: TrainingJob,
    counted: Mapping[str, int],
    since: datetime | None,
    seen_at: datetime | None = None,
    totals: Mapping[str, Total] = TOTALS,
) -> Iterator[News]:
    """What is new about the job, seen so at that time: each total that has grown beyond what was `counted` of it.

    One that has shrunk comes from an answer that is older than the last one, or was more than AWS bills, and is not
    taken back. What had happened until `since`, the check's first poll, counts as counted, and a job that was over then
    with all that comes after; None for a job created after it.
    """
    if since and finished(job, since):
        return
    seen = seen_until(job, seen_at)
    for name, total in totals.items():
        until = seen if name in INSTANCE_TIMES else END_OF_TIME
        now = total(job, until) if until else None
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
