# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from typing import Any

import pytest

from datadog_checks.sagemaker_training.counts import News, count_samples, news
from datadog_checks.sagemaker_training.job import TrainingJob
from datadog_checks.sagemaker_training.metrics import Sample
from datadog_checks.sagemaker_training.reading import from_description, from_summary

from .builders import NOW, ago, answer, ended, job, transition

SPOT = [
    transition('Starting', ago(minutes=60), ago(minutes=50)),
    transition('Training', ago(minutes=50), ago(minutes=40)),
    transition('Interrupted', ago(minutes=40), ago(minutes=30)),
    transition('Starting', ago(minutes=30), ago(minutes=25)),
    transition('Interrupted', ago(minutes=25)),
]


def new(job: TrainingJob, counted: dict[str, int] | None = None, since: Any = None) -> dict[str, int]:
    return {name: now - before for name, before, now in news(job, counted or {}, since) if name != 'transitions'}


@pytest.mark.parametrize(
    ('fields', 'counts'),
    [
        ({}, {'jobs.created': 1}),
        ({'SecondaryStatusTransitions': SPOT}, {'jobs.created': 1, 'jobs.interrupted': 2}),
        (
            {
                'TrainingJobStatus': 'Completed',
                'TrainingEndTime': NOW,
                'TrainingTimeInSeconds': 3000,
                'BillableTimeInSeconds': 900,
                'WarmPoolStatus': {'Status': 'Terminated', 'ResourceRetainedBillableTimeInSeconds': 600},
            },
            {
                'jobs.created': 1,
                'jobs.finished': 1,
                'usage.training_time': 3000,
                'usage.billable_time': 900,
                'usage.saved_time': 2100,
                'usage.warm_pool_time': 600,
            },
        ),
        (
            {'TrainingJobStatus': 'Completed', 'TrainingEndTime': NOW, 'BillableTokenCount': 5_000_000},
            {'jobs.created': 1, 'jobs.finished': 1, 'usage.billable_tokens': 5_000_000},
        ),
        (
            {'TrainingJobStatus': 'Stopped', 'TrainingEndTime': NOW, 'BillableTimeInSeconds': 60},
            {'jobs.created': 1, 'jobs.finished': 1, 'usage.billable_time': 60},
        ),
        ({'TrainingJobStatus': 'Deleting'}, {'jobs.created': 1, 'jobs.finished': 1}),
        ({'TrainingJobStatus': 'HibernatingML'}, {'jobs.created': 1}),
    ],
)
def test_a_new_job_counts_with_all_that_happened_to_it(fields: dict[str, Any], counts: dict[str, int]) -> None:
    assert new(job(**fields)) == counts


def test_what_was_counted_is_not_counted_again() -> None:
    over = from_description(
        ended(SecondaryStatusTransitions=SPOT, TrainingTimeInSeconds=3000, BillableTimeInSeconds=900), scrub=str
    )
    counted = {name: now for name, _, now in news(over, {}, None)}
    assert list(news(over, counted, None)) == []
    assert new(over, counted | {'jobs.interrupted': 1, 'usage.billable_time': 800}) == {
        'jobs.interrupted': 1,
        'usage.billable_time': 100,
    }


def test_an_answer_older_than_the_last_takes_nothing_back() -> None:
    assert new(job(), {'jobs.created': 1, 'jobs.finished': 1, 'usage.training_time': 3000}) == {}


def test_what_happened_before_the_first_poll_counts_as_counted() -> None:
    spot = {
        'EnableManagedSpotTraining': True,
        'SecondaryStatusTransitions': SPOT,
        'TrainingTimeInSeconds': 3000,
    }
    over = from_description(ended(**spot), scrub=str)
    assert new(job(**spot), since=ago(minutes=35)) == {'jobs.interrupted': 1}
    assert new(over, since=ago(minutes=35)) == {
        'jobs.interrupted': 1,
        'jobs.finished': 1,
        'usage.training_time': 3000,
    }
    assert new(over, since=NOW) == {}


def test_what_only_a_description_tells_is_not_known_from_a_listing() -> None:
    over = from_summary(ended())
    assert dict.fromkeys(name for name, *_ in news(over, {}, None)) == {'jobs.created': None, 'jobs.finished': None}


def test_a_finished_job_counts_with_its_outcome_and_all_others_without() -> None:
    failed = job(
        TrainingJobStatus='Failed',
        SecondaryStatus='Failed',
        FailureReason='ClientError: no such file',
        WarmPoolStatus={'Status': 'Available'},
    )
    group = ('instance_type:ml.p5.48xlarge',)
    outcome = ('training_job_status:failed', 'secondary_status:failed', 'failure_type:client_error')
    assert list(count_samples(failed, News('jobs.finished', 0, 1))) == [Sample('jobs.finished', 1, (*group, *outcome))]
    assert list(count_samples(failed, News('jobs.created', 0, 1))) == [Sample('jobs.created', 1, group)]
    assert list(count_samples(failed, News('jobs.interrupted', 1, 3))) == [Sample('jobs.interrupted', 2, group)]


@pytest.mark.parametrize(
    ('resources', 'samples'),
    [
        ({'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 3}, {('instance_type:ml.g5.xlarge',): 300}),
        (
            {
                'InstanceGroups': [
                    {'InstanceType': 'ml.p5.48xlarge', 'InstanceCount': 2, 'InstanceGroupName': 'a'},
                    {'InstanceType': 'ml.c5.xlarge', 'InstanceCount': 4, 'InstanceGroupName': 'b'},
                ]
            },
            {('instance_type:ml.p5.48xlarge',): 200, ('instance_type:ml.c5.xlarge',): 400},
        ),
        (
            {'InstanceType': 'a', 'InstanceCount': 9, 'SelectedInstanceType': 'b', 'SelectedInstanceCount': 2},
            {('instance_type:b',): 200},
        ),
        ({}, {}),
    ],
)
def test_time_is_counted_for_each_instance_under_its_own_type(
    resources: dict[str, Any], samples: dict[tuple[str, ...], float]
) -> None:
    new = News('usage.training_time', 50, 150)
    assert {tags: value for _, value, tags in count_samples(job(ResourceConfig=resources), new)} == samples


def test_a_serverless_job_counts_its_tokens() -> None:
    serverless = from_description(answer(ServerlessJobConfig={'BaseModelArn': 'arn'}, ResourceConfig={}), scrub=str)
    new = News('usage.billable_tokens', 0, 70)
    assert list(count_samples(serverless, new)) == [Sample('usage.billable_tokens', 70, ('instance_type:serverless',))]
