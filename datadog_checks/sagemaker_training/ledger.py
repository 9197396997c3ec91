# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is known of the jobs of one region, and what is still to be found out. No calls, no clock: values in and out.

AWS lists jobs newest first, 100 to a call, and cannot be asked for what changed since a time. So the ledger keeps

* the jobs that are open, hold a warm pool or ended lately, each with its rank (how many jobs are newer), which tells
  whether another page of the listing would show enough of them;
* the stretches of time that no listing has covered yet: all of the last 30 days at a first start, and whatever was left
  when a poll ran out of time or AWS stopped answering;
* what has been counted of each. Nothing is forgotten of a job that is owed something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from .aws.errors import Problem
from .counts import TRANSITIONS
from .entry import NEVER, Entry, Key, is_stale, signature
from .job import TrainingJob
from .listing import BOUNDARY, LONGEST_LIFE, OVERLAP, Stretch, pages_worth_listing
from .runs import LongestRuns

# How long a job is remembered after its end at least: its warm pool may show a little later.
LEAST_KEPT = timedelta(minutes=5)
# How long what was counted of a job is remembered that AWS does not find although the listing has shown it alive.
GONE_KEPT = timedelta(days=1)


class Ledger:
    """The jobs of one region whose names are included; `history` is how long before the first poll an end matters."""

    def __init__(self, history: timedelta, is_included: Callable[[str], bool]) -> None:
        self.entries: dict[Key, Entry] = {}
        self.gone: dict[Key, Entry] = {}  # deleted jobs that the listing may still show
        self.stretches: list[Stretch] = []
        self.longest_runs: LongestRuns = {}
        self.account_id: str | None = None
        self.listed_at: datetime | None = None  # the last poll that was shown a page
        self.tags_denied: Problem | None = None  # why the last call for resource tags was denied
        self.started: datetime | None = None  # the first poll, by the clock of AWS
        self.first_newest: datetime | None = None  # the newest job it saw
        self.newest: datetime | None = None
        self.newest_at: datetime | None = None  # the poll that it first showed in
        self.covered_at: datetime | None = None  # the last poll that listed what was new, or noted what is left of it
        self.settled: datetime | None = None  # a job created up to then is no news any more, unless it is open
        self.shown_until: datetime | None = None  # the listing of this poll has shown all jobs that are newer
        self.logged: dict[Key, int] = {}  # transitions whose logs were sent of jobs that no listing has shown since
        self._skipped: Stretch | None = None  # of the listing under way: begins with the first job that cannot be read
        self._history = history
        self._is_included = is_included

    def head(self, now: datetime) -> Stretch:
        """What was created since the last poll; at the first one, all that can still be open."""
        self.shown_until = None
        if self.newest is None:
            self.started = now
            return Stretch(now - LONGEST_LIFE - self._history, None, 0, history=True)
        if self.newest_at and self.covered_at and self.covered_at - self.newest_at >= OVERLAP:
            self.settled = self.newest
        return Stretch(self._news_after, None, 0, history=False, newest_before=self.newest)

    def pages_worth_listing(self, page_size: int, page_cost: float) -> int:
        """The number of pages to list at every poll; `page_cost` is what one is worth in Describes."""
        return pages_worth_listing((e.rank for e in self.entries.values() if e.job.is_live), page_size, page_cost)

    def observe(
        self, jobs: Iterable[TrainingJob | None], stretch: Stretch, now: datetime, answered_at: datetime | None = None
    ) -> None:
        """Take in a page of the stretch, and shorten the stretch by it; `answered_at` is the time by AWS's clock.

        None stands for a job that could not be read: what was created about then stays to be listed.
        """
        self.listed_at = now
        if self.newest is None and answered_at:
            self.started = answered_at + BOUNDARY  # it comes without its fraction of a second
        resumed_at: datetime | None = None
        for job in jobs:
            if job is None:
                resumed_at = None
                self._skip(stretch)
                continue
            resumed_at = resumed_at or job.created
            if self.newest is None:
                self.first_newest = self.settled = self.first_newest or job.created
            if self.newest is None or job.created > self.newest:
                self.newest, self.newest_at = job.created, now
            if stretch.newest_before and job.created > stretch.newest_before:
                stretch.arrivals += 1
            else:
                stretch.overlapping += 1
            if self._is_included(job.name):
                self._take_in(job, stretch, now, answered_at or now)
            self.account_id = job.account_id
            stretch.rank += 1
            stretch.before = job.created
        if resumed_at:
            self._resume(stretch, resumed_at)

    def listed(self, stretch: Stretch) -> None:
        """The stretch has been listed to its end."""
        self._resume(stretch, stretch.after)
        if self.newest is None:
            self.newest = stretch.after
            self.first_newest = self.settled = self.first_newest or stretch.after
        if stretch in self.stretches:
            self.stretches.remove(stretch)
        else:
            self.covered_at = self.listed_at
            self.shown_until = stretch.before or NEVER

    def broke_off(self, stretch: Stretch) -> None:
        """The listing of the stretch did not come to its end: what is left of it stays to be listed."""
        self._resume(stretch, stretch.before or stretch.after)
        if stretch.before is None or stretch in self.stretches:
            return
        self.covered_at = self.listed_at
        if stretch.history or stretch.arrivals:
            self.stretches.append(stretch)

    def shift(self, head: Stretch, now: datetime) -> None:
        """Move what the head of the listing did not show down by the number of jobs that came on top."""
        for entry in self.entries.values():
            if entry.listed_at != now:
                entry.rank += head.arrivals
        for stretch in self.stretches:
            if stretch is not head:
                stretch.rank += head.arrivals

    def prune_logged(self) -> None:
        """Keep of the logs that were sent only what is to be known of jobs that a listing may still show."""
        is_complete = self.covered_at and not self.stretches
        self.logged = {} if is_complete else {key: n for key, n in self.logged.items() if key not in self.entries}

    @property
    def is_complete(self) -> bool:
        """Whether the last listing, with those before, has shown all there is."""
        return self.covered_at is not None and self.covered_at == self.listed_at and not self.stretches

    def denied(self, entry: Entry, why: Problem, now: datetime) -> None:
        """A job that may not be described is tried again like one that has not changed."""
        entry.answered(now)
        entry.denied = why

    def not_found(self, entry: Entry, now: datetime) -> None:
        """AWS does not find the job. That may be wrong once, and as often as the listing shows the job all the same."""
        entry.not_found += 1
        should_show = self.shown_until is not None and entry.job.created > self.shown_until
        if entry.listed_at != now and (entry.not_found > 1 or should_show):
            self.forget(entry, now)
        elif entry.not_found > 1:
            entry.answered(now)  # as far as the listing tells

    def forget(self, entry: Entry, now: datetime) -> None:
        """The job was deleted. What the listing has told of it is still owed."""
        if self.entries.pop(entry.key, None):
            self.gone[entry.key] = entry
            entry.changed_at = None
            entry.owed_at = entry.owed_at or now

    def owed(self, now: datetime, *, with_tags: bool) -> list[Entry]:
        """The jobs of which something may be new to count, in the view that is as complete as it will become."""
        both = (*self.entries.values(), *self.gone.values())
        return [entry for entry in both if entry.is_owed(now, with_tags=with_tags)]

    def pending(self) -> Iterator[datetime]:
        """Since when each change that is known has waited to be described."""
        return (entry.changed_at for entry in self.entries.values() if entry.changed_at)

    def prune(self, now: datetime, keep: timedelta) -> None:
        """Drop what has been over for longer than `keep`, unless a listing will offer it as new again."""
        before = now - max(keep, LEAST_KEPT)
        self.entries = {
            key: entry
            for key, entry in self.entries.items()
            if not entry.is_done(before, self.listed_at) or self._is_offered_again(entry.job)
        }
        self.gone = {
            key: entry
            for key, entry in self.gone.items()
            if entry.owed_at
            or self._is_offered_again(entry.job)
            or (entry.job.is_live and entry.listed_at and not is_stale(entry.listed_at, GONE_KEPT, now))
        }

    def _skip(self, stretch: Stretch) -> None:
        """A job of the stretch cannot be read. It is older than the last one that could be, or the newest of all."""
        if stretch.before is None:
            if self.newest is None:
                self.first_newest = self.started  # it is there at the first poll, whenever it is read
        elif stretch.before > stretch.after:
            self._skipped = self._skipped or replace(stretch, newest_before=None, arrivals=0)

    def _resume(self, stretch: Stretch, after: datetime) -> None:
        """What could not be read was created after that: it stays to be listed, with its neighbours."""
        skipped, self._skipped = self._skipped, None
        if skipped and skipped.before and skipped.before > stretch.after:
            self.stretches.append(replace(skipped, after=max(after - BOUNDARY, stretch.after)))

    def _take_in(self, job: TrainingJob, stretch: Stretch, now: datetime, answered_at: datetime) -> None:
        key = (job.arn, job.created)
        listed = signature(job)
        if gone := self.gone.get(key):
            gone.listed_at = now
            if not job.is_open and gone.listed == listed:
                return
            self.entries[key] = self.gone.pop(key)
            gone.changed_at = now
        if entry := self.entries.get(key):
            entry.rank = stretch.rank
            entry.listed_at = now
            if entry.listed != listed:
                entry.listed = listed
                entry.see(entry.job.updated(job))
                entry.changed_at = entry.changed_at or now
            else:
                entry.seen(job, answered_at)
            return
        if job.is_live or self._is_news(job, stretch):
            self.entries[key] = Entry(job, stretch.rank, self._since(job, stretch), listed, now, changed_at=now)
            if logged := self.logged.get(key):
                self.entries[key].counted[TRANSITIONS] = logged

    @property
    def _news_after(self) -> datetime:
        """A job that is over and not known is news if it was created later. NEVER before the first page."""
        return max(self.newest - OVERLAP, self.settled) if self.newest and self.settled else NEVER

    def _since(self, job: TrainingJob, stretch: Stretch) -> datetime | None:
        if not stretch.history and self.first_newest and job.created > self.first_newest:
            return None
        return max(self.started, job.created) if self.started else job.created

    def _is_news(self, job: TrainingJob, stretch: Stretch) -> bool:
        """Whether a job that is over and not known still matters."""
        if stretch.history:
            return bool(job.over_since and self.started and job.over_since >= self.started - self._history)
        return job.created > stretch.after

    def _is_offered_again(self, job: TrainingJob) -> bool:
        """Whether a listing would still take the job, if it were not known, for news."""
        return job.created > self._news_after or any(
            stretch.before is not None and stretch.after <= job.created <= stretch.before + BOUNDARY
            for stretch in self.stretches
        )
