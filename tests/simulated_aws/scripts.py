# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Jobs by their scripts, and real boto3 clients of the simulated AWS."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from tools.aws.fleet import Job, Step
from tools.aws.scenario import ACCOUNTS, REGIONS
from tools.aws.server import SimulatedAws

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOME, OTHER = ACCOUNTS
REGION = REGIONS[0]
ROLE = f'arn:aws:iam::{OTHER}:role/DatadogIntegration'

SESSION = boto3.Session(aws_access_key_id='simulated', aws_secret_access_key='simulated', region_name=REGION)
MODEL = SESSION.client('sagemaker').meta.service_model


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def script(created: datetime, *steps: tuple[str, float]) -> tuple[Step, ...]:
    """Steps from their secondary statuses and the minutes after the creation at which they start."""
    return tuple(Step(status, created + minutes(after), f'{status}.') for status, after in steps)


def completed(name: str = 'job', created: datetime = NOW, **more: Any) -> Job:
    """A job that pends, starts after 2 minutes, trains from minute 5 to 25 and ends half an hour after its creation."""
    steps = script(created, ('Starting', 0), ('Downloading', 2), ('Training', 5), ('Uploading', 25), ('Completed', 30))
    fields = {'StoppingCondition': {'MaxRuntimeInSeconds': 3600}, 'ModelArtifacts': {'S3ModelArtifacts': 's3://models'}}
    return Job(**{'name': name, 'account': HOME, 'region': REGION, 'steps': steps, 'fields': fields} | more)


def client(
    aws: SimulatedAws, service: str, region: str = REGION, read_timeout: float = 10, **credentials: str
) -> BaseClient:
    config = Config(retries={'total_max_attempts': 1}, read_timeout=read_timeout)
    return SESSION.client(service, region_name=region, endpoint_url=aws.endpoint_url, config=config, **credentials)


def names(answer: dict[str, Any]) -> list[str]:
    return [job['TrainingJobName'] for job in answer['TrainingJobSummaries']]


def failure(call: Callable[..., object], **parameters: object) -> tuple[str, str, int]:
    """The code, message and HTTP status of the error that the call ends in."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response['Error']
    return error['Code'], error['Message'], caught.value.response['ResponseMetadata']['HTTPStatusCode']
