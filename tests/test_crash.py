# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What kill -9 does to counts, events and logs: an Agent in a process of its own, against the simulated AWS."""

from __future__ import annotations

import json
import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from itertools import count, cycle, product
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from datadog_checks.sagemaker_training.listing import BOUNDARY
from tools.aws.calls import Fault
from tools.aws.clock import SimulatedClock
from tools.aws.fleet import STATUSES, Job, describe
from tools.aws.scenario import living_fleet, quiet_history
from tools.aws.server import SimulatedAws

from . import agent
from .agent import Act, FileCache
from .builders import ACCOUNT, NOW, REGION, answer, ended, transition
from .world import World

REGIONS = [REGION, 'eu-west-1']
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

TOLD = {'failed', 'stopped', 'interrupted'}
# What goes wrong in the last poll before a kill: from which call of an operation on it is throttled.
FAULTS = (None, ('ListTrainingJobs', 1), ('DescribeTrainingJob', 2), ('GetResources', 0))
HOURS_DOWN = (0, 4)

# The tags that counts are compared by. A job that may get one of several instance types is created without one.
WHOSE = {'region', 'team', 'instance_type'}
COMPARED = {
    'jobs.created': {'region', 'team'},
    'jobs.interrupted': WHOSE,
    'jobs.finished': WHOSE | {'training_job_status', 'secondary_status', 'failure_type'},
    'usage.training_time': WHOSE,
    'usage.billable_time': WHOSE,
    'usage.saved_time': WHOSE,
    'usage.warm_pool_time': WHOSE,
    'usage.billable_tokens': WHOSE,
}

# What a count, an event or a log says. Of counts, there is the sum of the values; of the others, their number.
type Fact = tuple[str | int, ...]
type Facts = Counter[Fact]


class Killed(Exception):
    """The Agent did not come to the end of its poll."""


class Machine:
    """A machine that runs an Agent.

    Attributes:
        sent: by all polls
        unsaved: by the polls that did not come to their end
    """

    def __init__(self, folder: Path, aws: SimulatedAws, regions: Sequence[str]) -> None:
        self.sent: Facts = Counter()
        self.unsaved: Facts = Counter()
        self._folder = folder
        self._instance = {
            'regions': regions,
            'endpoint_url': aws.endpoint_url,
            'aws_access_key_id': 'test',
            'aws_secret_access_key': 'test',
            'boto_config': {'retries': {'total_max_attempts': 1}},
            'min_collection_interval': 60,
            'list_requests_per_second': 2,
            'open_job_refresh_seconds': 14_400,
            'collect_resources': False,
            'collect_transition_logs': True,
        }

    def __enter__(self) -> Machine:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, method: str = 'forkserver') -> None:
        """Start an Agent in a fork of a Python that has done the imports, or, by `spawn`, in one with other hashes."""
        context = multiprocessing.get_context(method)
        context.set_forkserver_preload([agent.__name__])
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=agent.run, args=(theirs, self._folder, self._instance), daemon=True)
        self._process.start()
        theirs.close()  # the end of the process is then the end of what it sends

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()

    def restart(self, method: str = 'forkserver') -> None:
        self.kill()
        self.start(method)

    def poll(self, now: datetime, dies_at: Act | None = None, killed_after: int | None = None) -> str:
        """Poll once; the error of the check, if there is one.

        The Agent dies right before the act `dies_at`, or is killed as soon as so many acts have been heard of.

        Raises:
            Killed: before the end of the poll
        """
        facts: Facts = Counter()
        try:
            self._connection.send((now, dies_at))
            for number in count():
                if number == killed_after:
                    self._process.kill()
                kind, data = self._connection.recv()
                if kind == 'end':
                    return data
                facts.update(facts_of(kind, data))
        except (EOFError, OSError):
            self.unsaved.update(facts)
            raise Killed from None
        finally:
            self.sent.update(facts)


def facts_of(kind: str, data: Any) -> Facts:
    """What an act of the check says."""
    match kind:
        case 'count':
            name, value, tags = data
            return Counter({count_of(name, tags): value})
        case 'event':
            word = data['msg_title'].split()[-1]
            return Counter([('event', word, data['aggregation_key'], data['timestamp'])])
        case 'log':
            log = json.loads(data)
            return Counter([('log', log['secondary_status'], log['training_job_arn'], log['timestamp'] // 1000)])
    return Counter()


def count_of(name: str, tags: Iterable[str]) -> Fact:
    return name, *sorted(tag for tag in tags if tag.partition(':')[0] in COMPARED[name])


def truth(jobs: Iterable[Job], since: datetime, until: datetime) -> Facts:
    """What there is to say of the time after `since`, up to `until`, by the scripts of the jobs."""
    facts: Facts = Counter()
    for job in jobs:
        if since < job.created <= until:
            facts[count_of('jobs.created', whose(job))] += 1
        if job.end > since:
            facts.update(told(job, since, until))
        if since < job.end <= until:
            facts[count_of('jobs.finished', [*whose(job), *outcome(job)])] += 1
        if job.end > since:
            facts.update(used(job, since, until))
    return +facts


def told(job: Job, since: datetime, until: datetime) -> Iterator[Fact]:
    """Its transitions, each a log and some an event, and some a count."""
    for step in job.steps:
        if since < step.start <= until:
            status, time = xform_name(step.status), int(step.start.timestamp())
            yield 'log', status, job.arn, time
            word = STATUSES.get(step.status, step.status).lower()
            if word in TOLD:
                yield 'event', word, job.arn, time
            if word == 'interrupted':
                yield count_of('jobs.interrupted', whose(job))


def used(job: Job, since: datetime, until: datetime) -> Facts:
    """What the job has used: what AWS reports at its end and that of its pool, and before that what it has run.

    Of what was running at the first poll, it counts from a second later on.
    """
    facts: Facts = Counter()
    pool, is_over = job.warm_pool, job.end <= until
    is_spot = job.fields.get('EnableManagedSpotTraining', False)
    ran = 0 if is_spot else int(job.ran(until))
    before = 0 if is_spot or job.created > since else int(job.ran(since + BOUNDARY))
    training, billable = (job.training_time or 0, job.billable_time or 0) if is_over else (ran, ran)
    kept = (min(pool.until, until) - job.end).total_seconds() if pool and is_over else 0
    seconds = {
        'usage.training_time': max(training - before, 0),
        'usage.billable_time': max(billable - before, 0),
        'usage.saved_time': training - billable,
        'usage.warm_pool_time': ceil(kept) if pool and pool.until <= until else int(kept),
    }
    for name, each in seconds.items():
        for instance_type, instances in instances_of(job).items():
            facts[count_of(name, whose(job, instance_type))] += each * instances
    if is_over:
        facts[count_of('usage.billable_tokens', whose(job))] += job.fields_once_ended.get('BillableTokenCount', 0)
    return facts


def instances_of(job: Job) -> dict[str, int]:
    """How many of each type it had in the end; a serverless job has none, nor one that waits for a choice of types."""
    resources = describe(job, job.end).get('ResourceConfig', {})
    if 'SelectedInstanceType' in resources:
        return {resources['SelectedInstanceType']: resources['SelectedInstanceCount']}
    groups = resources.get('InstanceGroups', [resources])
    return {group['InstanceType']: group['InstanceCount'] for group in groups if 'InstanceType' in group}


def whose(job: Job, instance_type: str | None = None) -> list[str]:
    """Its tags; the instance type is that of the job as a whole, unless one is given."""
    if 'ServerlessJobConfig' in job.fields:
        instance_type = 'serverless'
    elif not instance_type and (types := list(instances_of(job))):
        instance_type = types[0] if len(types) == 1 else 'heterogeneous'
    tags = {'region': job.region, 'team': job.tags.get('team'), 'instance_type': instance_type}
    return [f'{name}:{value}' for name, value in tags.items() if value]


def outcome(job: Job) -> Iterator[str]:
    yield f'training_job_status:{job.status.lower()}'
    yield f'secondary_status:{xform_name(job.steps[-1].status)}'
    if reason := job.fields_once_ended.get('FailureReason'):
        yield f'failure_type:{xform_name(reason.partition(":")[0])}'


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def aws(clock: SimulatedClock) -> Iterator[SimulatedAws]:
    with SimulatedAws(clock) as aws:
        yield aws


def test_a_week_of_kills_between_polls_counts_everything_once(
    aws: SimulatedAws, clock: SimulatedClock, tmp_path: Path
) -> None:
    rng = random.Random(2026)
    jobs = living_fleet(NOW, hours=168, accounts=[ACCOUNT], regions=REGIONS)[::6]
    jobs += quiet_history(NOW, finished=300, open_=[timedelta(days=age) for age in (1, 9, 17, 25)])
    aws.add(jobs)
    kills = 0
    ways_down = cycle(product(FAULTS, HOURS_DOWN))
    with Machine(tmp_path, aws, REGIONS) as machine:
        with throttled(aws, 'ListTrainingJobs', 1, region=REGION):
            assert not machine.poll(NOW), 'one region is listed in full, the other as far as the first page'
        machine.restart('spawn')
        while clock.now < NOW + timedelta(days=7):
            clock.advance(rng.uniform(600, 5400))
            if rng.random() < 1 / 10:
                fault, hours_down = next(ways_down)
                with throttled(aws, *fault) if fault else nullcontext():
                    machine.poll(clock.now)
                machine.kill()
                clock.advance(hours_down * 3600)
                machine.start()
                kills += 1
            else:
                assert not machine.poll(clock.now)
        machine.restart()  # describes all that is open, also what the first page does not show
        clock.advance(1 - clock.now.microsecond / 1e6)  # AWS tells by the second when it answers
        assert not machine.poll(clock.now)
    assert kills >= 2 * len(FAULTS) * len(HOURS_DOWN)
    true = truth(jobs, NOW, clock.now)
    assert_all_there_is(jobs, true)
    assert (true - machine.sent, machine.sent - true) == (Counter(), Counter()), 'missing, and too much'


def throttled(aws: SimulatedAws, operation: str, spared: int, region: str | None = None) -> Fault:
    return aws.fail('ThrottlingException', 'Rate exceeded', operation=operation, region=region, spared=spared)


def assert_all_there_is(jobs: Iterable[Job], true: Facts) -> None:
    """A week that has every kind of job, and everything happen to them that is told."""
    assert any(job.created < NOW < job.end for job in jobs), 'open at the first poll'
    assert any(NOW - HOUR < job.end < NOW for job in jobs), 'over at the first poll, and yet described'
    kinds = {tuple(fact[:2]) if fact[0] == 'event' else fact[0] for fact, number in true.items() if number}
    assert kinds == {*COMPARED, 'log', *(('event', word) for word in TOLD)}
    tags = {tag for fact in true for tag in fact if isinstance(tag, str)}
    assert tags >= {'instance_type:heterogeneous', 'instance_type:serverless', *(f'region:{name}' for name in REGIONS)}
    assert len({tag for tag in tags if tag.startswith('failure_type:')}) == 4


@pytest.mark.parametrize(
    'dies_at',
    [('count', 0), ('count', 30), ('event', 1), ('log', 20), ('cursor', 20), ('ledger', 0)],
    ids=lambda act: f'{act[0]}-{act[1]}',
)
def test_killed_within_a_poll_loses_nothing_and_repeats_that_poll_at_most(
    aws: SimulatedAws, clock: SimulatedClock, tmp_path: Path, dies_at: Act
) -> None:
    jobs = living_fleet(NOW, hours=4, accounts=[ACCOUNT], regions=[REGION])[::2]
    aws.add(jobs)
    with Machine(tmp_path, aws, [REGION]) as machine:
        assert not machine.poll(NOW)
        clock.advance(3 * 3600)
        with pytest.raises(Killed):
            machine.poll(clock.now, dies_at)
        machine.restart()
        clock.advance(60)
        assert not machine.poll(clock.now)
        clock.advance(60)
        machine.restart()  # describes all that is open, also what the first page does not show
        clock.advance(1 - clock.now.microsecond / 1e6)  # AWS tells by the second when it answers
        assert not machine.poll(clock.now)
    true = truth(jobs, NOW, clock.now)
    assert not true - machine.sent, 'missing'
    assert not machine.sent - true - machine.unsaved, 'repeated, and not of the poll that was killed'
    repeated_logs = logs_in(machine.sent - true)
    assert repeated_logs == (1 if dies_at[0] == 'cursor' else 0), 'a log takes its cursor along'


def test_killed_twice_in_a_row_still_sends_each_log_once(
    aws: SimulatedAws, clock: SimulatedClock, tmp_path: Path
) -> None:
    jobs = living_fleet(NOW, hours=4, accounts=[ACCOUNT], regions=[REGION])[::2]
    aws.add(jobs)
    with Machine(tmp_path, aws, [REGION]) as machine:
        assert not machine.poll(NOW)
        for _ in range(2):
            clock.advance(3600)
            with pytest.raises(Killed):
                machine.poll(clock.now, ('ledger', 0))
            machine.restart()
        assert not machine.poll(clock.now)
    true = truth(jobs, NOW, clock.now)
    assert not true - machine.sent
    assert logs_in(machine.sent - true) == 0


def logs_in(facts: Facts) -> int:
    return sum(number for fact, number in facts.items() if fact[0] == 'log')


def test_killed_at_any_moment_loses_nothing_and_repeats_one_poll_at_most(
    aws: SimulatedAws, clock: SimulatedClock, tmp_path: Path
) -> None:
    rng = random.Random(2026)
    jobs = living_fleet(NOW, hours=10, accounts=[ACCOUNT], regions=REGIONS)[::2]
    aws.add(jobs)
    with Machine(tmp_path, aws, REGIONS) as machine:
        assert not machine.poll(NOW)
        for _ in range(5):
            clock.advance(2 * 3600)
            with suppress(Killed):
                machine.poll(clock.now, killed_after=rng.randrange(60))
            machine.restart()
        assert not machine.poll(clock.now)
    true = truth(jobs, NOW, clock.now)
    assert not true - machine.sent, 'missing'
    assert not machine.sent - true - machine.unsaved, 'repeated, and not of a poll that was killed'


@pytest.fixture
def files(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder in which `world` now keeps the Agent's persistent cache."""
    cache = FileCache(tmp_path)
    monkeypatch.setattr(world.agent, 'read_persistent_cache', cache.read)
    monkeypatch.setattr(world.agent, 'write_persistent_cache', cache.write)
    return tmp_path


@pytest.mark.parametrize(
    ('damage', 'warnings'),
    [
        pytest.param(lambda content: content[: len(content) // 2], 1, id='truncated'),
        pytest.param(lambda content: b'garbage', 1, id='garbage'),
        pytest.param(lambda content: b'\xff' + content, 1, id='not text'),
        pytest.param(lambda content: content.replace(b'"version":2', b'"version":3'), 1, id='a later version'),
        pytest.param(lambda content: content.replace(b'"name"', b'"label"'), 1, id='a job without a name'),
        pytest.param(lambda content: b'{"jobs": []}', 1, id='another object'),
        pytest.param(lambda content: b'[1, 2]', 1, id='a list'),
        pytest.param(lambda content: b'', 0, id='empty, as if there had never been one'),
    ],
)
def test_a_damaged_ledger_is_a_first_start(
    world: World,
    files: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
    warnings: int,
) -> None:
    world.aws.put(answer('known'))
    world.poll(world.check())
    [ledger] = files.rglob('*_ledger_*')  # the first of the two copies
    ledger.write_bytes(damage(ledger.read_bytes()))
    world.aws.put(ended('known', at=NOW + MINUTE))
    world.aws.put(answer('new', CreationTime=NOW + MINUTE), {'team': 'nlp'})
    world.poll(world.check(), after=120)
    assert world.counted() == {}
    world.aws.put(ended('new', at=NOW + 3 * MINUTE, CreationTime=NOW + MINUTE), {'team': 'nlp'})
    world.poll(world.check(), after=120)
    assert world.counted() == {'jobs.finished': 1}, 'the state was written anew'
    assert [f'{REGION}: the saved state is damaged' in message for message in caplog.messages] == [True] * warnings


@pytest.mark.parametrize('content', [b'garbage', b'\xff', b'{"logged": 1}', b'{"logged"', b'[1]'])
def test_a_damaged_log_cursor_loses_and_repeats_nothing(
    world: World, files: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    world.aws.put(answer('known'))
    world.poll(world.check(collect_transition_logs=True))
    steps = [transition('Starting', NOW + MINUTE), transition('Training', NOW + 3 * MINUTE)]
    for known in (1, 2):
        own = {'EnableManagedSpotTraining': True, 'SecondaryStatusTransitions': steps[:known]}
        new = answer('new', CreationTime=NOW + MINUTE, **own)
        world.aws.put(new, {'team': 'nlp'})
        world.poll(world.check(collect_transition_logs=True), after=120)
        [cursor] = files.rglob('*_log_cursor_*')
        cursor.write_bytes(content)
    world.poll(world.check(collect_transition_logs=True), after=120)
    assert [log['message'] for log in world.logs] == ['starting', 'training']
    assert world.counted() == {'jobs.created': 1}
    assert len(caplog.messages) == 2, 'one at each start'
