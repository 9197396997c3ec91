# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""One region's poll from its beginning to its end: list, describe what changed, hand over, save."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from .aws import Account, Region
from .aws.errors import AwsError
from .aws.pace import Clock
from .due import due
from .ledger import Ledger
from .memory import Memory
from .poll import Poll
from .pricelist import RegionPrices
from .settings import Settings
from .submit import Submission
from .workers import Workers

# A poll ends itself before the Agent starts the next one. Of the interval, from its beginning on:
LISTING_SHARE = 0.4
POLL_SHARE = 0.8
SENDING_SHARE = 0.9
# For what is read is told, too: at least so much of the interval, and as long as the poll has time.
NEWS_SHARE = 0.1


class FollowedRegion:
    """One region of an instance, from poll to poll. `note_listed` notes when the jobs of an account were listed."""

    def __init__(
        self,
        calls: Region,
        account: Account,
        settings: Settings,
        submission: Submission,
        memory: Memory,
        ledger: Ledger,
        prices: RegionPrices,
        *,
        clock: Clock,
        is_cancelled: Callable[[], bool],
        note_listed: Callable[[str, datetime], bool],
    ) -> None:
        self.ledger = ledger
        self.memory = memory
        self.prices = prices
        self._calls = calls
        self._account = account
        self._settings = settings
        self._submission = submission
        self._clock = clock
        self._is_cancelled = is_cancelled
        self._note_listed = note_listed

    def poll(self, workers: Workers, start: float) -> str | None:
        """One poll, of a turn of all regions that began at `start`; why the region could not be read, if so.

        A listing that breaks off after its first page is no failure: the next poll goes on with it.
        """
        began, now = self._clock.monotonic(), datetime.fromtimestamp(self._clock.time(), UTC)
        settings, name = self._settings, self._calls.name
        poll = self._list(now, start)
        ledger = self.ledger
        account_id = ledger.account_id or settings.role_account_id or self._account.caller_account_id
        scope = settings.scope(name, account_id)
        is_read = ledger.listed_at == now
        if is_read and not self._out_of_time(start, POLL_SHARE)():
            self.prices.refresh(self._submission.warn)
        try:
            self._describe(poll, workers, start)
        finally:
            interval = settings.config.min_collection_interval
            deadline = max(start + POLL_SHARE * interval, self._clock.monotonic() + NEWS_SHARE * interval)
            self._submission.news(ledger, self.memory, scope, now, deadline, self.prices.table)
        is_kept = not self.memory.is_lost
        if is_read and account_id:
            is_kept &= self._note_listed(account_id, now)
        if is_read:
            self._submission.gauges(ledger, scope, now, self.prices.table)
        self.prices.look_for_unpriced((entry.job for entry in ledger.entries.values()), self._submission.warn)
        problems = self._submission.service_check(poll, scope, is_read, is_kept, self.prices.problem)
        duration = self._clock.monotonic() - began
        self._submission.poll_metrics(ledger, scope, now, duration, self._account.take_attempts(name))
        return None if is_read else f'{name}: {problems}'

    def _list(self, now: datetime, start: float) -> Poll:
        settings = self._settings
        known_account = self.ledger.account_id
        self.ledger.prune(now, timedelta(hours=settings.config.job_metrics_hours))
        poll = Poll(self._calls, self.ledger, now, settings.scrubber)
        try:
            poll.list_changes(page_cost=settings.page_cost, out_of_time=self._out_of_time(start, LISTING_SHARE))
        except AwsError as e:
            poll.problems.append(e)
        if known_account in (None, self.ledger.account_id):
            return poll
        self._submission.warn_of_another_account(known_account, self.ledger.account_id)
        self.ledger = settings.new_ledger()
        return self._list(now, start)

    def _describe(self, poll: Poll, workers: Workers, start: float) -> None:
        config, settings = self._settings.config, self._settings
        resource_refresh = settings.resource_refresh if config.collect_resources else None
        # More at a time would wait for the rate beyond the deadline.
        most = max(1, int(self._calls.rate('DescribeTrainingJob')))
        described = poll.describe(
            due(poll.ledger.entries.values(), poll.now, settings.open_refresh, resource_refresh),
            tags_refresh=settings.resource_refresh if config.collect_resource_tags else None,
            ask_all=partial(workers.map, self._calls.name, most),
            out_of_time=self._out_of_time(start, POLL_SHARE),
        )
        for entry, answer in described:
            if config.collect_resources:
                self._submission.resources.take(entry, answer, poll.now)
        self._submission.resources.send(self._out_of_time(start, SENDING_SHARE))

    def _out_of_time(self, start: float, share: float) -> Callable[[], bool]:
        deadline = start + share * self._settings.config.min_collection_interval
        return lambda: self._is_cancelled() or self._clock.monotonic() >= deadline
