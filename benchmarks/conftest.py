# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from typing import Any

import boto3
import botocore
import pytest

from .polls import drop_what_is_sent, forget_aws_setup


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    machine_info |= {'boto3': boto3.__version__, 'botocore': botocore.__version__}


@pytest.fixture(scope='session', autouse=True)
def _agent() -> None:
    forget_aws_setup()
    drop_what_is_sent()
