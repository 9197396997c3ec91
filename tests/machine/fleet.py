# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A random fleet with faults, restarts and polls, held against what the scripts of its jobs say."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import chain
from math import floor
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from datadog_checks.base.stubs import aggregator, datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck, aws, poll, presence
from datadog_checks.sagemaker_training.entry import TAGS_PATIENCE
from datadog_checks.sagemaker_training.ledger import Ledger
from tests.agent import Border
from tests.builders import ACCOUNT, NOW, REGION
from tests.world import InterruptibleClock, World
from tools.aws.calls import Call, Fault
from tools.aws.fleet import Job, is_open, summary
from tools.aws.server import SimulatedAws

from .facts import COSTS, LIFE, PREFIX, PRICES, SECOND, Facts, Life, facts, fleet, released, shipped, submitted

LIST, DESCRIBE, TAGS, TAGS_OF_ONE = 'ListTrainingJobs', 'DescribeTrainingJob', 'GetResources', 'ListTags'
RESOURCE_REFRESH = timedelta(hours=1)
MOST_RESTARTS = 2
MOST_JOBS = 15

FAILURES = {
    'throttled': ('ThrottlingException', 400),
    'broken': ('InternalFailure', 500),
    'unavailable': ('ServiceUnavailable', 503),
    'denied': ('AccessDeniedException', 400),
}
DISKS = ('refused', 'full', 'torn')
DISTURBANCES = ('reset', 'truncated', 'not_json')
# A Describe that is denied is left out: such a job is told of at once, as far as the listing goes.
FAULTS = [
    (kind, operation)
    for kind in (*FAILURES, *DISTURBANCES)
    for operation in (LIST, DESCRIBE, TAGS, TAGS_OF_ONE)
    if (kind, operation) != ('denied', DESCRIBE)
]

TOLD_BY_DESCRIBE = ('instance_type:', 'failure_type:')
TOLD_BY_LISTING = ('jobs.created', 'jobs.finished', 'created', 'completed', 'failed', 'stopped')

COUNTS = (
    'jobs.created',
    'jobs.finished',
    'jobs.interrupted',
    'usage.training_time',
    'usage.billable_time',
    'usage.saved_time',
    'usage.warm_pool_time',
    'usage.billable_tokens',
    *COSTS.values(),
)
GAUGES = ('jobs.open', 'instances.open', 'warm_pools.available', 'warm_pools.instances')

# What all the examples together have seen.
seen: Counter[str] = Counter()


class Fleet(RuleBasedStateMachine):
    """A fleet, the check that polls it, and what the check has told so far."""

    def __init__(self) -> None:
        super().__init__()
        aggregator.reset()
        datadog_agent.reset()
        datadog_agent._config['logs_enabled'] = True
        presence.forget_process()
        self.clock = InterruptibleClock(NOW)
        self.undo = ExitStack()
        self.patch = self.undo.enter_context(pytest.MonkeyPatch.context())
        self.border = self.undo.enter_context(Border(self.clock).installed())
        self.aws = self.undo.enter_context(SimulatedAws(self.clock))
        self.world = World(self.aws, self.clock, aggregator, datadog_agent, SagemakerTrainingCheck.run)
        self.jobs: list[Job] = []
        self.deleted: list[Job] = []
        self.undescribed: set[str] = set()  # names of jobs that were counted before they were described
        self.lost: set[str] = set()  # names of jobs that were deleted before their end was described
        self.told: Facts = Counter()
        self.first_poll: datetime | None = None
        self.faults: list[tuple[Fault, datetime]] = []
        self.tags_are_late = False  # for so long that it is no use to wait for them
        self.tagless_since: datetime | None = None
        self.restarts = 0
        self.calm_polls = 0  # by this check since the last fault
        self.polled: tuple[datetime, Sequence[Job]] = (NOW, ())
        self.described_at: dict[str, datetime] = {}
        self.shipped_at: dict[str, datetime] = {}

    @initialize(
        page_size=st.sampled_from([100, 4]),
        skew=st.sampled_from([0, 90, -90]),
        history_hours=st.sampled_from([24, 0]),
        job_metrics_hours=st.sampled_from([1, 0]),
        refresh=st.sampled_from([300, 60]),
        rate=st.sampled_from([10, 10, 1]),
        collect_resources=st.booleans(),
        past=st.lists(st.tuples(LIFE, st.sampled_from([0, 30, 1_000, 9_000, 100_000])), max_size=6),
    )
    def start(
        self,
        page_size: int,
        skew: int,
        history_hours: int,
        job_metrics_hours: int,
        refresh: int,
        rate: int,
        collect_resources: bool,
        past: Sequence[tuple[Life, int]],
    ) -> None:
        for module in (aws.calls, poll):  # of a small page, few jobs make a listing of many pages
            self.patch.setattr(module, 'PAGE_SIZE', page_size)
        self.page_size = page_size
        self.aws.skew = skew * SECOND
        self.refresh = refresh * SECOND
        self.options = {
            'history_hours': history_hours,
            'job_metrics_hours': job_metrics_hours,
            'open_job_refresh_seconds': refresh,
            'describe_requests_per_second': rate,
            'collect_resources': collect_resources,
            'collect_transition_logs': True,
            'event_on': ['created', 'completed', 'failed', 'stopped', 'interrupted'],
            'max_concurrency': 1,  # so that the same steps make the same calls
            'tags': ['site:0'],
            'instance_prices': PRICES,
        }
        self.is_slow = rate == 1  # a poll may not have the time to describe all that is due
        self.check = self._new_check()
        for life, age in past:
            self._add(life, self.aws.now - age * SECOND)

    def teardown(self) -> None:
        try:
            if sys.exception() is None:
                self._settle()
        finally:
            self.undo.close()

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(life=LIFE, late=st.sampled_from([0, 0, 5, 50]))
    def create(self, life: Life, late: int) -> None:
        self._add(life, self.aws.now - late * SECOND)

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(
        life=LIFE,
        size=st.integers(2, 9),
        apart=st.sampled_from([0, 1, 5]),
        pages=st.sampled_from([1, 2, None]),
        seconds=st.sampled_from([10, 1_000, 10_000]),
    )
    def sweep(self, life: Life, size: int, apart: int, pages: int | None, seconds: int) -> None:
        """Many jobs at once, and perhaps a listing that breaks off after so many pages."""
        for number in range(size):
            self._add(life, self.aws.now - number * apart * SECOND)
        if pages:
            self._break('throttled', LIST, seconds, spared=pages)
            self._poll(0)

    @rule(after=st.sampled_from([60, 15, 61, 300, 1_000, 4_000, 30_000]))
    def poll(self, after: int) -> None:
        self._poll(after)

    @rule(
        fault=st.sampled_from(FAULTS),
        times=st.sampled_from([None, 1, 2, 5]),
        spared=st.sampled_from([0, 0, 1, 2]),
        seconds=st.sampled_from([100, 1_000, 10_000]),
        pick=st.integers(0, 20),
    )
    def poll_an_end_while_something_breaks(
        self, fault: tuple[str, str], times: int | None, spared: int, seconds: int, pick: int
    ) -> None:
        self._wait_for_an_end(pick)
        self._break(*fault, seconds, times=times, spared=spared)
        self._poll(0)

    @precondition(lambda self: self.faults)
    @rule()
    def heal(self) -> None:
        for fault, _ in self.faults:
            fault.remove()
        self.faults.clear()

    @precondition(lambda self: self.first_poll and not self.border.disk)
    @rule(disk=st.sampled_from(DISKS), pick=st.integers(0, 20))
    def poll_an_end_while_nothing_can_be_saved(self, disk: str, pick: int) -> None:
        self._wait_for_an_end(pick)
        self.border.disk = disk
        self._poll(0)

    @precondition(lambda self: self.border.disk)
    @rule()
    def heal_the_disk(self) -> None:
        self.border.disk = ''
        self._poll(60)

    @precondition(lambda self: self.restarts < MOST_RESTARTS and not self.border.disk)
    @rule(interval=st.sampled_from([60, 15, 300]))
    def restart(self, interval: int) -> None:
        self._restart(interval)

    @precondition(lambda self: self.restarts < MOST_RESTARTS and not self.border.disk)
    @rule(sleeps=st.integers(1, 8))
    def reload_during_a_poll(self, sleeps: int) -> None:
        self.clock.sleeps_left, self.clock.interrupt = sleeps, self.check.cancel
        self._poll(60, is_calm=False)
        seen['polls cancelled'] += self.clock.sleeps_left <= 0
        self.clock.sleeps_left = 0
        self.check.cancel()
        self._restart(60)
        self._poll(60, is_calm=False)  # much later, another Agent might have polled meanwhile

    @rule(pick=st.integers(0, 20), heir=st.none() | LIFE)
    def delete(self, pick: int, heir: Life | None) -> None:
        """Delete a job of which all has been told, and perhaps give its name to another one."""
        over = [job for job in self._present if self.first_poll and released(job) <= self.aws.now]
        if told := [job for job in over if not self._untold([job])]:
            job = told[pick % len(told)]
            self._delete(job)
            if heir:
                self._add(heir, self.aws.now, job.name)
                seen['names reused'] += 1

    @precondition(lambda self: self.first_poll and not self.faults and self.page_size == 100)
    @rule(pick=st.integers(0, 20))
    def delete_between_list_and_describe(self, pick: int) -> None:
        """Delete a job right after the listing has shown its end."""
        if job := self._wait_for_an_end(pick):
            self.lost.add(job.name)
            self._poll_undescribed(job)
            self._delete(job)

    @precondition(lambda self: not self.faults and len(self.jobs) < MOST_JOBS)
    @rule(life=LIFE)
    def describe_lags_behind_list(self, life: Life) -> None:
        self._poll_undescribed(self._add(life, self.aws.now))

    @property
    def _present(self) -> list[Job]:
        """The jobs that have not been deleted."""
        return [job for job in self.jobs if job not in self.deleted]

    def _add(self, life: Life, created: datetime, name: str = '') -> Job:
        """A job that shows from now on; one that was created before the first poll would have shown there."""
        if self.first_poll:
            created = max(created, self.first_poll + SECOND)
        name = name or f'job-{len(self.jobs)}'.ljust(63 if len(self.jobs) % 4 == 3 else 0, 'x')
        job = life.job(name, created)
        self.jobs.append(job)
        self.aws.add([job])
        return job

    def _wait_for_an_end(self, pick: int) -> Job | None:
        """Let time pass until one of the jobs is over, if there is one that is not."""
        ahead = [job for job in self.jobs if self.aws.now < job.end]
        if not ahead:
            return None
        job = ahead[pick % len(ahead)]
        self.clock.advance((released(job) - self.aws.now).total_seconds())
        return job

    def _delete(self, job: Job) -> None:
        self.aws.remove(job.name, ACCOUNT, REGION)
        self.deleted.append(job)
        seen['jobs deleted'] += 1

    def _break(self, kind: str, operation: str, seconds: int, **calls: Any) -> None:
        if kind in DISTURBANCES:
            fault = self.aws.disturb(kind, operation=operation, **calls)
        else:
            code, status = FAILURES[kind]
            fault = self.aws.fail(code, status=status, operation=operation, **calls)
        self.faults.append((fault, self.aws.now + seconds * SECOND))
        self.tags_are_late |= kind == 'denied'

    def _damage_the_older_state(self) -> None:
        """As a write leaves it that a kill has cut short."""
        numbers = {
            int(text.partition(' ')[0] or 0): file for file, text in datadog_agent._cache.items() if '_ledger_' in file
        }
        if len(numbers) == 2:
            older = numbers[min(numbers)]
            datadog_agent._cache[older] = datadog_agent._cache[older][: self.restarts * 100]
            seen['files damaged'] += 1

    def _new_check(self) -> SagemakerTrainingCheck:
        check = self.world.check(**self.options)
        check.check_id = f'sagemaker_training:{self.restarts:x}'  # as the Agent's, it tells the options apart
        return check

    def _restart(self, interval: int) -> None:
        self._damage_the_older_state()
        self.restarts += 1
        presence.forget_process()
        self.options |= {'tags': [f'site:{self.restarts}'], 'min_collection_interval': interval}
        self.check = self._new_check()
        self.calm_polls = 0
        seen['restarts'] += 1

    def _poll_undescribed(self, job: Job) -> None:
        self.undescribed.add(job.name)
        message = 'Requested resource not found.'
        with self.aws.fail('ValidationException', message, operation=DESCRIBE, name=job.name):
            self._poll(0, is_calm=False)

    def _poll(self, after: int, is_calm: bool = True) -> None:
        self.clock.advance(after)
        for fault, until in self.faults:
            if until <= self.aws.now:
                fault.remove()
        self.faults = [(fault, until) for fault, until in self.faults if until > self.aws.now and fault.times != 0]
        is_calm &= not self.faults
        self.calm_polls = self.calm_polls + 1 if is_calm else 0
        aggregator.reset()
        is_behind = self.is_slow or self.calm_polls < 3 or any(self._ledger.pending())
        start, before = self.aws.now, len(self.aws.calls)
        error = self.check.run()
        end, calls = self.aws.now, self.aws.calls[before:]
        self.clock.advance(1 - self.clock.time() % 1)

        listed = [call for call in calls if (call.operation, call.outcome) == (LIST, 'ok')]
        assert bool(error) != bool(listed), error
        assert bool(error) == ('No region could be read' in error)
        if self.border.disk and listed:
            assert self.world.connection.status == SagemakerTrainingCheck.WARNING
            seen['polls whose writes were lost'] += 1
        assert {*self.border.lost} <= {'write'}
        if listed and not self.first_poll:
            self.first_poll = NOW + self.aws.skew + floor(listed[0].time) * SECOND
        if any(call.operation in (TAGS, TAGS_OF_ONE) and call.outcome != 'ok' for call in calls):
            self.tagless_since = self.tagless_since or start
        is_late = self.tagless_since is not None and start - self.tagless_since >= TAGS_PATIENCE
        self._hear(self.tags_are_late or is_late)
        if is_calm:
            self.tagless_since = None
        if self.first_poll:
            excess = self._claimed - self._true(self.jobs)
            assert not excess, excess
        if self.calm_polls and self._is_complete:
            self._check_gauges(start, end)
        if not is_behind and self.page_size == 100 and len({job.name for job in self.jobs}) == len(self.jobs):
            self._check_budget(calls, end)
        self._check_state()

        self.polled = start, tuple(self.jobs)
        described = [call for call in calls if (call.operation, call.outcome) == (DESCRIBE, 'ok')]
        self.described_at |= {call.subject: start for call in described}
        self.shipped_at |= dict.fromkeys(shipped(), start)
        seen['polls'] += 1
        seen.update(f'{call.operation} failed' for call in calls if call.outcome != 'ok')

    def _hear(self, is_late: bool) -> None:
        """Take in what the last poll has told; resource tags may be missing if they are late."""
        self.told += submitted(COUNTS)
        for metric in (metric for name in COUNTS for metric in aggregator.metrics(PREFIX + name)):
            family = next(tag for tag in metric.tags if tag.startswith('job_family:')).partition(':')[2]
            assert metric.value > 0
            seen['use of jobs that ran'] += metric.name == f'{PREFIX}usage.cost' and self._runs(family)
            assert f'site:{self.restarts}' in metric.tags
            assert 'team:nlp' in metric.tags or is_late or family in self.undescribed
        for event in aggregator.events:
            *_, name, word = event['msg_title'].split()
            self.told[name, word, (str(event['timestamp']),)] += 1
        for logs in datadog_agent._sent_logs.values():
            for log in logs:
                time = str(log['timestamp'] // 1000)
                self.told[log['training_job_name'], f'log {log["secondary_status"]}', (time,)] += 1
            logs.clear()

    def _runs(self, name: str) -> bool:
        return any(is_open(job, self.aws.now) for job in self.jobs if job.name == name)

    def _untold(self, jobs: Sequence[Job]) -> Facts:
        return self._true(jobs) - self._claimed

    def _true(self, jobs: Sequence[Job]) -> Facts:
        """What there is to tell of the jobs by now."""
        assert self.first_poll
        return self._blurred(sum((facts(job, self.first_poll, self.aws.now) for job in jobs), Counter()))

    @property
    def _claimed(self) -> Facts:
        return self._blurred(self.told)

    def _blurred(self, told: Facts) -> Facts:
        """Without what only Describe tells, for jobs that were counted before it did."""
        blurred: Facts = Counter()
        for (name, what, details), value in told.items():
            if name in self.undescribed:
                details = tuple(detail for detail in details if not detail.startswith(TOLD_BY_DESCRIBE))
            blurred[name, what, details] += value
        return blurred

    @property
    def _ledger(self) -> Ledger:
        return self.check._followed[REGION].ledger

    @property
    def _is_complete(self) -> bool:
        """Whether the last poll left nothing to the next one."""
        is_described = all(entry.job.described for entry in self._ledger.entries.values())
        return is_described and not any(self._ledger.pending()) and not self._ledger.stretches

    def _check_gauges(self, start: datetime, end: datetime) -> None:
        sent = submitted(GAUGES)
        before, after = (sum((fleet(job, now) for job in self.jobs), Counter()) for now in (start, end))
        if before != after:
            return
        if self.page_size == 100:
            assert sent == after
            seen['fleets compared'] += 1
        elif not self.is_slow:  # the end of a job beyond the first page shows when it is described again
            shown, true = ({name for name, what, _ in gauges if what == 'jobs.open'} for gauges in (sent, after))
            late = {job.name for job in self.jobs if start - self.refresh < job.end <= start}
            assert true <= shown <= true | late

    def _check_budget(self, calls: Sequence[Call], end: datetime) -> None:
        last, known = self.polled
        changed = [job.name for job in self.jobs if job not in known or summary(job, last) != summary(job, end)]
        refreshed = [
            job.name
            for job in self.jobs
            if (last < released(job) and self._is_due(job, self.described_at.get(job.name), self.refresh, end))
            or (
                self.options['collect_resources']
                and self._is_due(job, self.shipped_at.get(job.name), RESOURCE_REFRESH, end)
            )
        ]
        spent = Counter(call.operation for call in calls)
        most = len({*changed, *refreshed})
        assert spent[LIST] == 1
        assert spent[DESCRIBE] <= most
        assert spent[TAGS] + spent[TAGS_OF_ONE] <= (most > 0)
        if self.jobs:
            assert spent.total() <= 2 + most
            seen['quiet polls'] += spent.total() == 1

    def _is_due(self, job: Job, done_at: datetime | None, refresh: timedelta, end: datetime) -> bool:
        """Whether the job's own moment within the refresh has passed since."""
        entry = self._ledger.entries.get((job.arn, job.created))
        return entry is None or entry.refresh_due(done_at, refresh, end) is not None

    def _check_state(self) -> None:
        if text := self.check._followed[REGION].memory._store.text:
            for job in chain.from_iterable(json.loads(text)['jobs'].values()):
                if job['status'] in ('in_progress', 'stopping'):
                    assert len(json.dumps(job, separators=(',', ':'))) <= 500

    def _settle(self) -> None:
        """When all is well again and over, all has been told; and a last restart tells nothing anew."""
        self.heal()
        self.border.disk = ''
        self._poll(60)
        self.clock.advance(max([(released(job) - self.aws.now).total_seconds() for job in self.jobs] + [0]))
        for number in range(30):
            self._poll(310)
            if number and self._is_complete:
                break
        if not self.restarts:
            self._restart(60)
            self._poll(60)
        untold = self._untold(self.jobs)
        lost = [told for told in untold if told[0] in self.lost and told[1] not in TOLD_BY_LISTING]
        assert sorted(untold) == sorted(lost)
        seen.update(what for _, what, _ in self.told)
        seen['jobs counted before they were described'] += len(self.undescribed)
        seen['jobs open at the first poll'] += sum(is_open(job, self.first_poll) for job in self.jobs)
        seen['jobs over at the first poll'] += sum(job.end <= self.first_poll for job in self.jobs)
