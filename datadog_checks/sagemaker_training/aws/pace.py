# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Rates: of calls to AWS and of what the Agent takes in, by a clock that simulations can replace."""

import threading
from collections import deque
from typing import Protocol

# Additive increase, multiplicative decrease. Where 4 % of calls are refused at random, 93 % of the rate get through;
# where AWS allows half of the rate, all of that does, and one call of five is refused.
DECREASE = 0.85
INCREASE = 0.03
LEAST_SHARE = 0.1
# In seconds, between calls that are slowed down: a poll that has begun a call waits for it, whatever its interval.
LONGEST_PAUSE = 2


class Clock(Protocol):
    """What the check needs of the standard library's `time`, which is the clock outside of simulations."""

    def time(self) -> float: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


class Pace:
    """Spaces calls evenly, and further apart while some are refused; whoever shares the pace shares the rate."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._next = float('-inf')
        self._lock = threading.Lock()
        self._share = 1.0

    def wait(self, per_second: float, clock: Clock) -> None:
        """Return when the next call may go out, if nobody refuses any."""
        with self._turn:
            if (delay := self._next - clock.monotonic()) > 0:
                clock.sleep(delay)
            self._next = clock.monotonic() + 1 / self.rate(per_second)

    def rate(self, per_second: float) -> float:
        """What is left of the rate: at least a tenth of it, and no less than a call each `LONGEST_PAUSE` seconds."""
        return max(per_second * self._share, min(per_second, 1 / LONGEST_PAUSE))

    def answered(self, *, is_throttled: bool) -> None:
        """Slow down, or make up for it."""
        with self._lock:
            self._share = max(self._share * DECREASE, LEAST_SHARE) if is_throttled else min(self._share + INCREASE, 1.0)


class Window:
    """At most so many in any second; as many of them at once as there are left."""

    def __init__(self, per_second: int) -> None:
        self._lock = threading.Lock()
        self._times = deque([float('-inf')] * per_second, per_second)

    def delay(self, clock: Clock) -> float:
        """Take a place, if there is one now, and return 0; else the seconds until there may be one."""
        with self._lock:
            now = clock.monotonic()
            if (delay := self._times[0] + 1 - now) > 0:
                return delay
            self._times.append(now)
            return 0
