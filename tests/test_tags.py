# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datadog_checks.sagemaker_training.job import TrainingJob
from datadog_checks.sagemaker_training.tags import GROUP_TAGS, JOB_TAGS, STATUS_TAGS, job_family, metric_tags, tags

from .builders import job

ROLE = 'arn:aws:iam::123456789012:role/service-role/Trainer'
NAMES = st.from_regex(r'[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}', fullmatch=True)


@pytest.mark.parametrize(
    ('name', 'family'),
    [
        ('churn-xgb-2026-11-23-18-12-00-123', 'churn-xgb'),
        ('churn-xgb-261123-1812', 'churn-xgb'),
        ('churn-xgb-20261123T181200Z', 'churn-xgb'),
        ('churn-xgb-20261123-181200', 'churn-xgb'),
        ('churn-xgb-1795457520', 'churn-xgb'),
        ('two-tower-1795457520-1f2e', 'two-tower'),
        ('hpo-003-1f2e3d4c', 'hpo'),
        ('sagemaker-xgboost-261123-1812-003-1f2e3d4c', 'sagemaker-xgboost'),
        ('pipelines-a1b2c3d4e5f6-TrainModel-Ab12Cd34Ef', 'TrainModel'),
        ('pipelines-a1b2c3d4e5f6-Train-Model-2-Ab12Cd34Ef', 'Train-Model-2'),
        ('llm-0f8fad5b-d9cb-469f-a165-70867728950e', 'llm'),
        ('llm-deadbeef42', 'llm'),
        ('churn-2026-11-23T18-12-00', 'churn'),
        ('churn-20261123-181200-ab12', 'churn'),
        ('churn-1a2b3c4', 'churn'),
        ('churn-20261123--1a2b3c4', 'churn'),
        ('churn-deadbeefcafe', 'churn'),
        ('churn-1F2E3D4C5B', 'churn'),
        ('resnet-50', 'resnet-50'),
        ('resnet-1234567', 'resnet-1234567'),
        ('model-v2', 'model-v2'),
        ('facade', 'facade'),
        ('2026-11-23-18-12-00-123', ''),
    ],
)
def test_the_family_is_what_the_runs_of_one_pipeline_share(name: str, family: str) -> None:
    assert job_family(name) == family


@given(NAMES)
def test_a_family_is_its_own_family(name: str) -> None:
    family = job_family(name)
    assert family in name
    assert job_family(family) == family
    assert not family.endswith('-')


@pytest.mark.parametrize(
    ('fields', 'tag'),
    [
        ({'EnableManagedSpotTraining': True}, 'managed_spot:true'),
        ({'EnableManagedSpotTraining': False}, 'managed_spot:false'),
        ({'RoleArn': ROLE}, 'role_name:Trainer'),
        ({'ExperimentConfig': {'ExperimentName': 'baseline'}}, 'experiment_name:baseline'),
        (
            {'ResourceConfig': {'TrainingPlanArn': 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/q4'}},
            'training_plan:q4',
        ),
        ({'AlgorithmSpecification': {'TrainingInputMode': 'FastFile'}}, 'training_input_mode:FastFile'),
        ({'AlgorithmSpecification': {'AlgorithmName': 'my-algorithm'}}, 'algorithm:my-algorithm'),
        (
            {'AlgorithmSpecification': {'AlgorithmName': 'arn:aws:sagemaker:us-east-1:1:algorithm/forecast'}},
            'algorithm:forecast',
        ),
        *(
            ({'AlgorithmSpecification': {'TrainingImage': image}}, f'algorithm:{name}')
            for image, name in [
                ('763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.1-gpu', 'pytorch-training:2.1-gpu'),
                ('registry:5000/team/trainer:7', 'team/trainer:7'),
                ('team/trainer:7', 'team/trainer:7'),
                ('1.dkr.ecr.eu-west-1.amazonaws.com/trainer@sha256:0123456789abcdef', 'trainer'),
            ]
        ),
    ],
)
def test_group_tags(fields: dict[str, Any], tag: str) -> None:
    assert tag in tags(job(**fields), GROUP_TAGS)


def test_job_tags() -> None:
    tuned = job(
        'hpo-003-1f2e3d4c',
        TrainingJobStatus='Failed',
        SecondaryStatus='MaxRuntimeExceeded',
        FailureReason='ClientError: x',
        TuningJobArn='arn:aws:sagemaker:us-east-1:1:hyper-parameter-tuning-job/hpo',
        AutoMLJobArn='arn:aws:sagemaker:us-east-1:1:automl-job/auto',
        LabelingJobArn='arn:aws:sagemaker:us-east-1:1:labeling-job/label',
        ExperimentConfig={'TrialName': 'trial', 'RunName': 'run'},
        WarmPoolStatus={'Status': 'InUse'},
    )
    assert tags(tuned, STATUS_TAGS) + tags(tuned, JOB_TAGS) == [
        'training_job_status:failed',
        'secondary_status:max_runtime_exceeded',
        'warm_pool_status:in_use',
        'instance_type:ml.p5.48xlarge',
        'training_job_name:hpo-003-1f2e3d4c',
        'tuning_job_name:hpo',
        'auto_ml_job_name:auto',
        'labeling_job_name:label',
        'trial_name:trial',
        'run_name:run',
        'failure_type:client_error',
    ]


def test_no_tag_has_an_empty_value() -> None:
    bare = job('20261123', ResourceConfig={}, AlgorithmSpecification={'TrainingImage': ''}, RoleArn='')
    listed = TrainingJob.from_summary({
        'TrainingJobName': 'a', 'TrainingJobArn': 'a:b:c:d:e:f/a', 'CreationTime': bare.created,
        'TrainingJobStatus': 'InProgress',
    })  # fmt: skip
    for table in (GROUP_TAGS, STATUS_TAGS, JOB_TAGS):
        assert all(tag.partition(':')[2] not in ('', 'None') for tag in tags(bare, table) + tags(listed, table))
    assert metric_tags({'team': ''}, ['*']) == []


@pytest.mark.parametrize(
    ('globs', 'expected'),
    [
        (['*'], ['project:x', 'team:nlp']),
        (['te*'], ['team:nlp']),
        (['*', 'aws:cloudformation:*'], ['aws:cloudformation:stack-name:s', 'project:x', 'team:nlp']),
        (['aws:*'], ['aws:cloudformation:stack-name:s', 'aws:createdBy:me']),
        ([], []),
    ],
)
def test_globs_choose_resource_tags_and_those_of_aws_only_by_name(globs: list[str], expected: list[str]) -> None:
    resource_tags = {
        'region': 'ours',
        'AWS Account': 'payer',
        'Phase': 'pilot',
        'metric_name': 'x',
        'team': 'nlp',
        'project': 'x',
        'aws:cloudformation:stack-name': 's',
        'aws:createdBy': 'me',
    }
    assert metric_tags(resource_tags, globs) == expected
