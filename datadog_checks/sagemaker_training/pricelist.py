# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""AWS's list prices of a region: read once a day for all instances of an Agent, and kept over failures and restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from threading import Lock

from pydantic import AwareDatetime, PositiveFloat, TypeAdapter

from datadog_checks.base.utils.containers import hash_mutable_stable

from .aws import Region
from .aws.errors import AwsError, BadCredentials, Denied, NoPriceList, Problem
from .aws.pace import Clock
from .job import TrainingJob
from .prices import SET_OWN_PRICE, Listed, Prices, list_prices
from .settings import Settings
from .store import Read, Write

KEPT = timedelta(days=1)
# Instances have a moment of their own, so that a hundred of them do not ask at once: of an hour after the day ...
SPREAD = timedelta(hours=1)
# ... and, after a failure, within once and twice these seconds. What is refused is hardly allowed a minute later.
RETRY, REFUSED_RETRY = 300, 3_600
REFUSED = (Denied, BadCredentials, NoPriceList)
# In seconds: where no price is known yet, worth a wait for another instance that is asking.
PATIENCE = 5
# In characters; AWS has some 200 types, which take 6,000.
MOST_SAVED = 65_536


@dataclass(frozen=True, slots=True)
class Saved:
    """What is in the Agent's cache: when AWS told it, and the price of an hour by instance type."""

    read_at: AwareDatetime
    hours: dict[str, PositiveFloat]


_SAVED = TypeAdapter(Saved)


class PriceList:
    """Of one region, by the Agent's functions that read and write a key of its cache.

    Attributes:
        saved: the last list that had a price; None as long as there was none
    """

    def __init__(self, key: str, read: Read, write: Write) -> None:
        self.saved: Saved | None = None
        self._key = key
        self._write = write
        self._turn = Lock()
        with suppress(RuntimeError, ValueError):  # it is lost, and read anew
            self.saved = _SAVED.validate_json(read(key))

    def is_due(self, now: datetime, late: timedelta) -> bool:
        """Whether it is time to read it, for an instance that does so this much later than it might."""
        return self.saved is None or not timedelta() <= now - self.saved.read_at < KEPT + late

    def refresh(self, read: Callable[[], Listed], now: datetime, late: timedelta) -> Listed | None:
        """Read it, if that is due and nobody else is at it; what was read. Errors are those of `read`."""
        if not self._turn.acquire(timeout=0 if self.saved else PATIENCE):
            return None
        try:
            if not self.is_due(now, late):
                return None
            listed = read()
            self.saved = Saved(now, listed.hours)
            text = _SAVED.dump_json(self.saved).decode()
            if len(text) <= MOST_SAVED:
                with suppress(RuntimeError, ValueError):
                    self._write(self._key, text)
            return listed
        finally:
            self._turn.release()


# Of the process, by the key of the cache and the clock.
_lists: dict[tuple[str, Clock], PriceList] = {}


def shared_list(check: str, endpoint_url: str | None, region: str, clock: Clock, read: Read, write: Write) -> PriceList:
    """The one that all instances of the Agent have in common."""
    key = f'{check}:prices_{hash_mutable_stable(endpoint_url) if endpoint_url else "aws"}_{region}'
    return _lists.setdefault((key, clock), PriceList(key, read, write))


def forget_process() -> None:
    """As if the process had just begun: for tests."""
    _lists.clear()


def read_list(calls: Region) -> Listed:
    """What AWS lists now.

    Raises:
        NoPriceList: AWS has none for the region, or none that can be used
        AwsError: it could not be read
    """
    listed = list_prices(calls.price_rows(), calls.name)
    if not listed.hours:
        raise NoPriceList('GetProducts', 'NoPrices', f'AWS lists no training instance for {calls.name}')
    return listed


class RegionPrices:
    """The prices of one region of an instance, from poll to poll; `whose` tells instances apart.

    Attributes:
        table: at the last poll; empty if the options ask for none
        problem: why the list prices could not be read, if they are due
        unpriced: the instance types of jobs that have no price; empty where no price is known at all
    """

    def __init__(self, calls: Region, settings: Settings, shared: PriceList, clock: Clock, whose: str) -> None:
        self.problem: Problem | None = None
        self.unpriced: set[str] = set()
        self._calls = calls
        self._settings = settings
        self._list = shared
        self._clock = clock
        digest = blake2b(f'{whose} {calls.name}'.encode(), digest_size=4).digest()
        self._share = int.from_bytes(digest) / 2**32
        self._ask_at = float('-inf')  # on the monotonic clock
        self._told: set[str] = set()
        self._take(shared.saved)

    def refresh(self, warn: Callable[[str], None]) -> None:
        """Read the list prices if that is due. A call that fails leaves those there are; of others it says nothing."""
        if not self._settings.config.estimate_cost:
            return
        now, late = datetime.fromtimestamp(self._clock.time(), UTC), self._share * SPREAD
        if not self._list.is_due(now, late):
            self.problem = None
        elif self._clock.monotonic() >= self._ask_at:
            try:
                listed = self._list.refresh(lambda: read_list(self._calls), now, late)
            except AwsError as e:
                self.problem = e.problem
                retry = REFUSED_RETRY if isinstance(e, REFUSED) else RETRY
                self._ask_at = self._clock.monotonic() + retry * (1 + self._share)
            else:
                self.problem = None
                if listed and listed.doubtful:
                    types = ', '.join(listed.doubtful)
                    warn(f'AWS lists more than one price, or what is none, for {types}: none of these counts.')
        if self._list.saved is not self._taken:
            self._take(self._list.saved)

    def look_for_unpriced(self, jobs: Iterable[TrainingJob], warn: Callable[[str], None]) -> None:
        """Name, once, each instance type that has no price. Jobs of a training plan need none."""
        if not self.table:
            return
        used = {group.type for job in jobs if not job.training_plan for group in job.instances if group.type}
        self.unpriced = used - self.table.keys()
        if new := self.unpriced - self._told:
            self._told |= new
            warn(f'No price is known for {", ".join(sorted(new))}: these have no cost. {SET_OWN_PRICE}')

    def _take(self, saved: Saved | None) -> None:
        self._taken = saved
        listed: Mapping[str, float] = saved.hours if saved and self._settings.config.estimate_cost else {}
        self.table: Prices = self._settings.prices(self._calls.name, listed)
