# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Which jobs to describe in a poll, and in which order, so that none waits for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import islice

from .entry import Entry

# Of so many Describes, one goes to those who stand behind.
SHARED = 10


class Lane(Enum):
    """Changes come before refreshes, always. Else, those who stand behind have a share, see `SHARED`."""

    CHANGES = auto()
    RETRIES = auto()  # of changes
    UNLISTED = auto()  # refreshes of what this poll has not listed, whose end nothing else would show
    LISTED = auto()
    REST = auto()  # refreshes of what has ended, and what was over before the first poll


def due(
    entries: Iterable[Entry], now: datetime, open_refresh: timedelta, resource_refresh: timedelta | None
) -> list[Entry]:
    """The jobs to describe now; `resource_refresh` None if no resources are sent."""
    lanes: dict[Lane, list[tuple[float, int, Entry]]] = {lane: [] for lane in Lane}
    for number, entry in enumerate(entries):
        since = _due_since(entry, now, open_refresh, resource_refresh)
        if since is not None:
            lanes[_lane(entry, now)].append((since, number, entry))
    changes, retries, unlisted, listed, rest = ([each for _, _, each in sorted(lane)] for lane in lanes.values())
    return [*_shared(changes, retries), *_shared([*_shared(unlisted, listed)], rest)]


def _lane(entry: Entry, now: datetime) -> Lane:
    if entry.is_history:
        return Lane.REST
    if entry.changed_at:
        return Lane.RETRIES if entry.failures else Lane.CHANGES
    if not (entry.job.is_live or entry.look_at):
        return Lane.REST
    return Lane.LISTED if entry.listed_at == now else Lane.UNLISTED


def _due_since(
    entry: Entry, now: datetime, open_refresh: timedelta, resource_refresh: timedelta | None
) -> float | None:
    """In epoch seconds; None if the job is not due."""
    if entry.failures and now < entry.retry_at:
        return None
    if entry.changed_at:
        return entry.changed_at.timestamp()
    if entry.look_at and entry.look_at <= now:
        return entry.look_at.timestamp()
    if entry.asked_at is None or entry.job.is_live or entry.denied or entry.not_found:
        since = entry.refresh_due(entry.asked_at, open_refresh, now)
        if since is not None:
            return since
    if not resource_refresh or entry.denied or entry.not_found or entry.resource_waits:
        return None
    if entry.job.is_live and entry.resource_sent_at and open_refresh <= resource_refresh:
        return None  # the job's own refresh brings it
    return entry.refresh_due(entry.resource_sent_at, resource_refresh, now)


def _shared(first: list[Entry], second: list[Entry]) -> Iterator[Entry]:
    """The first, but for each `SHARED`th, which is one of the second as long as there are any."""
    behind = iter(second)
    for number, entry in enumerate(first, 1):
        yield entry
        if number % (SHARED - 1) == 0:
            yield from islice(behind, 1)
    yield from behind
