# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A stand-in for the Agent that can be killed: a process that runs one check and keeps its cache in files."""

import os
import re
import signal
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

from datadog_checks.base.stubs import aggregator, datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.clock import SimulatedClock

CHECK_ID = 'sagemaker_training:1f2e3d'
COUNTS = ('sagemaker_training.jobs.', 'sagemaker_training.usage.')

# A kind of act, and the how manieth of that kind in a poll, from 0.
type Act = tuple[str, int]


class FileCache:
    """The Agent's persistent cache: a file for each key, in a folder of the check."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, key: str) -> Path:
        check, _, name = key.partition(':')
        return self._folder / check / re.sub('[^a-zA-Z0-9_-]', '', name)

    def read(self, key: str) -> str:
        file = self.file(key)
        return file.read_text(encoding='utf-8') if file.exists() else ''

    def write(self, key: str, value: str) -> None:
        """The Agent writes in place. Here nobody dies halfway through: once in ten thousand runs, tests would fail."""
        file = self.file(key)
        file.parent.mkdir(exist_ok=True)
        new = file.with_suffix('.new')
        new.write_text(value, encoding='utf-8')
        new.replace(file)


class Agent:
    """Tells each act of the check to `connection`, as (kind, data), right before it has its effect.

    The kinds are `count`, `event`, `log`, `cursor`, `ledger`, and `end` of a poll, with the error that it came to.
    """

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._connection = connection
        self._cache = FileCache(folder)
        self._lock = Lock()  # regions are polled in parallel
        self._acts: Counter[str] = Counter()
        self._last: Act | None = None

    def run(self, instance: dict[str, Any]) -> None:
        """Poll whenever a time comes in, with the act at which to die or None. Returns only by being killed."""
        aggregator.submit_metric = self.submit_metric
        aggregator.submit_event = lambda check, check_id, event: self._act('event', event)
        datadog_agent.send_log = lambda log, check_id: self._act('log', log)
        datadog_agent.read_persistent_cache = self._cache.read
        datadog_agent.write_persistent_cache = self.write_persistent_cache
        now, self._last = self._connection.recv()
        clock = SimulatedClock(now)
        check = SagemakerTrainingCheck('sagemaker_training', {}, [instance], clock=clock)
        check.check_id = CHECK_ID
        while True:
            self._acts.clear()
            self._act('end', check.run())
            now, self._last = self._connection.recv()
            clock.advance_to(now)

    def submit_metric(
        self, check: object, check_id: str, kind: int, name: str, value: float, tags: list[str], *_: object
    ) -> None:
        if kind == aggregator.COUNT and name.startswith(COUNTS):
            self._act('count', (name.removeprefix('sagemaker_training.'), value, tags))

    def write_persistent_cache(self, key: str, value: str) -> None:
        self._act('cursor' if '_log_cursor_' in key else 'ledger')
        self._cache.write(key, value)

    def _act(self, kind: str, data: object = None) -> None:
        with self._lock:
            if (kind, self._acts[kind]) == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
            self._acts[kind] += 1
            self._connection.send((kind, data))


def run(connection: Connection, folder: Path, instance: dict[str, Any]) -> None:
    """What the process does."""
    Agent(connection, folder).run(instance)
