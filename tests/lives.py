# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Jobs that live around a trouble, the polls from minute to minute, and what is to be counted of the jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from datadog_checks.base.stubs.aggregator import ServiceCheckStub
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.fleet import Job, Step, WarmPool

from .builders import ACCOUNT, NOW, REGION
from .world import CAN_CONNECT, World

OTHER = 'eu-west-1'
WORDS = ('created', 'interrupted', 'failed')

# The jobs, and the trouble that they live around: from minute to minute.
LIVES = {
    'before': (0.5, 2.5),
    'into': (1.5, 5.5),
    'across': (2.5, 10.5),
    'within': (4.2, 6.2),
    'from': (5.5, 9.5),
    'after': (8.5, 11.5),
}
BEGIN, END, LAST = 4, 8, 13
POOL = 0.75


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def scripted(name: str, *steps: tuple[str, float], region: str = REGION) -> Job:
    """A spot job of two instances with a warm pool, whose steps begin at these minutes."""
    return Job(
        name,
        ACCOUNT,
        region,
        tuple(Step(status, at(minute)) for status, minute in steps),
        {'ResourceConfig': {'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 2}, 'EnableManagedSpotTraining': True},
        fields_once_ended={'FailureReason': 'ClientError: no data'},
        tags={'team': 'nlp'},
        billed=0.5,
        warm_pool=WarmPool(until=at(steps[-1][1] + POOL)),
    )


def life(name: str, begin: float, end: float, region: str = REGION) -> Job:
    """A job that is interrupted halfway, and fails."""
    path = ('Starting', 'Training', 'Interrupted', 'Starting', 'Training', 'Failed')
    length = (end - begin) / (len(path) - 1)
    return scripted(name, *((status, begin + length * number) for number, status in enumerate(path)), region=region)


def lives(*regions: str) -> list[Job]:
    return [life(name, *span, region) for region in regions or (REGION,) for name, span in LIVES.items()]


def facts(job: Job) -> dict[str, float]:
    """What is to be counted of a job that is created, interrupted once and fails."""
    assert job.training_time
    assert job.billable_time
    return {
        'jobs.created': 1,
        'jobs.interrupted': 1,
        'jobs.finished': 1,
        'usage.training_time': 2 * job.training_time,
        'usage.billable_time': 2 * job.billable_time,
        'usage.saved_time': 2 * (job.training_time - job.billable_time),
        'usage.warm_pool_time': 2 * 60 * POOL,
    }


def start(world: World, **options: Any) -> SagemakerTrainingCheck:
    return world.check(**{'event_on': list(WORDS)} | options)


def poll(world: World, check: SagemakerTrainingCheck, minute: float) -> str:
    """Run the check at that time; the error it came to."""
    world.clock.advance_to(at(minute))
    world.aggregator.reset()
    error = check.run()
    world.take()
    return error


def connection(world: World, region: str = REGION) -> ServiceCheckStub:
    [found] = [check for check in world.aggregator.service_checks(CAN_CONNECT) if f'region:{region}' in check.tags]
    return found


def counted(world: World, job: Job, *tags: str) -> dict[str, float]:
    return world.counted(f'region:{job.region}', f'job_family:{job.name}', *tags)


def assert_each_fact_once(world: World, jobs: Iterable[Job], *tags: str) -> None:
    """All is counted that is to be counted of these jobs, with the tags, and told; and nothing else."""
    jobs = list(jobs)
    assert {job.arn: counted(world, job, *tags) for job in jobs} == {job.arn: facts(job) for job in jobs}
    assert Counter(world.titles) == Counter(f'{job.name} {word}' for job in jobs for word in WORDS)
    total: Counter[str] = Counter()
    for job in jobs:
        total.update(facts(job))
    assert world.counted() == total


CREDENTIALS = 'Check that the credentials of this instance exist and are current'


def burst(count: int = 105) -> list[Job]:
    """More jobs than a page of the listing shows."""
    return [life(f'burst{chr(97 + number // 26)}{chr(97 + number % 26)}', 0.1, 1.1) for number in range(count)]
