# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A job that lives again by its last answer, against the script that it lived by."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.builders import NOW, ago, answer
from tools.aws.fleet import Job, describe
from tools.aws.past import PastJob, as_of, past_jobs, released
from tools.aws.scenario import living_fleet

END = NOW + timedelta(hours=6)
# What the last answer does not tell of the time before.
UNTOLD = {'ProgressInfo'}


def moments(job: Job) -> Iterator[datetime]:
    """Around each change of the job."""
    changes = [job.created, *(step.start for step in job.steps), *(rule.decided for rule in job.rules)]
    # What a pool was billed for is told in whole seconds, rounded up.
    changes += [job.warm_pool.until + timedelta(seconds=1)] if job.warm_pool else []
    for change in changes:
        yield from (change + timedelta(seconds=seconds) for seconds in (-2, 0, 1, 90))


def plain(told: dict[str, Any], job: Job, now: datetime) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in UNTOLD or now >= job.end}


def test_a_job_lives_as_it_did() -> None:
    fleet = [job for job in living_fleet(NOW, 6) if job.created < END]
    lives = {job.arn: job for job in past_jobs([(describe(job, END), job.tags) for job in fleet], END)}
    compared = 0
    for job in fleet:
        for now in moments(job):
            if job.created <= now < END:
                told, was = dict(as_of(lives[job.arn], now)), describe(job, now)
                assert plain(told, job, now) == plain(was, job, now), (job.name, now)
                compared += 1
    assert compared > 5_000


def test_what_is_read_is_shown_from_then_on() -> None:
    read = answer('open', ProgressInfo={'CurrentStep': 7})
    job = PastJob(read, NOW)
    assert as_of(job, NOW) is read
    assert 'ProgressInfo' not in as_of(job, ago(minutes=1))


@pytest.mark.parametrize(
    ('fields', 'over'),
    [
        ({}, None),
        ({'TrainingJobStatus': 'Failed', 'LastModifiedTime': ago(minutes=9)}, ago(minutes=9)),
        ({'TrainingJobStatus': 'Completed', 'TrainingEndTime': ago(minutes=8)}, ago(minutes=8)),
        ({'TrainingJobStatus': 'Deleting', 'TrainingEndTime': ago(minutes=8)}, ago(minutes=8)),
        (
            {
                'TrainingJobStatus': 'Completed',
                'TrainingEndTime': ago(minutes=8),
                'WarmPoolStatus': {'Status': 'Terminated', 'ResourceRetainedBillableTimeInSeconds': 60},
            },
            ago(minutes=7),
        ),
        (
            {
                'TrainingJobStatus': 'Completed',
                'TrainingEndTime': ago(minutes=8),
                'WarmPoolStatus': {'Status': 'Available'},
            },
            None,
        ),
    ],
    ids=['open', 'never started', 'ended', 'of a status of tomorrow', 'pool ended', 'pool kept'],
)
def test_when_a_job_is_over(fields: dict[str, Any], over: datetime | None) -> None:
    told = {name: value for name, value in answer(**fields).items() if name != 'SecondaryStatusTransitions'}
    assert released(told) == over


def test_a_job_without_transitions_has_phases_by_its_start() -> None:
    told = answer(
        TrainingJobStatus='Completed',
        SecondaryStatus='Completed',
        SecondaryStatusTransitions=[],
        CreationTime=ago(minutes=50),
        TrainingStartTime=ago(minutes=30),
        TrainingEndTime=ago(minutes=5),
    )
    job = PastJob(told, NOW)
    seen = [as_of(job, ago(minutes=minutes))['SecondaryStatus'] for minutes in (40, 20, 1)]
    assert seen == ['Starting', 'Training', 'Completed']
