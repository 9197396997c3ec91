# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from typing import Any

import pytest

from datadog_checks.sagemaker_training.metrics import Sample, fleet_gauges, job_gauges
from datadog_checks.sagemaker_training.reading import from_description

from .builders import NOW, ago, answer, ended, transition

GROUPS = {
    'InstanceGroups': [
        {'InstanceGroupName': 'a', 'InstanceType': 'ml.p4d', 'InstanceCount': 2},
        {'InstanceGroupName': 'b', 'InstanceType': 'ml.c5', 'InstanceCount': 5},
    ]
}
NEVER_STARTED = {'TrainingStartTime': None, 'TrainingEndTime': None}


INTERRUPTED = {
    'SecondaryStatusTransitions': [
        transition('Starting', ago(minutes=60), ago(minutes=50)),
        transition('Training', ago(minutes=50), ago(minutes=40)),
        transition('Interrupted', ago(minutes=40), ago(minutes=35)),
        transition('Starting', ago(minutes=35), ago(minutes=30)),
        transition('Training', ago(minutes=30), ago(minutes=12)),
        transition('Interrupted', ago(minutes=12)),
    ],
    'SecondaryStatus': 'Interrupted',
    'StoppingCondition': {'MaxRuntimeInSeconds': 6000, 'MaxWaitTimeInSeconds': 7200},
    'EnableManagedSpotTraining': True,
}


def gauges(description: dict[str, Any], longest_run: int | None = None) -> dict[str, float]:
    """The values by `name` or `name tag ...`, half an hour being the youngest thing in the answers."""
    present = {name: value for name, value in description.items() if value is not None}
    samples = job_gauges(from_description(present, scrub=str), NOW, longest_run)
    return {' '.join((sample.name, *sample.tags)): sample.value for sample in samples}


@pytest.mark.parametrize(
    ('description', 'expected'),
    [
        pytest.param(answer(), {'job.elapsed_time': 3000, 'job.pending_time': 600}, id='running'),
        pytest.param(
            answer(**NEVER_STARTED), {'job.elapsed_time': None, 'job.pending_time': 3600}, id='waiting for capacity'
        ),
        pytest.param(
            ended(at=ago(minutes=20)),
            {'job.elapsed_time': 1800, 'job.pending_time': 600},
            id='ended',
        ),
        pytest.param(
            ended(status='Failed', LastModifiedTime=ago(minutes=40), **NEVER_STARTED),
            {'job.elapsed_time': None, 'job.pending_time': 1200},
            id='ended before it started',
        ),
        pytest.param(
            answer(TrainingStartTime=ago(minutes=-2), CreationTime=ago(minutes=-1)),
            {'job.elapsed_time': 0, 'job.pending_time': 60},
            id='the clock of AWS is ahead',
        ),
        pytest.param(
            answer(
                SecondaryStatusTransitions=[
                    transition('Starting', ago(minutes=60), ago(minutes=50)),
                    transition('Training', ago(minutes=50), ago(minutes=40)),
                    transition('Interrupted', ago(minutes=40), ago(minutes=35)),
                    transition('Starting', ago(minutes=35), ago(minutes=30)),
                    transition('Training', ago(minutes=30)),
                ]
            ),
            {
                'job.phase_time phase:starting': 900,
                'job.phase_time phase:training': 2400,
                'job.phase_time phase:interrupted': 300,
                'job.interruptions': 1,
                'job.restarts': 1,
            },
            id='interrupted',
        ),
        pytest.param(
            answer(**INTERRUPTED),
            {
                'job.current_wait': 720,
                'job.elapsed_time': 3000,
                'job.max_runtime_used': pytest.approx(28),  # 10 + 18 minutes of 100
                'job.max_wait_used': 50,
            },
            id='waits again: neither old waits are in this one nor any in the run time',
        ),
        pytest.param(
            answer(**INTERRUPTED | {'SecondaryStatus': 'Starting'}),
            {'job.current_wait': None},
            id='the listing is ahead: since when the job waits so is not known yet',
        ),
        pytest.param(
            answer(
                SecondaryStatus='Pending',
                SecondaryStatusTransitions=[transition('Pending', ago(hours=1))],
                **NEVER_STARTED,
            ),
            {'job.current_wait': 3600, 'job.max_runtime_used': None},
            id='waits since it was created',
        ),
        pytest.param(
            ended(
                at=ago(minutes=2), **{name: value for name, value in INTERRUPTED.items() if name != 'SecondaryStatus'}
            ),
            {'job.current_wait': None, 'job.max_runtime_used': pytest.approx(28), 'job.max_wait_used': 3480 / 72},
            id='ended while it waited',
        ),
        pytest.param(
            answer(StoppingCondition={'MaxRuntimeInSeconds': 6000, 'MaxWaitTimeInSeconds': 7200}),
            {'job.max_runtime_used': 50, 'job.max_wait_used': None, 'job.current_wait': None},
            id='on demand, training',
        ),
        pytest.param(
            ended(at=ago(minutes=10), SecondaryStatusTransitions=[transition('Completed', ago(minutes=10))]),
            {'job.phase_time phase:completed': 0, 'job.interruptions': 0, 'job.restarts': None},
            id='the last phase of an ended job does not go on',
        ),
        pytest.param(
            ended(TrainingTimeInSeconds=1000, BillableTimeInSeconds=300, EnableManagedSpotTraining=True),
            {
                'job.training_time': 1000,
                'job.billable_time': 300,
                'job.billable_instance_time': 600,
                'job.spot_savings': pytest.approx(70),
            },
            id='spot',
        ),
        pytest.param(
            ended(TrainingTimeInSeconds=1000, BillableTimeInSeconds=1000), {'job.spot_savings': None}, id='on demand'
        ),
        pytest.param(
            ended(BillableTimeInSeconds=300, ResourceConfig=GROUPS),
            {'job.billable_instance_time': 2100, 'job.instances': 7, 'job.volume_size': None},
            id='heterogeneous',
        ),
        pytest.param(
            ended(BillableTimeInSeconds=300, ResourceConfig={'InstanceType': 'ml.g5', 'InstanceCount': 0}),
            {'job.billable_instance_time': 0, 'job.instances': 0},
            id='a count of 0 is a count',
        ),
        pytest.param(
            answer(
                StoppingCondition={
                    'MaxRuntimeInSeconds': 6000,
                    'MaxWaitTimeInSeconds': 7000,
                    'MaxPendingTimeInSeconds': 8000,
                },
                ResourceConfig={'KeepAlivePeriodInSeconds': 900, 'VolumeSizeInGB': 30},
                RetryStrategy={'MaximumRetryAttempts': 3},
            ),
            {
                'job.max_runtime': 6000,
                'job.max_wait_time': 7000,
                'job.max_pending_time': 8000,
                'job.keep_alive_period': 900,
                'job.max_runtime_used': 50,
                'job.maximum_retry_attempts': 3,
                'job.volume_size': 30,
            },
            id='limits',
        ),
        pytest.param(
            ended(at=ago(minutes=20), WarmPoolStatus={'Status': 'Available'}),
            {'job.warm_pool.idle_time': 1200, 'job.warm_pool.retained_billable_time': None},
            id='warm pool kept',
        ),
        pytest.param(
            ended(WarmPoolStatus={'Status': 'Reused', 'ResourceRetainedBillableTimeInSeconds': 60}),
            {
                'job.warm_pool.idle_time': None,
                'job.warm_pool.retained_billable_time': 60,
                'job.warm_pool.retained_billable_instance_time': 120,
            },
            id='warm pool reused',
        ),
        pytest.param(
            ended(
                FinalMetricDataList=[
                    {'MetricName': 'loss', 'Value': 0.5, 'Timestamp': NOW},
                    {'MetricName': 'accuracy', 'Value': float('nan'), 'Timestamp': NOW},
                ]
            ),
            {'job.final_metric metric_name:loss': 0.5, 'job.final_metric metric_name:accuracy': None},
            id='final metrics',
        ),
        pytest.param(
            answer(
                ServerlessJobConfig={'BaseModelArn': 'x', 'JobType': 'FineTuning'},
                ResourceConfig={},
                ProgressInfo={'CurrentEpoch': 2, 'MaxEpoch': 4, 'CurrentStep': 50, 'TotalStepCountPerEpoch': 100},
                BillableTokenCount=12345,
            ),
            {
                'job.progress.epoch': 2,
                'job.progress.step': 50,
                'job.progress.completed': 37.5,
                'job.billable_tokens': 12345,
                'job.instances': None,
            },
            id='serverless',
        ),
        pytest.param(
            answer(ProgressInfo={'CurrentStep': 5}),
            {'job.progress.step': 5, 'job.progress.epoch': None, 'job.progress.completed': None},
            id='progress in part',
        ),
        pytest.param(
            answer(
                DebugRuleEvaluationStatuses=[
                    {'RuleConfigurationName': 'LossNotDecreasing', 'RuleEvaluationStatus': 'IssuesFound'}
                ],
                ProfilerRuleEvaluationStatuses=[
                    {'RuleConfigurationName': 'LowGPU', 'RuleEvaluationStatus': 'InProgress'},
                    {'RuleEvaluationStatus': 'InProgress'},
                ],
            ),
            {
                'job.rules rule_kind:debugger rule_name:LossNotDecreasing rule_status:issues_found': 1,
                'job.rules rule_kind:profiler rule_name:LowGPU rule_status:in_progress': 1,
            },
            id='rules',
        ),
    ],
)
def test_job_gauges(description: dict[str, Any], expected: dict[str, float | None]) -> None:
    values = gauges(description)
    assert {name: values.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ('description', 'longest_run', 'ratio'),
    [
        pytest.param(answer(), 1500, 2, id='running'),
        pytest.param(answer(**INTERRUPTED), 1680, 1, id='waits are no run'),
        pytest.param(answer(), None, None, id='none of the family is remembered'),
        pytest.param(answer(**NEVER_STARTED), 1500, None, id='not started'),
        pytest.param(ended(), 1500, None, id='over'),
    ],
)
def test_a_run_is_compared_with_the_longest_of_its_family(
    description: dict[str, Any], longest_run: int | None, ratio: float | None
) -> None:
    assert gauges(description, longest_run).get('job.runtime_ratio') == ratio


def test_what_aws_did_not_report_is_not_sent() -> None:
    assert gauges(answer(ResourceConfig={}, **NEVER_STARTED)) == {'job.pending_time': 3600}


@pytest.mark.parametrize(
    ('description', 'expected'),
    [
        pytest.param(
            answer(),
            [
                Sample('jobs.open', 1, ('instance_type:ml.p5.48xlarge',)),
                Sample('instances.open', 2, ('instance_type:ml.p5.48xlarge',)),
            ],
            id='open',
        ),
        pytest.param(
            answer(ResourceConfig=GROUPS),
            [
                Sample('jobs.open', 1, ('instance_type:heterogeneous',)),
                Sample('instances.open', 2, ('instance_type:ml.p4d',)),
                Sample('instances.open', 5, ('instance_type:ml.c5',)),
            ],
            id='heterogeneous: each group by its own type',
        ),
        pytest.param(answer(ResourceConfig={}), [Sample('jobs.open', 1, ())], id='instances not chosen yet'),
        pytest.param(ended(), [], id='over'),
        pytest.param(
            ended(WarmPoolStatus={'Status': 'Available'}),
            [
                Sample('warm_pools.available', 1, ('instance_type:ml.p5.48xlarge',)),
                Sample('warm_pools.instances', 2, ('instance_type:ml.p5.48xlarge',)),
            ],
            id='warm pool',
        ),
    ],
)
def test_fleet_gauges(description: dict[str, Any], expected: list[Sample]) -> None:
    assert list(fleet_gauges(from_description(description, scrub=str))) == expected
