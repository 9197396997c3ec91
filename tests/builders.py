# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The smallest answers of AWS that a test needs, and the fullest one the service model allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from botocore.model import OperationModel, Shape
from botocore.session import Session

from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.aws import Account
from datadog_checks.sagemaker_training.job import TrainingJob
from datadog_checks.sagemaker_training.reading import from_description
from tools.aws.clock import SimulatedClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACCOUNT = '123456789012'
REGION = 'us-east-1'

# Without these, a job that is over is looked at again.
FIGURES = {'TrainingTimeInSeconds': 2880, 'BillableTimeInSeconds': 2880}


def ago(**duration: float) -> datetime:
    """The moment `duration` (days, hours, minutes, seconds) before NOW."""
    return NOW - timedelta(**duration)


def arn(name: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f'arn:aws:sagemaker:{region}:{account}:training-job/{name}'


def answer(name: str = 'job', *, region: str = REGION, account: str = ACCOUNT, **fields: Any) -> dict[str, Any]:
    """A DescribeTrainingJob answer: a job that trains since 50 minutes, with `fields` on top."""
    return {
        'TrainingJobName': name,
        'TrainingJobArn': arn(name, region, account),
        'TrainingJobStatus': 'InProgress',
        'SecondaryStatus': 'Training',
        'CreationTime': ago(hours=1),
        'TrainingStartTime': ago(minutes=50),
        'LastModifiedTime': ago(minutes=50),
        'ResourceConfig': {'InstanceType': 'ml.p5.48xlarge', 'InstanceCount': 2, 'VolumeSizeInGB': 30},
    } | fields


def ended(name: str = 'job', *, status: str = 'Completed', at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    """A DescribeTrainingJob answer of a job that ended `at`."""
    times = {'TrainingEndTime': at, 'LastModifiedTime': at}
    return answer(name, TrainingJobStatus=status, SecondaryStatus=status, **times | fields)


def transition(status: str, start: datetime, end: datetime | None = None) -> dict[str, Any]:
    return {'Status': status, 'StartTime': start} | ({'EndTime': end} if end else {})


def job(name: str = 'job', **fields: Any) -> TrainingJob:
    """The job that `answer` describes."""
    return from_description(answer(name, **fields), scrub=str)


@cache
def operation_model(operation: str) -> OperationModel:
    return Session().get_service_model('sagemaker').operation_model(operation)


def full_answer(**fields: Any) -> dict[str, Any]:
    """A DescribeTrainingJob answer in which each member of the service model, however deep, has a value."""
    shape = operation_model('DescribeTrainingJob').output_shape
    identity = {'TrainingJobName': 'full', 'TrainingJobArn': arn('full'), 'CreationTime': ago(hours=1)}
    return {name: _sample(name, member) for name, member in shape.members.items()} | identity | fields


def _sample(name: str, shape: Shape) -> Any:
    match shape.type_name:
        case 'structure':
            return {name: _sample(name, member) for name, member in shape.members.items()}
        case 'list':
            return [_sample(name, shape.member)]
        case 'map':
            return {'a key': f'a value of {name}'}
        case 'string':
            return shape.enum[0] if shape.enum else f'a {name}'
        case 'timestamp':
            return ago(minutes=30)
        case 'boolean':
            return True
        case 'integer' | 'long':
            return 7
        case 'float' | 'double':
            return 0.25
    raise ValueError(f'{name} has type {shape.type_name}')


def account(clock: SimulatedClock | None = None, **options: Any) -> Account:
    check = SagemakerTrainingCheck('sagemaker_training', {}, [credentials() | {'regions': [REGION]} | options])
    check.load_configuration_models()
    return Account(check.config, check.proxies, clock or SimulatedClock(NOW))


def credentials() -> dict[str, str]:
    return {'aws_access_key_id': 'test', 'aws_secret_access_key': 'test'}
