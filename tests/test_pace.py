# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from concurrent.futures import ThreadPoolExecutor

from datadog_checks.sagemaker_training.pace import Pace
from tools.aws.clock import SimulatedClock

from .builders import NOW


def test_calls_are_spaced_evenly_whoever_makes_them() -> None:
    clock, pace = SimulatedClock(NOW), Pace()

    def call(_: int) -> float:
        pace.wait(4, clock)
        return clock.monotonic()

    with ThreadPoolExecutor(8) as executor:
        times = sorted(executor.map(call, range(20)))
    assert times[-1] - times[0] == 19 / 4


def test_a_call_after_a_pause_does_not_wait() -> None:
    clock, pace = SimulatedClock(NOW), Pace()
    pace.wait(1, clock)
    clock.advance(60)
    before = clock.monotonic()
    pace.wait(1, clock)
    assert clock.monotonic() == before
