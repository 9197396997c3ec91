# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a training job is, as last seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

from .failures import failure_type

OVER = {'completed', 'failed', 'stopped', 'deleting'}
# The secondary statuses in which a job has no instances that run, and AWS's clock for MaxRuntimeInSeconds stands still.
WAITING = {'pending', 'starting', 'interrupted'}
# The secondary statuses of a job that AWS stopped at a limit, and which one, in seconds.
AT_LIMIT = {
    'max_runtime_exceeded': attrgetter('max_runtime_seconds'),
    'max_wait_time_exceeded': attrgetter('max_wait_seconds'),
}


@dataclass(frozen=True, slots=True)
class Instances:
    """Instances of one type: the billed choice of a preference list, or one group of a heterogeneous cluster."""

    type: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One stretch in a secondary status, and what AWS says about it; the current one has no end."""

    status: str
    start: datetime
    end: datetime | None
    message: str = ''


@dataclass(frozen=True, slots=True)
class WarmPool:
    """Instances kept after a job's end; `retained_seconds` is known once it was reused or terminated."""

    status: str
    retained_seconds: int | None = None
    reused_by: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a serverless job has come."""

    step: int | None
    steps_per_epoch: int | None
    epoch: int | None
    epochs: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One debugger or profiler rule and its last evaluation."""

    kind: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training job as last seen; what AWS did not report is None or empty.

    Times are aware and UTC, durations whole seconds, statuses snake_case.
    A job that only a listing has shown (`described` is False) has its name, times and statuses and nothing else.
    """

    name: str
    arn: str
    created: datetime
    status: str
    described: bool
    described_as: str | None = None  # the status then
    secondary_status: str | None = None
    modified: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    warm_pool: WarmPool | None = None
    transitions: Sequence[Transition] = ()
    failure_reason: str | None = None

    instances: Sequence[Instances] = ()
    heterogeneous: bool = False
    serverless: bool = False
    volume_gib: int | None = None
    keep_alive_seconds: int | None = None
    training_plan: str | None = None

    managed_spot: bool | None = None
    algorithm: str | None = None
    input_mode: str | None = None
    role_name: str | None = None
    experiment_name: str | None = None
    trial_name: str | None = None
    run_name: str | None = None
    tuning_job_name: str | None = None
    auto_ml_job_name: str | None = None
    labeling_job_name: str | None = None

    training_seconds: int | None = None
    billable_seconds: int | None = None
    billable_tokens: int | None = None
    max_runtime_seconds: int | None = None
    max_wait_seconds: int | None = None
    max_pending_seconds: int | None = None
    maximum_retry_attempts: int | None = None
    final_metrics: Sequence[tuple[str, float]] = ()
    progress: Progress | None = None
    rules: Sequence[Rule] = ()

    def updated(self, listed: TrainingJob) -> TrainingJob:
        """This job with the newer statuses and times of a listing, of which all but the status may be absent."""
        return replace(
            self,
            status=listed.status,
            secondary_status=listed.secondary_status or self.secondary_status,
            modified=listed.modified or self.modified,
            ended=listed.ended or self.ended,
            warm_pool=listed.warm_pool or self.warm_pool,
        )

    @property
    def partition(self) -> str:
        return self.arn.split(':')[1]

    @property
    def region(self) -> str:
        return self.arn.split(':')[3]

    @property
    def account_id(self) -> str:
        return self.arn.split(':')[4]

    @property
    def is_open(self) -> bool:
        """Whether the job is still on its way to an end; a status AWS adds counts as open until it has an end time."""
        if self.status in ('in_progress', 'stopping'):
            return True
        return self.status not in OVER and self.ended is None

    @property
    def holds_warm_pool(self) -> bool:
        """Whether instances are kept, and billed, after the job's end."""
        return self.warm_pool is not None and self.warm_pool.status == 'available'

    @property
    def over_since(self) -> datetime | None:
        """When the job ended, as far as AWS says; None while it is open."""
        return None if self.is_open else self.ended or self.modified or self.created

    @property
    def is_live(self) -> bool:
        """Whether the job, or the warm pool it left, still goes on."""
        return self.is_open or self.holds_warm_pool

    @property
    def released(self) -> datetime | None:
        """When the job's instances, and those its warm pool retained, came to their end; None while it is live.

        As long as AWS does not say how long a pool was retained, that is as long as it may have been.
        """
        if self.is_live or self.over_since is None:
            return None
        if self.warm_pool is None:
            return self.over_since
        retained = self.warm_pool.retained_seconds
        return self.over_since + timedelta(seconds=self.keep_alive_seconds or 0 if retained is None else retained)

    @property
    def lacks_figures(self) -> bool:
        """Whether AWS has yet to tell what the job used, or what became of the warm pool it was to leave."""
        if self.is_open or self.serverless:
            return False
        if self.started and None in (self.training_seconds, self.billable_seconds):
            return True
        if self.warm_pool is None:
            return bool(self.keep_alive_seconds) and self.status == 'completed'
        return self.warm_pool.status in ('reused', 'terminated') and self.warm_pool.retained_seconds is None

    def run_time(self, now: datetime) -> float | None:
        """Seconds from the start of training to its end, or `now`, without waits; None before it has started."""
        if self.started is None:
            return None
        end = self.over_since or now
        run = end - self.started
        for each in self.transitions:
            if each.status in WAITING:
                run -= max(min(each.end or end, end) - max(each.start, self.started), timedelta(0))
        return max(run.total_seconds(), 0)

    @property
    def current_wait(self) -> Transition | None:
        """The waiting phase that an open job is in, as far as its description is up to date."""
        last = self.transitions[-1] if self.is_open and self.transitions else None
        return last if last and last.status in WAITING and last.status == self.secondary_status else None

    @property
    def interruptions(self) -> list[Transition]:
        """Each time AWS took the spot instances back."""
        return [transition for transition in self.transitions if transition.status == 'interrupted']

    @property
    def instance_count(self) -> int | None:
        """The instances of the whole cluster, the billed choice; None for a serverless job."""
        return sum(group.count for group in self.instances) if self.instances else None

    @property
    def instance_type(self) -> str | None:
        if self.heterogeneous:
            return 'heterogeneous'
        if self.serverless:
            return 'serverless'
        return self.instances[0].type if self.instances else None

    @property
    def failure_type(self) -> str | None:
        """The kind of failure that AWS's reason tells, by its prefix or else by the first of AWS's words in it.

        None unless the job is described as failed.
        """
        if not self.status == self.described_as == 'failed':
            return None
        return failure_type(self.failure_reason or '')
