# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Stand-ins for the Agent: a border to Python as the real one has it, and a process that can be killed."""

import os
import re
import signal
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from logging import getLogger
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from datadog_checks.base.log import AgentLogHandler
from datadog_checks.base.stubs import aggregator, datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.clock import SimulatedClock

CHECK_ID = 'sagemaker_training:1f2e3d'
COUNTS = ('sagemaker_training.jobs.', 'sagemaker_training.usage.')

# A kind of act, and the how manieth of that kind in a poll, from 0.
type Act = tuple[str, int]


class Border:
    """The border of the real Agent, where it is less kind than the stubs of `datadog_checks.base`, put in their place.

    * Resources go into a channel of 100, which 10 senders empty, 50 to 200 ms each. What does not fit is lost.
    * NUL ends a tag or the text of an event. Elsewhere it raises ValueError, also in log lines, as lone surrogates do.
    * A file of the cache is truncated, then written, and nobody is told whether that worked.
    * Logs are dropped unless the Agent takes logs.

    Attributes:
        lost: what the check was not told, by kind: `resource`, `text`, `log`, `write`
        disk: what becomes of writes: `` (all well), `refused` (nothing happens), `full` (truncated), `torn`
        unreadable: files whose name holds this cannot be read; empty: all can
    """

    def __init__(self, clock: SimulatedClock, channel: int = 100, senders: int = 10) -> None:
        self.lost: Counter[str] = Counter()
        self.disk = ''
        self.unreadable = ''
        self._clock = clock
        self._channel = channel
        self._waiting: deque[float] = deque()
        self._free_at = [float('-inf')] * senders
        self._durations = cycle([0.05, 0.1, 0.2])
        self._lock = Lock()

    @contextmanager
    def installed(self) -> Iterator['Border']:
        handler = AgentLogHandler()
        with pytest.MonkeyPatch.context() as patch:
            for stub, names in (
                (aggregator, ('submit_metric', 'submit_service_check', 'submit_event', 'submit_event_platform_event')),
                (datadog_agent, ('send_log', 'log', 'read_persistent_cache', 'write_persistent_cache')),
            ):
                self._originals = getattr(self, '_originals', {}) | {name: getattr(stub, name) for name in names}
                for name in names:
                    patch.setattr(stub, name, getattr(self, name))
            getLogger().addHandler(handler)
            try:
                yield self
            finally:
                getLogger().removeHandler(handler)

    def submit_metric(
        self, check: object, check_id: str, kind: int, name: str, value: float, tags: list[str], *rest: Any
    ) -> None:
        self._originals['submit_metric'](check, check_id, kind, name, value, self._cut_each(tags), *rest)

    def submit_service_check(
        self, check: object, check_id: str, name: str, status: int, tags: list[str], hostname: str, message: str
    ) -> None:
        tags = self._cut_each(tags)
        self._originals['submit_service_check'](check, check_id, name, status, tags, hostname, whole(message))

    def submit_event(self, check: object, check_id: str, event: dict[str, Any]) -> None:
        kept = {name: self._cut(value) if isinstance(value, str) else value for name, value in event.items()}
        self._originals['submit_event'](check, check_id, kept | {'tags': self._cut_each(event.get('tags', []))})

    def submit_event_platform_event(self, check: object, check_id: str, raw_event: bytes, event_type: str) -> None:
        if event_type == 'genresources' and not self._fits():
            self.lost['resource'] += 1
            return
        self._originals['submit_event_platform_event'](check, check_id, raw_event, event_type)

    def send_log(self, log_line: str, check_id: str) -> None:
        whole(log_line)
        if not datadog_agent.get_config('logs_enabled'):
            self.lost['log'] += 1
            return
        self._originals['send_log'](log_line, check_id)

    def log(self, message: str, level: int) -> None:
        whole(message)

    def write_persistent_cache(self, key: str, value: str) -> None:
        file, value = file_of(key), whole(value)
        if self.disk != 'refused':
            datadog_agent._cache[file] = {'': value, 'full': '', 'torn': value[: len(value) // 2]}[self.disk]
        if self.disk:
            self.lost['write'] += 1

    def read_persistent_cache(self, key: str) -> str:
        file = file_of(key)
        if self.unreadable and self.unreadable in file and file in datadog_agent._cache:
            raise RuntimeError('failed to read data')
        return datadog_agent._cache.get(file, '')

    def _fits(self) -> bool:
        with self._lock:
            self._send()
            if len(self._waiting) >= self._channel:
                return False
            self._waiting.append(self._clock.monotonic())
            self._send()
            return True

    def _send(self) -> None:
        while self._waiting:
            sender = self._free_at.index(min(self._free_at))
            begin = max(self._free_at[sender], self._waiting[0])
            if begin > self._clock.monotonic():
                return
            self._waiting.popleft()
            self._free_at[sender] = begin + next(self._durations)

    def _cut_each(self, texts: list[str]) -> list[str]:
        return [self._cut(text) for text in texts]

    def _cut(self, text: str) -> str:
        text.encode()
        kept, nul, _ = text.partition('\0')
        if nul:
            self.lost['text'] += 1
        return kept


def whole(text: str) -> str:
    """The text, where the Agent asks Python for one without NUL."""
    text.encode()
    if '\0' in text:
        raise ValueError('embedded null character')
    return text


def file_of(key: str) -> str:
    """The file of the Agent's persistent cache, relative to `run_path`."""
    check, _, name = key.partition(':')
    return f'{check}/{re.sub("[^a-zA-Z0-9_-]", "", name)}'


class FileCache:
    """The Agent's persistent cache: a file for each key, in a folder of the check."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, key: str) -> Path:
        return self._folder / file_of(key)

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

    The kinds are `count`, `event`, `log`, `cursor`, `ledger`, `mark`, and `end` of a poll, with the error of the check.
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
        datadog_agent._config['logs_enabled'] = True
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
        kinds = [kind for kind in ('cursor', 'ledger') if f'{kind}_' in key]
        self._act(kinds[0] if kinds else 'mark')
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
