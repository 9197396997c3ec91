# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from datadog_checks.sagemaker_training.job import Instances, TrainingJob
from datadog_checks.sagemaker_training.reading import from_description, from_summary

from .builders import ACCOUNT, NOW, ago, answer, arn, ended, full_answer, job, transition


@pytest.mark.parametrize(
    ('resources', 'instances', 'instance_type', 'count'),
    [
        ({'InstanceType': 'ml.g5', 'InstanceCount': 3}, [('ml.g5', 3)], 'ml.g5', 3),
        ({'InstanceType': 'ml.g5', 'InstanceCount': 0}, [('ml.g5', 0)], 'ml.g5', 0),
        (
            {
                'InstancePreferences': [{'InstanceType': 'ml.p5', 'InstanceCount': 8}],
                'SelectedInstanceType': 'ml.p4d',
                'SelectedInstanceCount': 4,
                'InstanceType': 'ml.g5',
                'InstanceCount': 1,
            },
            [('ml.p4d', 4)],
            'ml.p4d',
            4,
        ),
        (
            {
                'InstanceGroups': [
                    {'InstanceGroupName': 'a', 'InstanceType': 'ml.p4d', 'InstanceCount': 2},
                    {'InstanceGroupName': 'b', 'InstanceType': 'ml.c5', 'InstanceCount': 5},
                ]
            },
            [('ml.p4d', 2), ('ml.c5', 5)],
            'heterogeneous',
            7,
        ),
        ({'InstancePreferences': [{'InstanceType': 'ml.p5', 'InstanceCount': 8}]}, [], None, None),
    ],
)
def test_the_instances_are_those_that_are_billed(
    resources: dict[str, Any], instances: list[tuple[str, int]], instance_type: str | None, count: int | None
) -> None:
    described = job(ResourceConfig=resources)
    assert list(described.instances) == [Instances(*group) for group in instances]
    assert (described.instance_type, described.instance_count) == (instance_type, count)


def test_a_serverless_job_has_no_instances() -> None:
    serverless = job(ResourceConfig={}, ServerlessJobConfig={'BaseModelArn': 'x', 'JobType': 'FineTuning'})
    assert (serverless.instance_type, serverless.instance_count) == ('serverless', None)


@pytest.mark.parametrize(
    ('reason', 'failure_type'),
    [
        ('AlgorithmError: ExecuteUserScriptError: ExitCode 1', 'algorithm_error'),
        ('ClientError: no access to the bucket', 'client_error'),
        ('CapacityError: Unable to provision requested ML compute capacity', 'capacity_error'),
        ('InternalServerError: We encountered an internal error', 'internal_server_error'),
        ('Please try again', 'other'),
        ('InsufficientInstanceCapacity', 'capacity_error'),
        ('Failed to launch: InsufficientInstanceCapacityException when calling RunInstances', 'capacity_error'),
        ('Unable to provision requested ML compute capacity. Please retry', 'capacity_error'),
        ('ResourceLimitExceeded: The account-level service limit is 0 Instances', 'client_error'),
        ('An error occurred (AccessDeniedException) when calling GetObject', 'client_error'),
        ('We encountered an internal error. Please try again.', 'internal_server_error'),
        ('ExecuteUserScriptError: ExitCode 1', 'algorithm_error'),
        ('Training failed. Reason: AlgorithmError: then ClientError', 'algorithm_error'),
        ('AlgorithmError: InsufficientInstanceCapacity in the user text', 'algorithm_error'),
        ('MyInsufficientInstanceCapacity', 'other'),
        (None, 'other'),
    ],
)
def test_the_prefix_of_the_failure_reason_tells_its_type_or_the_first_of_awss_words(
    reason: str | None, failure_type: str
) -> None:
    fields = {'FailureReason': reason} if reason else {}
    assert job(TrainingJobStatus='Failed', **fields).failure_type == failure_type


def test_only_a_failed_job_has_a_failure_type() -> None:
    assert job(TrainingJobStatus='Stopped', FailureReason='ClientError: x').failure_type is None


@pytest.mark.parametrize(
    ('status', 'end', 'is_open'),
    [
        ('InProgress', None, True),
        ('Stopping', None, True),
        ('Completed', NOW, False),
        ('Failed', None, False),  # never started
        ('Stopped', None, False),
        ('Deleting', None, False),
        ('Hibernating', None, True),  # a status AWS may add
        ('Archived', NOW, False),
    ],
)
def test_a_job_is_open_until_it_has_ended(status: str, end: datetime | None, is_open: bool) -> None:
    assert job(TrainingJobStatus=status, **({'TrainingEndTime': end} if end else {})).is_open is is_open


def test_a_status_aws_adds_passes_through() -> None:
    described = job(
        TrainingJobStatus='HibernatingML',
        SecondaryStatus='CoolingDownGPUs',
        SecondaryStatusTransitions=[transition('CoolingDownGPUs', NOW)],
        WarmPoolStatus={'Status': 'LukeWarm'},
    )
    assert described.status == 'hibernating_ml'
    assert described.secondary_status == 'cooling_down_gpus'
    assert described.transitions[0].status == 'cooling_down_gpus'
    assert described.warm_pool is not None
    assert described.warm_pool.status == 'luke_warm'


def test_a_summary_and_a_description_agree_on_what_both_show() -> None:
    described = answer(WarmPoolStatus={'Status': 'InUse'})
    summary = from_summary(described)
    assert job(WarmPoolStatus={'Status': 'InUse'}).updated(summary) == job(WarmPoolStatus={'Status': 'InUse'})
    assert summary.account_id == ACCOUNT


def test_what_a_summary_leaves_out_is_still_known() -> None:
    bare = {'TrainingJobName': 'job', 'TrainingJobArn': arn('job'), 'CreationTime': ago(hours=1)}
    described = job(WarmPoolStatus={'Status': 'InUse'})
    updated = described.updated(from_summary(bare | {'TrainingJobStatus': 'Stopping'}))
    assert updated == replace(described, status='stopping')


def test_the_full_answer_is_read() -> None:
    full = from_description(full_answer(), scrub=str)
    unread = {name for name in TrainingJob.__slots__ if getattr(full, name) in (None, ())}
    assert not unread


def test_of_a_final_metric_that_stands_twice_the_later_timestamp_wins() -> None:
    values = [
        ('loss', 0.1, ago(minutes=1)), ('loss', 0.9, ago(minutes=9)), ('auc', 0.5, None), ('auc', 0.7, ago(minutes=2)),
        ('auc', 0.6, None), ('f1', 0.3, NOW), ('f1', 0.4, NOW), ('rmse', 1.0, None), ('rmse', 2.0, None),
    ]  # fmt: skip
    described = job(
        FinalMetricDataList=[
            {'MetricName': name, 'Value': value} | ({'Timestamp': at} if at else {}) for name, value, at in values
        ]
    )
    assert sorted(described.final_metrics) == [('auc', 0.7), ('f1', 0.4), ('loss', 0.1), ('rmse', 2.0)]


def test_times_become_utc() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=-8)))
    described = job(CreationTime=local, TrainingStartTime=local)
    assert described.created.tzinfo is UTC
    assert described.started == NOW
    assert described.started is not None
    assert described.started.tzinfo is UTC


def test_user_text_is_scrubbed_as_it_is_read() -> None:
    scrubbed = from_description(
        answer(
            FailureReason='a',
            FinalMetricDataList=[{'MetricName': 'b', 'Value': 1.0}],
            DebugRuleEvaluationStatuses=[{'RuleConfigurationName': 'c', 'RuleEvaluationStatus': 'Stopped'}],
        ),
        scrub=str.upper,
    )
    assert scrubbed.failure_reason == 'A'
    assert scrubbed.final_metrics == (('B', 1.0),)
    assert scrubbed.rules[0].name == 'C'


@pytest.mark.parametrize(
    ('pool', 'released'),
    [
        (None, ago(hours=2)),
        ({'Status': 'Available'}, None),
        ({'Status': 'Terminated', 'ResourceRetainedBillableTimeInSeconds': 3600}, ago(hours=1)),
        ({'Status': 'Reused', 'ReusedByJob': 'next', 'ResourceRetainedBillableTimeInSeconds': 60}, ago(minutes=119)),
    ],
)
def test_a_job_is_released_when_its_warm_pool_is(pool: dict[str, Any] | None, released: datetime | None) -> None:
    over = ended(at=ago(hours=2), **({'WarmPoolStatus': pool} if pool else {}))
    assert from_description(over, scrub=str).released == released
