# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Rate limits: calls spaced evenly by a clock that simulations can replace."""

import threading
from typing import Protocol


class Clock(Protocol):
    """What the check needs of the standard library's `time`, which is the clock outside of simulations."""

    def time(self) -> float: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


class Pace:
    """Spaces calls evenly; whoever shares the pace shares the rate."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = float('-inf')

    def wait(self, per_second: float, clock: Clock) -> None:
        """Return when the next call may go out."""
        with self._lock:
            if (delay := self._next - clock.monotonic()) > 0:
                clock.sleep(delay)
            self._next = clock.monotonic() + 1 / per_second
