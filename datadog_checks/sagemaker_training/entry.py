# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is known of one job, and what is owed to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from .aws.errors import Problem
from .cost import spent_since
from .counts import News
from .job import TrainingJob
from .prices import Prices
from .usage import BILLABLE, accrues, excess

NEVER = datetime.min.replace(tzinfo=UTC)

# How long a Describe that has failed again is left alone: twice as long each time, up to the second.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=5)
# How often figures are looked for that AWS has not filled in when a job ended, at pauses of 1, 2, 4, 8, 16 minutes.
MOST_LOOKS = 5

# How long what happened to a job waits for its resource tags, where AWS has trouble to tell them.
TAGS_PATIENCE = timedelta(minutes=5)

# How long what a job used is waited for that has ended when it could no longer be described.
UNSEEN_KEPT = timedelta(days=1)

type Key = tuple[str, datetime]  # ARN and creation time: a name can be used again


@dataclass(slots=True, eq=False)
class Entry:
    """One job: the freshest view of it, and what is owed to it."""

    job: TrainingJob
    rank: int
    since: datetime | None  # the first poll; None for a job created after it. What happened before is not counted
    listed: tuple[Any, ...]  # the part of its summary that moves when the job does
    listed_at: datetime | None
    changed_at: datetime | None  # when a change showed that has not been described yet
    owed_at: datetime | None = None  # when it was described and what is new about it has not been counted yet
    owes_use: bool = False  # only what it has used since it was described has not been counted yet
    counted: dict[str, int] = field(default_factory=dict)
    seen_at: datetime | None = None  # when the job was last seen to be as described, by the clock of AWS
    spent: float | None = None  # on the billed time that was counted, and on what was before it; None if not known
    excess_told: frozenset[str] = frozenset()  # of which counts it was logged that they are beyond AWS's figures
    asked_at: datetime | None = None  # when it was last described, or that was refused for good
    denied: Problem | None = None  # why its last Describe was denied
    failures: int = 0  # since it was last described
    problem: Problem | None = None  # of the last of these
    not_found: int = 0  # times in a row
    retry_at: datetime = NEVER  # not described before, for its failures
    looks: int = 0  # for figures that were missing at its end
    look_at: datetime | None = None  # the next one
    tags: Mapping[str, str] = field(default_factory=dict)
    tagged_at: datetime | None = None
    resource_digest: str = ''
    resource_sent_at: datetime | None = None
    resource_waits: bool = False  # to be sent
    phase: float = field(init=False)  # of its refreshes, from 0 to 1

    def __post_init__(self) -> None:
        self.phase = crc32(self.job.arn.encode()) / 2**32

    @property
    def key(self) -> Key:
        return self.job.arn, self.job.created

    @property
    def is_history(self) -> bool:
        """Whether the job was over before the first poll."""
        return bool(self.since and self.job.over_since and self.job.over_since <= self.since)

    def see(self, job: TrainingJob) -> None:
        """Take a newer view. Where the job was open at the first poll, its end is news whenever AWS says it was."""
        if self.since and self.job.is_open and job.over_since and job.over_since <= self.since:
            self.since = max(job.created, job.over_since - timedelta.resolution)
        self.job = job

    def seen(self, listed: TrainingJob, at: datetime) -> None:
        """A listing shows the job in the statuses it was described in. What it has used since is owed."""
        job = self.job
        if not accrues(job) or (listed.status, listed.warm_pool) != (job.status, job.warm_pool):
            return
        if listed.secondary_status in (job.secondary_status, None):
            self.seen_at = at
            self.owes_use = True

    def described(self, job: TrainingJob, now: datetime, answered_at: datetime | None = None) -> None:
        self.see(job if job.created == self.job.created else replace(job, created=self.job.created))
        self.seen_at = answered_at or now
        self.answered(now)
        self.denied = None
        self.not_found = 0
        self.look_at = None
        if job.lacks_figures and self.looks < MOST_LOOKS:
            self.look_at = now + timedelta(minutes=2**self.looks)
            self.looks += 1

    def answered(self, now: datetime) -> None:
        """No more will be known of the job before it changes, so what is new is owed."""
        self.asked_at = now
        self.changed_at = None
        self.failures, self.problem, self.retry_at = 0, None, NEVER
        self.owed_at = self.owed_at or now

    def used(self, times: Iterable[News], prices: Prices) -> None:
        """These are counted, and nothing more is owed."""
        for new in times:
            self.counted[new.name] = new.now
            if new.name == BILLABLE:
                self.spent = spent_since(self.spent, self.job, new, prices)
        self.owed_at, self.owes_use = None, False

    def excess_to_tell(self) -> Iterator[tuple[str, int]]:
        """Each count beyond AWS's figures, once: the job may have ended within moments of being seen."""
        beyond = {} if self.job.is_open else excess(self.job, self.counted)
        for name, seconds in beyond.items():
            if name not in self.excess_told:
                self.excess_told |= {name}
                yield name, seconds

    def failed(self, problem: Problem, now: datetime, *, is_own: bool) -> None:
        """Try again in the next poll or, where it `is_own` and other jobs could be described, after a pause."""
        self.failures += 1
        self.problem = problem
        doublings = min(self.failures - 2, LONGEST_PAUSE // FIRST_PAUSE)  # more would leave the calendar
        pause = min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE) if self.failures > 1 else timedelta(0)
        self.retry_at = now + pause if is_own else NEVER

    def is_owed(self, now: datetime, *, with_tags: bool) -> bool:
        """Whether something may be new to count, in a view that is as complete as it will become."""
        if self.changed_at or not self.owed_at:
            return self.owes_use and not self.changed_at
        has_tags = not with_tags or self.tagged_at or self.denied or not self.job.described
        return bool(has_tags) or is_stale(self.owed_at, TAGS_PATIENCE, now)

    def is_done(self, before: datetime, listed_at: datetime | None) -> bool:
        """Whether nothing more is expected of the job, which released its instances `before`."""
        is_doubtful = self.not_found and self.listed_at == listed_at
        is_owed = self.owed_at or self.owes_use
        if self.changed_at or is_owed or self.look_at or is_doubtful or self.job.released is None:
            return False
        return self.job.released <= before - (UNSEEN_KEPT if self.is_unseen else timedelta(0))

    @property
    def is_unseen(self) -> bool:
        """Whether the job may not be described since it has ended, though it could be before: it may be again."""
        return bool(self.denied and self.job.described and self.job.described_as != self.job.status)

    def lacks_tags(self, now: datetime, refresh: timedelta) -> bool:
        return is_stale(self.tagged_at, refresh, now)

    def lacks_resource(self, digest: str, now: datetime, refresh: timedelta) -> bool:
        """Whether the resource with this digest has not been sent, or not since the job's turn to have it refreshed."""
        return digest != self.resource_digest or self.refresh_due(self.resource_sent_at, refresh, now) is not None

    def refresh_due(self, at: datetime | None, refresh: timedelta, now: datetime) -> float | None:
        """Since when, in epoch seconds, what was done `at` is to be done again; None if it is not.

        Each job has its own moment within `refresh`, the same after a restart, so that not all come at once.
        """
        if at is None or at > now:  # never, or by a clock that has been put back since
            return 0
        period = refresh.total_seconds()
        moment = (self.phase + (at.timestamp() / period - self.phase) // 1 + 1) * period
        return moment if moment <= now.timestamp() else None


def is_stale(at: datetime | None, refresh: timedelta, now: datetime) -> bool:
    """Whether it never was, is as old as `refresh`, or comes from a clock that has been put back since."""
    return at is None or at > now or at + refresh <= now


def signature(job: TrainingJob) -> tuple[Any, ...]:
    """The part of a job's summary that moves when the job does."""
    return (job.status, job.secondary_status, job.modified, job.ended, job.warm_pool)
