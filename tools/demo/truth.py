# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What really happened in a simulated AWS, to compare with what the check has counted."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from datadog_checks.sagemaker_training.aws import PAGE_SIZE
from datadog_checks.sagemaker_training.entry import TAGS_PATIENCE
from tools.aws.fleet import Job
from tools.aws.prices import list_price
from tools.datadog.recording import Recording

SPENT = ('usage.cost', 'usage.warm_pool_cost')


class JobCounts(NamedTuple):
    """How many jobs were created, ended, and lost their spot instances."""

    created: int
    finished: int
    interrupted: int

    def __str__(self) -> str:
        return f'{self.created} jobs created, {self.finished} finished, {self.interrupted} interruptions'


def counted_jobs(recording: Recording) -> JobCounts:
    return JobCounts(
        *(
            int(sum(count.value for count in recording.totals if count.metric == f'jobs.{what}'))
            for what in JobCounts._fields
        )
    )


def true_counts(fleet: Iterable[Job], after: datetime, until: datetime) -> JobCounts:
    """What the scripts of the jobs say happened after the first poll, up to the last.

    What a job without tags does in its first minutes is counted after these: it may still get some.
    """
    happened = Counter(
        what
        for job in fleet
        for what, time in (('created', job.created), ('finished', job.end), *_interruptions(job))
        if after < (time if job.tags else max(time, job.created + TAGS_PATIENCE)) <= until
    )
    return JobCounts(*(happened[what] for what in JobCounts._fields))


def _interruptions(job: Job) -> list[tuple[str, datetime]]:
    return [('interrupted', step.start) for step in job.steps if step.status == 'Interrupted']


class Cost(NamedTuple):
    """Of jobs and their warm pools, in dollars."""

    on_demand: float
    spot: float

    @property
    def total(self) -> float:
        return self.on_demand + self.spot

    def off(self, true: 'Cost') -> str:
        return f'{100 * abs(self.total - true.total) / true.total:.2f} %' if true.total else 'nothing'


def counted_cost(recording: Recording) -> Cost:
    of_all = [series for metric in SPENT for series in recording.series[metric].values()]
    return Cost(*(sum(sum(s.values) for s in of_all if s.tags['managed_spot'] == spot) for spot in ('false', 'true')))


def bill(fleet: Iterable[Job], after: datetime, until: datetime) -> Cost:
    """What AWS would bill by the scripts of the jobs for the time between the two, at its list prices."""
    costs = {False: 0.0, True: 0.0}
    for job in fleet:
        used = _billed(job, until) - _billed(job, after)
        costs[bool(job.fields.get('EnableManagedSpotTraining'))] += _hour(job) * used / 3600
    return Cost(costs[False], costs[True])


def _billed(job: Job, now: datetime) -> float:
    """Seconds of each instance by then, its warm pool's too."""
    kept = min(job.warm_pool.until, now) - job.end if job.warm_pool else timedelta()
    return job.ran(now) * (job.billed or 0) + max(kept.total_seconds(), 0)


def _hour(job: Job) -> float:
    """Of all instances. What was paid up front, or is billed by tokens, costs nothing."""
    cluster = job.fields.get('ResourceConfig', {}) | job.fields_once_started.get('ResourceConfig', {})
    if 'TrainingPlanArn' in cluster:
        return 0
    groups = [
        (group[f'{of}InstanceType'], group[f'{of}InstanceCount'])
        for group in (cluster, *cluster.get('InstanceGroups', ()))
        for of in ('', 'Selected')
        if f'{of}InstanceType' in group
    ]
    return sum(count * list_price(job.region, instance_type) for instance_type, count in groups)


def calls_of_listing_and_describing_all(fleet: Iterable[Job], now: datetime) -> int:
    """What one poll costs a collector that keeps nothing in mind."""
    sizes: dict[tuple[str, str], int] = {}
    for job in fleet:
        if job.created <= now:
            sizes[job.account, job.region] = sizes.get((job.account, job.region), 0) + 1
    return sum(ceil(size / PAGE_SIZE) + size for size in sizes.values())
