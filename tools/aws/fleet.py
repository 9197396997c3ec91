# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Training jobs whose whole life is scripted when they are made: what AWS says of one is a function of job and time."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from moto.utilities.utils import get_partition

# Primary status by secondary status; every other secondary status is one of a job in progress.
STATUSES = {
    'Stopping': 'Stopping',
    'Completed': 'Completed',
    'Failed': 'Failed',
    'Stopped': 'Stopped',
    'MaxRuntimeExceeded': 'Stopped',
    'MaxWaitTimeExceeded': 'Stopped',
}

# Secondary statuses in which no instance runs: nothing in them is training time.
WAITING = frozenset({'Pending', 'Starting', 'Interrupted'})

SUMMARY_MEMBERS = (
    'TrainingJobName',
    'TrainingJobArn',
    'CreationTime',
    'TrainingEndTime',
    'LastModifiedTime',
    'TrainingJobStatus',
    'SecondaryStatus',
    'WarmPoolStatus',
)


@dataclass(frozen=True, slots=True)
class Step:
    """One secondary-status transition: it lasts until the next step starts. The last step ends the job as it starts."""

    status: str
    start: datetime
    message: str = ''


@dataclass(frozen=True, slots=True)
class WarmPool:
    """A cluster kept from the job's end `until` the job `reused_by` takes it over or, without one, it is terminated."""

    until: datetime
    taken_over: bool = False
    reused_by: str = ''


@dataclass(frozen=True, slots=True)
class Rule:
    """A `Debug` or `Profiler` rule, evaluated while the job runs until its verdict is `decided`."""

    kind: str
    name: str
    verdict: str
    decided: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """A training job and its script. The `fields` are members of the DescribeTrainingJob answer, under AWS's names."""

    name: str
    account: str
    region: str
    steps: tuple[Step, ...]
    fields: Mapping[str, Any]
    fields_once_started: Mapping[str, Any] = field(default_factory=dict)
    fields_once_ended: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    billed: float | None = 1.0
    """Share of the training time that is billed; None for jobs that are billed by other things than time."""
    warm_pool: WarmPool | None = None
    rules: tuple[Rule, ...] = ()
    progress: tuple[int, int] | None = None
    """Steps per epoch and epochs, for jobs that report their progress."""

    @property
    def arn(self) -> str:
        partition = get_partition(self.region)
        return f'arn:{partition}:sagemaker:{self.region}:{self.account}:training-job/{self.name}'

    @property
    def created(self) -> datetime:
        return self.steps[0].start

    @property
    def started(self) -> datetime | None:
        """When the instances first run, or None if they never do."""
        return next((step.start for step in self.steps[:-1] if step.status not in WAITING), None)

    @property
    def end(self) -> datetime:
        return self.steps[-1].start

    @property
    def status(self) -> str:
        """The primary status the job ends with."""
        return STATUSES[self.steps[-1].status]

    @property
    def training_time(self) -> int | None:
        """Whole seconds, rounded up, that the instances ran by the end; None if they never did."""
        return math.ceil(self.ran(self.end)) or None

    @property
    def billable_time(self) -> int | None:
        """Whole seconds billed at the end; None if no time is."""
        if self.training_time is None or self.billed is None:
            return None
        return math.ceil(self.training_time * self.billed)

    def ran(self, now: datetime) -> float:
        """Seconds that the instances have run by then."""
        running = (length for status, length in self._lengths(now) if status not in WAITING)
        return sum(running, timedelta()).total_seconds()

    def trained(self, now: datetime) -> float:
        """The share of the job's training that is behind it."""
        trained, total = (
            sum((length for status, length in self._lengths(until) if status == 'Training'), timedelta())
            for until in (now, self.end)
        )
        return trained / total if total else 0.0

    def _lengths(self, until: datetime) -> Iterable[tuple[str, timedelta]]:
        """How long each step reached `until` then has lasted."""
        for step, following in zip(self.steps, self.steps[1:], strict=False):
            if step.start < until:
                yield step.status, min(following.start, until) - step.start


def is_open(job: Job, now: datetime) -> bool:
    """Whether the job exists and has not ended."""
    return job.created <= now < job.end


def describe(job: Job, now: datetime) -> dict[str, Any]:
    """AWS's DescribeTrainingJob answer at `now`, which must not be before the job's creation."""
    current = [step for step in job.steps if step.start <= now][-1]
    answer = {
        **job.fields,
        'TrainingJobName': job.name,
        'TrainingJobArn': job.arn,
        'TrainingJobStatus': STATUSES.get(current.status, 'InProgress'),
        'SecondaryStatus': current.status,
        'SecondaryStatusTransitions': _transitions(job, now),
        'CreationTime': job.created,
        'LastModifiedTime': current.start,
    }
    if job.started and job.started <= now:
        answer |= {'TrainingStartTime': job.started, **job.fields_once_started}
        answer |= _progress(job, now) | _rules(job, now)
    if job.end <= now:
        times = {'TrainingTimeInSeconds': job.training_time, 'BillableTimeInSeconds': job.billable_time}
        answer |= {'TrainingEndTime': job.end, **job.fields_once_ended, **{k: v for k, v in times.items() if v}}
    return answer | _warm_pool(job, now)


def summarize(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The TrainingJobSummary that ListTrainingJobs shows of a job with this DescribeTrainingJob answer."""
    plan = answer.get('ResourceConfig', {}).get('TrainingPlanArn')
    summary = {member: answer[member] for member in SUMMARY_MEMBERS if member in answer}
    return summary | ({'TrainingPlanArn': plan} if plan else {})


def summary(job: Job, now: datetime) -> dict[str, Any]:
    """AWS's TrainingJobSummary at `now`, which must not be before the job's creation."""
    return summarize(describe(job, now))


def summaries(job: Job) -> Callable[[datetime], Mapping[str, Any]]:
    """`summary` of the job by time."""
    pool = {job.warm_pool.until} if job.warm_pool else set()
    return told_once({step.start for step in job.steps} | pool, partial(summary, job))


def told_once(
    changes: Iterable[datetime], tell: Callable[[datetime], Mapping[str, Any]]
) -> Callable[[datetime], Mapping[str, Any]]:
    """What it tells by time, worked out once for each change: listings show the same hundred jobs at every poll."""
    moments = sorted(changes)

    @cache
    def since(number: int) -> Mapping[str, Any]:
        return tell(moments[number])

    return lambda now: since(bisect_right(moments, now) - 1)


def _transitions(job: Job, now: datetime) -> list[dict[str, Any]]:
    """The steps so far; all but the one the job is in have ended, and the last one ends as it starts."""
    ends = (*(step.start for step in job.steps[1:]), job.end)
    return [
        {'Status': step.status, 'StartTime': step.start, 'StatusMessage': step.message}
        | ({'EndTime': end} if end <= now else {})
        for step, end in zip(job.steps, ends, strict=True)
        if step.start <= now
    ]


def _progress(job: Job, now: datetime) -> dict[str, Any]:
    """Epochs count from 1 and steps from 0, as the SageMaker SDK reads them."""
    if job.progress is None:
        return {}
    steps, epochs = job.progress
    done = int(steps * epochs * job.trained(now))
    epoch = min(done // steps, epochs - 1)
    return {
        'ProgressInfo': {
            'TotalStepCountPerEpoch': steps,
            'CurrentStep': done - epoch * steps,
            'CurrentEpoch': epoch + 1,
            'MaxEpoch': epochs,
        }
    }


def _rules(job: Job, now: datetime) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for rule in job.rules:
        decided = rule.decided <= now
        answer.setdefault(f'{rule.kind}RuleEvaluationStatuses', []).append(
            {
                'RuleConfigurationName': rule.name,
                'RuleEvaluationJobArn': job.arn.replace(':training-job/', ':processing-job/') + f'-{rule.name}'.lower(),
                'RuleEvaluationStatus': rule.verdict if decided else 'InProgress',
                'LastModifiedTime': rule.decided if decided else job.started,
            }
        )
    return answer


def _warm_pool(job: Job, now: datetime) -> dict[str, Any]:
    pool = job.warm_pool
    if pool is None or (now < job.end and not pool.taken_over):
        return {}
    if now < job.end:
        return {'WarmPoolStatus': {'Status': 'InUse'}}
    if now < pool.until:
        return {'WarmPoolStatus': {'Status': 'Available'}}
    retained = math.ceil((pool.until - job.end).total_seconds())
    reuse = {'Status': 'Reused', 'ReusedByJob': pool.reused_by} if pool.reused_by else {'Status': 'Terminated'}
    return {'WarmPoolStatus': reuse | {'ResourceRetainedBillableTimeInSeconds': retained}}
