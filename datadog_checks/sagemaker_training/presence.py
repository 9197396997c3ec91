# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""When a saved state is too old to go on with, as somebody else may have counted since: two small marks, and no more.

* The presence of an instance in a region: until when its saved state tells all that it has counted, or when the Agent
  took it off the schedule. Each poll moves it on, whatever AWS answers.
* When anybody of this Agent last listed the jobs of an account and region: instances that differ in their role, profile
  or filters have a state each, and the same jobs.

After a pause of the whole Agent, both are equally old. But where others have listed the jobs after the presence ended,
as after filters that were changed and changed back, they have counted what the state does not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from pydantic import AwareDatetime, TypeAdapter

from .store import Read, Write, write_through

# An instance that only had its configuration changed is back on the schedule by then; later, others may have polled.
MOST_RELEASED = timedelta(minutes=1)
# How much later than it is due a poll may end.
SLACK = timedelta(minutes=1)
# Instances that are loaded within this time of each other come with one start of the Agent.
LONGEST_START = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Presence:
    """Until when an instance answers for its saved state, and when it was taken off the schedule, if it was."""

    until: datetime
    released_at: datetime | None = None


_PRESENCES = TypeAdapter(dict[str, Presence])
_TIME = TypeAdapter(AwareDatetime)


class _Inherited(NamedTuple):
    """What a mark said before this process came to it, and when that was."""

    polled_at: datetime | None
    since: datetime


_inherited: dict[str, _Inherited] = {}  # by key
_last: dict[str, Presences] = {}  # by key, those of the instance that came last


class Presences:
    """Those of one instance, by region, saved under a key. A former instance with the same key changes nothing more.

    An instance that is loaded within MOST_RELEASED of being taken off the schedule was not away.
    """

    def __init__(self, key: str, read: Read, write: Write, now: datetime) -> None:
        self._key = key
        self._write = write
        self._lock = Lock()  # the Agent cancels from another thread
        self._released_at: datetime | None = None
        self._by_region: dict[str, Presence] = {}
        _last[key] = self
        try:
            self._by_region = _PRESENCES.validate_json(read(key) or '{}')
        except (RuntimeError, ValueError):
            return  # then any state is trusted
        back = [
            region
            for region, presence in self._by_region.items()
            if presence.released_at and presence.released_at >= now - MOST_RELEASED
        ]
        if back:
            self._by_region |= {region: replace(self._by_region[region], released_at=None) for region in back}
            self._save()

    def __getitem__(self, region: str) -> Presence | None:
        return self._by_region.get(region)

    def move_on(self, regions: Iterable[str], now: datetime, interval: timedelta) -> None:
        """The saved states of these regions tell all, and the next poll has ended by 2 intervals from now."""
        presence = Presence(now + 2 * interval + SLACK)
        with self._lock:
            self._by_region |= dict.fromkeys(regions, presence)
            self._save()

    def release(self, now: datetime) -> None:
        """The instance has been taken off the schedule, perhaps to go on with another Agent."""
        with self._lock:
            self._released_at = now
            self._save()

    def _save(self) -> None:
        if self._released_at:
            self._by_region = {
                region: replace(presence, released_at=self._released_at) for region, presence in self._by_region.items()
            }
        if self._by_region and _last[self._key] is self:
            text = _PRESENCES.dump_json(self._by_region, exclude_defaults=True).decode()
            with suppress(RuntimeError, ValueError):
                self._write(self._key, text)


def mark_polled(key: str, read: Read, write: Write, now: datetime) -> bool:
    """Note that somebody has listed the jobs; whether that could be saved."""
    _inherit(key, read, now)
    return write_through(key, _TIME.dump_json(now).decode(), read, write)


def polled_before(key: str, read: Read, scheduled_at: datetime, now: datetime) -> datetime | None:
    """When anybody last listed the jobs before an instance came that was scheduled then; None if that is not known.

    Those that were loaded together with it do not count: after a pause, they only were the first to go on.
    """
    inherited = _inherit(key, read, now)
    return inherited.polled_at if scheduled_at - inherited.since <= LONGEST_START else _polled_at(key, read)


def forget_process() -> None:
    """As if the process had just begun: for tests."""
    _inherited.clear()
    _last.clear()


def _inherit(key: str, read: Read, now: datetime) -> _Inherited:
    if key not in _inherited:
        _inherited.setdefault(key, _Inherited(_polled_at(key, read), now))
    return _inherited[key]


def _polled_at(key: str, read: Read) -> datetime | None:
    try:
        return _TIME.validate_json(read(key))
    except (RuntimeError, ValueError):
        return None
