# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import gc
import logging
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import boto3
import botocore
import pytest
from filelock import FileLock

from datadog_checks.base.stubs import aggregator as stub
from datadog_checks.base.stubs.aggregator import AggregatorStub
from datadog_checks.base.stubs.datadog_agent import DatadogAgentStub
from datadog_checks.sagemaker_training import presence, pricelist
from tools.aws.clock import SimulatedClock
from tools.aws.scenario import living_fleet
from tools.aws.server import SimulatedAws
from tools.datadog.recording import Recording
from tools.demo.simulation import POLL_SECONDS, START, WEEK_POLL_SECONDS, every, simulate, week_before

from .builders import NOW
from .world import RunCheck, WatchedAws, World

HOURS_OF_MINUTES = 2


def pytest_report_header() -> str:
    """The tests run on more than one boto3: say which this is, and from where."""
    return f'boto3 {boto3.__version__}, botocore {botocore.__version__} from {Path(boto3.__file__).parent.parent}'


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors, as some tests wait."""
    return (os.process_cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the simulated day comes first: one worker runs it, and the others have other tests meanwhile."""
    items.sort(key=lambda item: 'day' not in getattr(item, 'fixturenames', ()))


def pytest_sessionfinish() -> None:
    """What there is at the end is not looked through for garbage five times more, which pytest does of a whole heap."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_aws_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the credentials, profiles or region of whoever runs it, nor asks a metadata service for any."""
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        monkeypatch.delenv(name)
    for name in ('AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE'):
        monkeypatch.setenv(name, f'{os.devnull}/none')
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')


@pytest.fixture(autouse=True)
def _fresh_agent(datadog_agent: DatadogAgentStub) -> None:
    """No test finds what another one has left in the Agent's persistent cache or process. It takes logs."""
    logging.disable(logging.NOTSET)
    datadog_agent.set_hostname('stubbed.hostname')
    datadog_agent._config['logs_enabled'] = True
    presence.forget_process()
    pricelist.forget_process()


@pytest.fixture
def world(aggregator: AggregatorStub, datadog_agent: DatadogAgentStub, dd_run_check: RunCheck) -> Iterator[World]:
    clock = SimulatedClock(NOW)
    with SimulatedAws(clock) as aws:
        yield World(aws, clock, aggregator, datadog_agent, dd_run_check)


@pytest.fixture
def _any_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users may tag their jobs `env`, which the stub keeps integrations from using for tags of their own."""
    monkeypatch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')


@pytest.fixture(scope='session')
def day(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Recording:
    """All that the check sends on a simulated day and the week before; one worker runs it for all of them.

    Of the day, the last hours are polled each minute, as users do, those before them each five, and the others like
    the week.
    """
    if worker_id == 'master':
        return simulated_day()
    file = tmp_path_factory.getbasetemp().parent / 'day.pickle'
    with FileLock(f'{file}.lock'):
        if not file.exists():
            file.write_bytes(pickle.dumps(simulated_day()))
    return pickle.loads(file.read_bytes())


def simulated_day() -> Recording:
    stub.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')
        until = START + timedelta(days=1)
        since = until - timedelta(hours=HOURS_OF_MINUTES)
        evening = since - timedelta(hours=2)
        polls = [
            *week_before(START),
            *every(WEEK_POLL_SECONDS, START, evening),
            *every(300, evening, since),
            *every(POLL_SECONDS, since, until),
        ]
        return simulate(living_fleet(START), polls, collect_transition_logs=True).recording


@pytest.fixture
def watched(world: World) -> Iterator[World]:
    with WatchedAws(world.clock) as aws:
        yield replace(world, aws=aws)
