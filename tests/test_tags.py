# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from typing import Any

import pytest

from datadog_checks.sagemaker_training.reading import from_summary
from datadog_checks.sagemaker_training.tags import GROUP_TAGS, JOB_TAGS, STATUS_TAGS, instance_names, metric_tags, tags

from .builders import job

ROLE = 'arn:aws:iam::123456789012:role/service-role/Trainer'


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
    listed = from_summary({
        'TrainingJobName': 'a', 'TrainingJobArn': 'a:b:c:d:e:f/a', 'CreationTime': bare.created,
        'TrainingJobStatus': 'InProgress',
    })  # fmt: skip
    for table in (GROUP_TAGS, STATUS_TAGS, JOB_TAGS):
        assert all(tag.partition(':')[2] not in ('', 'None') for tag in tags(bare, table) + tags(listed, table))
    assert metric_tags({'team': ''}, ['*']) == []


@pytest.mark.parametrize(
    ('globs', 'expected'),
    [
        (['*'], ['project:x', 'sagemaker-owner:me', 'team:nlp']),
        (['te*'], ['team:nlp']),
        (
            ['*', 'aws:cloudformation:*'],
            ['aws:cloudformation:stack-name:s', 'project:x', 'sagemaker-owner:me', 'team:nlp'],
        ),
        (['aws:*'], ['aws:cloudformation:stack-name:s', 'aws:createdBy:me']),
        (['sagemaker:*'], ['sagemaker:domain-arn:d', 'sagemaker:pipeline-execution-arn:e']),
        (['sagemaker:domain-arn'], ['sagemaker:domain-arn:d']),
        (['sagemaker-studio:*'], ['sagemaker-studio:jumpstart-model-id:m']),
        (['sagemaker-*'], ['sagemaker-owner:me', 'sagemaker-studio:jumpstart-model-id:m']),
        (['aws-jumpstart-*', 'sm-jumpstart-*'], ['aws-jumpstart-training-model-uri:u', 'sm-jumpstart-id:j']),
        (['services.k8s.aws/*'], ['services.k8s.aws/controller-version:c']),
        (['s*', 'aws*', '*:*', '[s]agemaker:*', '?agemaker:*'], ['sagemaker-owner:me']),
        ([], []),
    ],
)
def test_globs_choose_resource_tags_and_those_of_aws_and_its_tools_only_by_name(
    globs: list[str], expected: list[str]
) -> None:
    resource_tags = {
        'region': 'ours',
        'AWS Account': 'payer',
        'Phase': 'pilot',
        'job_family': 'theirs',
        'metric_name': 'x',
        'team': 'nlp',
        'project': 'x',
        'aws:cloudformation:stack-name': 's',
        'aws:createdBy': 'me',
        'aws-jumpstart-training-model-uri': 'u',
        'sagemaker:domain-arn': 'd',
        'sagemaker:pipeline-execution-arn': 'e',
        'sagemaker-owner': 'me',
        'sagemaker-studio:jumpstart-model-id': 'm',
        'services.k8s.aws/controller-version': 'c',
        'sm-jumpstart-id': 'j',
    }
    assert metric_tags(resource_tags, globs) == expected


def test_no_tag_of_aws_attributes_a_series_to_a_host_device_or_source() -> None:
    resource_tags = {'Host': 'h', 'device': 'd', 'SOURCE': 's', 'env': 'e', 'Service': 'v', 'version': '1'}
    assert metric_tags(resource_tags, ['*']) == [
        'aws_host:h', 'aws_source:s', 'Service:v', 'aws_device:d', 'env:e', 'version:1',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('own_tags', 'service', 'expected'),
    [
        ([], None, ['ENV:e', 'service:v', 'version:1']),
        (['env:prod', 'site:berlin'], None, ['service:v', 'version:1']),
        (['Env:prod', 'version'], None, ['service:v']),
        ([], 'training', ['ENV:e', 'version:1']),
    ],
)
def test_what_the_instance_says_of_env_service_and_version_has_one_value(
    own_tags: list[str], service: str | None, expected: list[str]
) -> None:
    resource_tags = {'ENV': 'e', 'service': 'v', 'version': '1'}
    assert metric_tags(resource_tags, ['*'], instance_names(own_tags, service)) == expected
