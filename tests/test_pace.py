# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from datadog_checks.sagemaker_training.aws.pace import Pace, Window
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


@pytest.mark.parametrize('refused', [0, 0.01, 0.04, 0.1])
def test_of_calls_that_are_refused_at_random_about_twice_as_many_do_not_get_through(refused: float) -> None:
    rng, clock, pace = random.Random(2026), SimulatedClock(NOW), Pace()
    through = 0
    while clock.monotonic() < 1_000:
        pace.wait(10, clock)
        is_throttled = rng.random() < refused
        pace.answered(is_throttled=is_throttled)
        through += not is_throttled
    assert 1 - 2.1 * refused <= through / 10_000 <= 1.001


@pytest.mark.parametrize('per_second', [0.1, 0.5, 1, 10])
def test_after_any_refusals_a_call_waits_for_seconds_or_as_long_as_it_was_told_to(per_second: float) -> None:
    clock, pace = SimulatedClock(NOW), Pace()
    for _ in range(50):
        pace.wait(per_second, clock)
        pace.answered(is_throttled=True)
    before = clock.monotonic()
    pace.wait(per_second, clock)
    assert clock.monotonic() - before <= max(2, 1 / per_second) + 1e-9


def test_where_less_is_allowed_it_is_found_out_and_the_rate_comes_back() -> None:
    clock, pace = SimulatedClock(NOW), Pace()
    allowed, taken, refusals, calls = 5, 0.0, 0, 0
    while clock.monotonic() < 600:
        before = clock.monotonic()
        pace.wait(10, clock)
        taken = max(0.0, taken - allowed * (clock.monotonic() - before))
        is_throttled = taken + 1 > 10
        taken += not is_throttled
        calls, refusals = calls + 1, refusals + is_throttled
        pace.answered(is_throttled=is_throttled)
    assert calls - refusals >= 0.95 * allowed * 600
    assert refusals <= 0.25 * calls
    for _ in range(30):
        pace.answered(is_throttled=False)
    assert pace.rate(10) == 10


def test_a_rate_is_never_given_up() -> None:
    pace = Pace()
    for _ in range(100):
        pace.answered(is_throttled=True)
    assert pace.rate(10) == 1


def test_in_no_second_more_than_the_window_takes() -> None:
    clock, window = SimulatedClock(NOW), Window(50)
    times = []
    while len(times) < 500:
        if delay := window.delay(clock):
            clock.sleep(delay)
            continue
        times.append(clock.monotonic())
        clock.sleep(0.007)
    assert all(later - first > 0.999 for first, later in zip(times, times[50:], strict=False))
    assert times[-1] < 10
