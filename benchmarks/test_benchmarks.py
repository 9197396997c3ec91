# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""CPU, calls, memory and state of the check; what each number means is in README.md.

CPU is that of all threads of this process, user and system. The bare loop runs before each round of the check, so that
both meet the same machine.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from datadog_checks.base.stubs import datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck, region

from .bare import BareLoop
from .polls import ALL_OFF, ALL_ON, NOW, ROOT, Aws, Clock, new_check, poll, server, state_size

pytestmark = pytest.mark.benchmark(timer=time.process_time)

VARIANTS: dict[str, dict[str, Any]] = {'all off': ALL_OFF, 'all on': ALL_ON}
# By number of open jobs: rounds of cold starts, and of quiet polls.
ROUNDS = {100: (15, 30), 1_000: (5, 10), 10_000: (2, 4)}
FINISHED = (1_000, 10_000, 100_000)


@pytest.fixture(scope='module', params=ROUNDS)
def open_jobs(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope='module')
def aws(open_jobs: int) -> Iterator[Aws]:
    with server(open_jobs) as aws:
        yield aws


@pytest.mark.parametrize('variant', VARIANTS)
def test_cold_start(benchmark: BenchmarkFixture, aws: Aws, open_jobs: int, variant: str) -> None:
    """The poll in which a new check lists and describes every job."""
    pages = open_jobs // 100
    calls = Counter(ListTrainingJobs=pages, DescribeTrainingJob=open_jobs)
    calls += Counter(GetResources=pages) if variant == 'all on' else Counter()
    checks: list[SagemakerTrainingCheck] = []
    bare: list[float] = []

    def setup() -> None:
        checks.clear()
        gc.collect()  # the bare loop shall not pay for the last check's leftovers
        aws.take_calls()
        bare.append(cpu_seconds(BareLoop(aws.url), calls))
        assert aws.take_calls() == calls
        datadog_agent.reset()
        checks.append(new_check(aws.url, Clock(NOW), **VARIANTS[variant]))
        gc.collect()

    benchmark.pedantic(lambda: poll(checks[0]), setup=setup, rounds=ROUNDS[open_jobs][0])
    assert aws.take_calls() == calls
    benchmark.extra_info |= {'open': open_jobs, 'variant': variant, 'bare': bare}


def test_quiet_poll(benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, aws: Aws, open_jobs: int) -> None:
    quiet_polls(benchmark, monkeypatch, aws, open_jobs, rounds=ROUNDS[open_jobs][1])


@pytest.mark.parametrize('finished', FINISHED)
def test_quiet_poll_with_history(benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, finished: int) -> None:
    benchmark.extra_info['finished'] = finished
    with server(100, finished) as aws:
        quiet_polls(benchmark, monkeypatch, aws, open_jobs=100, rounds=ROUNDS[100][1])


@pytest.mark.skipif(not Path('/proc/self/statm').exists(), reason='reads the memory of a process from Linux')
@pytest.mark.parametrize(('instances', 'regions', 'open_jobs'), [(1, 1, 100), (30, 1, 100), (1, 4, 1), (100, 4, 1)])
def test_memory(benchmark: BenchmarkFixture, instances: int, regions: int, open_jobs: int) -> None:
    """In a process of its own: this one has run other benchmarks."""
    with server(open_jobs) as aws:
        command = [sys.executable, '-m', 'benchmarks.memory', aws.url, str(instances), str(regions)]
        grown, seconds = benchmark.pedantic(subprocess.check_output, (command,), {'cwd': ROOT}).split()
    benchmark.extra_info |= {
        'instances': instances,
        'regions': regions,
        'bytes': int(grown),
        'start': float(seconds),
    }


def quiet_polls(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, aws: Aws, open_jobs: int, rounds: int
) -> None:
    """Polls, a minute apart, in which nothing has changed and no job is due, with everything on.

    With so many jobs some always are, as refreshes are spread: what these cost is that of a cold start.
    """
    datadog_agent.reset()
    clock = Clock(NOW)
    check = new_check(aws.url, clock, **ALL_ON)
    poll(check)
    monkeypatch.setattr(region, 'due', lambda *_: [])
    for _ in range(2):
        aws.take_calls()
        clock.advance(60)
        poll(check)
    calls = aws.take_calls()
    bare_loop = BareLoop(aws.url)
    bare_loop(calls)
    bare: list[float] = []

    def setup() -> None:
        clock.advance(60)
        bare.append(cpu_seconds(bare_loop, calls))
        aws.take_calls()

    benchmark.pedantic(poll, (check,), setup=setup, rounds=rounds)
    assert aws.take_calls() == calls
    benchmark.extra_info |= {
        'open': open_jobs,
        'bare': bare,
        'calls': calls.total(),
        'state': state_size(),
    }


def cpu_seconds(bare_loop: BareLoop, calls: Counter[str]) -> float:
    began = time.process_time()
    bare_loop(calls)
    return time.process_time() - began
