# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""At the border to the real Agent: whole polls where writes are lost, files cannot be read, and logs are not taken."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from logging import getLogger

import pytest

from datadog_checks.base.stubs import aggregator
from datadog_checks.sagemaker_training import SagemakerTrainingCheck, presence
from datadog_checks.sagemaker_training.cursors import JOBS_IN_ONE
from tools.aws.clock import SimulatedClock

from .agent import Border
from .builders import NOW, REGION, ago, answer, ended, transition
from .world import World

MINUTE = timedelta(minutes=1)
JOB = {'CreationTime': ago(hours=1), 'LastModifiedTime': ago(hours=1)}


@pytest.fixture
def border(world: World) -> Iterator[Border]:
    with Border(world.clock).installed() as border:
        yield border


def restarted(world: World, **options: object) -> SagemakerTrainingCheck:
    """The check after the Agent was killed."""
    presence.forget_process()
    return world.check(**options)


def files(world: World, name: str) -> list[str]:
    return [file for file in world.agent._cache if name in file]


@pytest.mark.parametrize('disk', ['refused', 'full', 'torn'])
def test_a_write_that_is_lost_is_told_and_tried_again_though_nothing_changes(
    world: World, border: Border, disk: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ('a', 'b'):
        world.aws.put(answer(name))
    check = world.check()
    world.poll(check)
    assert (world.connection.status, caplog.messages) == (check.OK, [])
    border.disk = disk
    world.aws.put(ended('a', at=NOW + MINUTE))
    for _ in range(3):
        world.poll(check, after=60)
        assert world.connection.status == check.WARNING
        assert 'owner and the free space of the Agent\'s `run_path`' in world.connection.message
        assert '`agent check` run as root' in world.connection.message
    assert len(world.connection.message) <= 500
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert world.counted() == {'jobs.finished': 1}
    assert sum(world.values('jobs.open')) == 1, 'all else goes on'
    border.disk = ''
    world.poll(check, after=60)
    assert world.connection.status == check.OK
    world.aws.put(ended('b', at=NOW + 5 * MINUTE))
    world.poll(restarted(world), after=60)
    assert world.counted() == {'jobs.finished': 2}


@pytest.mark.parametrize('disk', ['refused', 'full'])
def test_a_disk_that_takes_nothing_is_told_before_there_is_anything_to_save(
    world: World, border: Border, disk: str
) -> None:
    world.aws.put(answer())
    check = world.check()
    world.poll(check)
    border.disk = disk
    world.poll(check, after=60)
    assert world.connection.status == check.WARNING


@pytest.mark.parametrize('disk', ['refused', 'full', 'torn'])
def test_a_write_that_is_lost_before_a_kill_repeats_that_poll_and_no_other(
    world: World, border: Border, disk: str
) -> None:
    for name in ('a', 'b', 'c'):
        world.aws.put(answer(name))
    check = world.check()
    for number, name in enumerate('abc', 1):
        world.poll(check, after=60)
        border.disk = disk if name == 'c' else ''
        world.aws.put(ended(name, at=NOW + number * MINUTE))
    world.poll(check, after=60)
    assert world.counted('job_family:c') == {'jobs.finished': 1}
    border.disk = ''
    world.poll(restarted(world), after=60)
    finished = {name: world.counted(f'job_family:{name}')['jobs.finished'] for name in 'abc'}
    assert finished == {'a': 1, 'b': 1, 'c': 2}


@pytest.mark.parametrize(
    ('damage', 'warnings'),
    [(lambda text: '', 0), (lambda text: text[: len(text) // 2], 1), (lambda text: 'garbage', 1)],
    ids=['emptied', 'torn', 'garbage'],
)
def test_a_damaged_file_costs_the_last_poll_that_changed_something(
    world: World, border: Border, damage: Callable[[str], str], warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ('a', 'b'):
        world.aws.put(answer(name))
    check = world.check()
    for number, name in enumerate('ab', 1):
        world.poll(check, after=60)
        world.aws.put(ended(name, at=NOW + number * MINUTE))
    world.poll(check, after=60)
    new = answer('new', CreationTime=NOW + 3 * MINUTE, LastModifiedTime=NOW + 3 * MINUTE)
    world.aws.put(new, {'team': 'nlp'})
    newest = max(files(world, '_ledger_'), key=lambda file: int(world.agent._cache[file].partition(' ')[0]))
    world.agent._cache[newest] = damage(world.agent._cache[newest])
    world.poll(restarted(world), after=60)
    counted = {name: world.counted(f'job_family:{name}') for name in ('a', 'b', 'new')}
    assert counted == {'a': {'jobs.finished': 1}, 'b': {'jobs.finished': 2}, 'new': {'jobs.created': 1}}
    assert len(caplog.messages) == warnings
    assert all('goes on with the one before' in message for message in caplog.messages)


def test_a_cache_that_cannot_be_read_lets_gauges_flow_and_counts_from_now_on(
    world: World, border: Border, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a first `agent check` that root has run."""
    for name in ('a', 'b', 'c'):
        world.aws.put(answer(name))
    world.poll(world.check(collect_transition_logs=True))
    border.unreadable, border.disk = 'sagemaker_training/', 'refused'
    world.aws.put(ended('a', at=NOW + MINUTE))
    check = restarted(world, collect_transition_logs=True)
    world.poll(check, after=600)
    assert sum(world.values('jobs.open')) == 2
    assert world.connection.status == check.WARNING
    assert f'{REGION}: the saved state cannot be read. This is a first start' in caplog.messages[0]
    assert world.counted() == {}
    world.aws.put(ended('b', at=NOW + 11 * MINUTE))
    world.poll(check, after=60)
    assert world.counted() == {'jobs.finished': 1}
    border.unreadable = border.disk = ''
    world.poll(check, after=60)
    assert world.connection.status == check.OK
    world.aws.put(ended('c', at=NOW + 13 * MINUTE))
    world.poll(restarted(world), after=60)
    assert world.counted() == {'jobs.finished': 2}, 'what was counted meanwhile is known, and what was before is not'


def test_what_was_counted_while_nothing_could_be_saved_is_not_counted_again(world: World, border: Border) -> None:
    """Files that only root can use, of days ago, are given to the Agent, and it is restarted at once."""
    for name in ('a', 'b'):
        world.aws.put(answer(name))
    world.poll(world.check())
    border.unreadable, border.disk = '_ledger_', ''
    check = restarted(world)
    lost = world.agent.write_persistent_cache
    world.agent.write_persistent_cache = lambda key, text: '_ledger_' in key or lost(key, text)
    world.poll(check, after=60)
    world.aws.put(ended('a', at=NOW + 2 * MINUTE))
    for _ in range(60):
        world.poll(check, after=60)
    border.unreadable, world.agent.write_persistent_cache = '', lost
    world.poll(restarted(world), after=60)
    assert world.counted() == {'jobs.finished': 1}


def test_the_state_of_version_0_1_0_is_gone_on_with(world: World, border: Border) -> None:
    """One file with the bare state, and one cursor, that a poll which was killed has left."""
    steps = [transition('Starting', NOW + MINUTE), transition('Training', NOW + 2 * MINUTE)]
    world.aws.put(answer('known', **JOB))
    world.poll(world.check(collect_transition_logs=True))
    [file] = files(world, '_ledger_')
    arn = answer('known')['TrainingJobArn']
    prefix = file.removesuffix(f'_ledger_{REGION}')
    world.agent._cache = {
        file: world.agent._cache[file].partition('\n')[2],
        f'{prefix}_log_cursor_{REGION}': f'{{"logged":[["{arn}","{ago(hours=1).isoformat()}",1]]}}',
    }
    world.aws.put(ended('known', at=NOW + 3 * MINUTE, CreationTime=ago(hours=1), SecondaryStatusTransitions=steps))
    for _ in range(2):
        world.poll(restarted(world, collect_transition_logs=True), after=300)
    assert world.counted() == {'jobs.finished': 1}
    assert [log['secondary_status'] for log in world.logs] == ['training']


def ending(world: World, count: int) -> None:
    """So many jobs that end within the next minute, with five transitions each."""
    began = world.clock.now + timedelta(seconds=5)
    steps = ('Starting', 'Downloading', 'Training', 'Uploading', 'Completed')
    transitions = [transition(step, began + number * timedelta(seconds=5)) for number, step in enumerate(steps)]
    for number in range(count):
        end = {'at': began + MINUTE / 3, 'CreationTime': ago(hours=1, seconds=number)}
        world.aws.put(ended(f'job-{number}-'.ljust(63, 'x'), SecondaryStatusTransitions=transitions, **end))


def fleet(world: World, count: int) -> None:
    for number in range(count):
        world.aws.put(answer(f'job-{number}-'.ljust(63, 'x'), CreationTime=ago(hours=1, seconds=number)))


LOGS = {'collect_transition_logs': True, 'describe_requests_per_second': 20, 'collect_resources': False}


@pytest.mark.parametrize('count', [10, 95])
def test_the_cursor_of_a_log_costs_the_same_however_many_jobs_end(
    world: World, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world, count)
    check = world.check(**LOGS)
    world.poll(check)
    sizes: list[int] = []
    write = world.agent.write_persistent_cache

    def measured(key: str, text: str) -> None:
        if '_log_cursor_' in key:
            sizes.append(len(text))
        write(key, text)

    monkeypatch.setattr(world.agent, 'write_persistent_cache', measured)
    ending(world, count)
    world.poll(check, after=60)
    assert len(sizes) == len(world.logs) == 5 * count
    assert max(sizes) <= 256 * JOBS_IN_ONE


def test_many_cursors_are_followed_by_a_save(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('datadog_checks.sagemaker_training.cursors.MOST_CURSORS', 3)
    fleet(world, 95)
    check = world.check(**LOGS)
    world.poll(check)
    ending(world, 95)
    world.poll(check, after=60)
    assert 3 <= len(files(world, '_log_cursor_')) <= 4
    world.poll(restarted(world, **LOGS), after=60)
    assert len(world.logs) == 5 * 95


class SlowAgent:
    """Takes a second for each log."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._send = world.agent.send_log

    def send_log(self, log: str, check_id: str) -> None:
        self._clock.advance(1)
        self._send(log, check_id)


@pytest.mark.parametrize('restarts', [False, True])
def test_logs_that_take_long_do_not_take_the_poll_beyond_its_time(
    world: World, restarts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world, 40)
    check = world.check(**LOGS)
    world.poll(check)
    monkeypatch.setattr(world.agent, 'send_log', SlowAgent(world).send_log)
    ending(world, 40)
    for number in range(8):
        world.clock.advance(60 - world.clock.time() % 60)
        began = world.clock.now
        world.poll(check)
        assert world.clock.now - began <= 0.9 * MINUTE
        if number == 0:
            assert 40 <= len(world.logs) < 200, 'it used its time, and told one job at least'
        if restarts:
            check = restarted(world, **LOGS)
    assert world.counted()['jobs.finished'] == 40
    logs = Counter((log['training_job_name'], log['secondary_status']) for log in world.logs)
    assert (len(logs), set(logs.values())) == (200, {1})


def test_a_log_that_raises_is_tried_again_and_those_before_it_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world, 1)
    check = world.check(**LOGS)
    world.poll(check)
    ending(world, 1)
    send, calls = world.agent.send_log, Counter[str]()

    def fail_once(log: str, check_id: str) -> None:
        calls['log'] += 1
        if calls['log'] == 3:
            raise ValueError('embedded null character')
        send(log, check_id)

    monkeypatch.setattr(world.agent, 'send_log', fail_once)
    for _ in range(2):
        world.poll(check, after=60)
    statuses = [log['secondary_status'] for log in world.logs]
    assert statuses == ['starting', 'downloading', 'training', 'uploading', 'completed']


def test_an_agent_that_takes_no_logs_is_told_once_and_gets_them_when_it_does(
    world: World, border: Border, caplog: pytest.LogCaptureFixture
) -> None:
    steps = [transition('Starting', NOW + MINUTE), transition('Training', NOW + 2 * MINUTE)]
    world.agent._config['logs_enabled'] = False
    world.aws.put(answer(**JOB))
    check = world.check(collect_transition_logs=True)
    world.poll(check)
    world.aws.put(answer(CreationTime=ago(hours=1), SecondaryStatusTransitions=steps, LastModifiedTime=NOW))
    for _ in range(5):
        world.poll(check, after=60)
    assert [message.partition(':')[0] for message in caplog.messages] == ['`collect_transition_logs` has no effect'], (
        caplog.messages
    )
    assert border.lost == {}, 'nothing was sent'
    assert files(world, '_log_cursor_') == []
    world.agent._config['logs_enabled'] = True
    world.poll(restarted(world, collect_transition_logs=True), after=60)
    assert [log['secondary_status'] for log in world.logs] == ['starting', 'training']


def test_the_border_drops_resources_of_a_burst_and_none_of_a_stream() -> None:
    clock = SimulatedClock(NOW)
    with Border(clock).installed() as border:
        for _ in range(960):
            clock.advance(1 / 1920)
            aggregator.submit_event_platform_event(None, '', b'', 'genresources')
        assert 700 <= border.lost['resource'] <= 850
        clock.advance(60)
        border.lost.clear()
        for _ in range(3000):
            clock.advance(1 / 50)
            aggregator.submit_event_platform_event(None, '', b'', 'genresources')
        assert border.lost == {}


def test_the_border_cuts_and_refuses_what_the_real_one_does(world: World, border: Border) -> None:
    check = world.check()
    check.event({'msg_title': 'a\0b', 'msg_text': '', 'tags': ['x:\0y', 'z']})
    [event] = world.aggregator.events
    assert (event['msg_title'], event['tags'], border.lost) == ('a', ['x:', 'z'], {'text': 2})
    for send in (
        lambda: getLogger('others').warning('a\0b'),
        lambda: check.service_check('can_connect', check.WARNING, message='a\0b'),
        lambda: check.write_persistent_cache('key', 'a\0b'),
    ):
        with pytest.raises(ValueError, match='embedded null character'):
            send()
