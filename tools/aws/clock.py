# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import threading
from datetime import UTC, datetime


class SimulatedClock:
    """Stands in for the `time` module: sleeping moves the time on instead of waiting. Safe to share between threads."""

    def __init__(self, start: datetime) -> None:
        self._start = start.timestamp()
        self._elapsed = 0.0
        self._lock = threading.Lock()

    @property
    def now(self) -> datetime:
        """The simulated time, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._start + self._elapsed

    def monotonic(self) -> float:
        """Seconds since the clock was made; moves together with `time`."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Return at once, `seconds` later."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the time on; ValueError for a step back."""
        if seconds < 0:
            raise ValueError(f'time cannot go back {-seconds} seconds')
        with self._lock:
            self._elapsed += seconds

    def advance_to(self, moment: datetime) -> None:
        """Move the time on to `moment`; a moment already past changes nothing."""
        with self._lock:
            self._elapsed = max(self._elapsed, moment.timestamp() - self._start)
