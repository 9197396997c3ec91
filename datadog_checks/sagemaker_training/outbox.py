# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Resources on their way to the Agent, which takes in a hundred at once, some dozens a second, and loses the rest."""

from __future__ import annotations

from collections.abc import Callable

from .aws.pace import Clock, Window
from .entry import Entry

# The Agent's channel `genresources` holds 100; with 10 requests at a time of up to 200 ms each it sends 50 a second.
PER_SECOND = 50
# What a region keeps in memory, some kilobytes each; the jobs beyond are described again when there is room.
MOST_WAITING = 1_000


# One for the process, on each clock: all checks of an Agent share its channel.
_windows: dict[Clock, Window] = {}


class Outbox:
    """The resources of one region that wait, the newest of each ARN. Changes are sent before refreshes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changes: dict[str, tuple[Entry, Callable[[], None]]] = {}
        self._refreshes: dict[str, tuple[Entry, Callable[[], None]]] = {}

    def __len__(self) -> int:
        return len(self._changes) + len(self._refreshes)

    def put(self, entry: Entry, send: Callable[[], None], *, is_refresh: bool) -> None:
        """Let the job's resource wait, in place of an older one; if the outbox is full, the job stays due.

        The older one may be of a job that was deleted and had the same name: sent later, it would hide the new one.
        """
        arn = entry.job.arn
        is_change = self._changes.pop(arn, None) is not None or not is_refresh
        self._refreshes.pop(arn, None)
        entry.resource_waits = len(self) < MOST_WAITING
        if entry.resource_waits:
            (self._changes if is_change else self._refreshes)[arn] = entry, send

    def send(self, out_of_time: Callable[[], bool]) -> None:
        """Send what the Agent takes in now, and more as it does, until it is `out_of_time`."""
        window = _windows.setdefault(self._clock, Window(PER_SECOND))
        while waiting := self._changes or self._refreshes:
            while delay := window.delay(self._clock):
                if out_of_time():
                    return
                self._clock.sleep(delay)
            entry, send = waiting.pop(next(iter(waiting)))
            entry.resource_waits = False
            send()
