# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the benchmarks share: the server's process, a clock on which waiting takes no time, the check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from datadog_checks.base.stubs import aggregator, datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck, outbox
from tools.aws.clock import SimulatedClock

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

ALL_OFF = {
    'collect_job_metrics': False,
    'collect_resources': False,
    'collect_events': False,
    'collect_resource_tags': False,
}
ALL_ON = {'collect_transition_logs': True, 'collect_environment_values': True}  # everything else is on by default

_open = build_opener(ProxyHandler({})).open


class Clock(SimulatedClock):
    """Stands still while the check waits, so that it works at full speed whatever its rates, and has time for it."""

    def sleep(self, seconds: float) -> None:
        """Return at once, at the same time."""


class Aws:
    """The server of `benchmarks.server`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def take_calls(self) -> Counter[str]:
        """The calls since the last time, by operation."""
        with _open(self.url) as answer:
            return Counter(json.load(answer))


@contextmanager
def server(open_jobs: int, finished_jobs: int = 0) -> Iterator[Aws]:
    command = [sys.executable, '-m', 'benchmarks.server', str(open_jobs), str(finished_jobs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        try:
            yield Aws(process.stdout.readline().strip())
        finally:
            process.terminate()


def new_check(url: str, clock: SimulatedClock, **options: Any) -> SagemakerTrainingCheck:
    """A check with its clients built, that has not polled."""
    instance: dict[str, Any] = {
        'regions': ['us-east-1'],
        'endpoint_url': url,
        'aws_access_key_id': 'benchmark',
        'aws_secret_access_key': 'benchmark',
        'min_collection_interval': 60,
        'boto_config': {'proxies': {}},
        **options,
    }
    datadog_agent._config['logs_enabled'] = True
    check = SagemakerTrainingCheck('sagemaker_training', {}, [instance], clock=clock)
    check.check_id = f'sagemaker_training:{instance["aws_access_key_id"]}'  # under which its state is kept
    check.run_check_initializations()
    return check


def poll(check: SagemakerTrainingCheck) -> None:
    error = check.run()
    assert not error, error


def state_size() -> int:
    """The larger of the two copies that the check keeps of its state in the Agent's persistent cache, in bytes."""
    return max(len(value.encode()) for value in datadog_agent._cache.values())


def drop_what_is_sent() -> None:
    """The Agent takes what is sent off Python's hands; its stubs would keep it all, and inspect each tag."""
    for stub, names in (
        (aggregator, ('submit_metric', 'submit_service_check', 'submit_event', 'submit_event_platform_event')),
        (datadog_agent, ('send_log', 'emit_agent_telemetry')),
    ):
        for name in names:
            setattr(stub, name, _drop)
    outbox.PER_SECOND = 20_000  # at once: where the clock stands still, waiting for the Agent would never end


def forget_aws_setup() -> None:
    """Whoever runs the benchmarks may have AWS profiles and options set that have nothing to do with them."""
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        del os.environ[name]
    os.environ |= {'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull}


def _drop(*_: object) -> None:
    pass
