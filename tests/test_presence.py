# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""When a saved state is gone on with, and when others have counted since: whole polls, over restarts of the Agent."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from datadog_checks.sagemaker_training import SagemakerTrainingCheck, presence

from .builders import ACCOUNT, NOW, REGION, answer, ended
from .world import World

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PROD, DEV = {'name_include': ['^prod']}, {'name_include': ['^dev']}
ROLE, OTHER_ROLE = ({'assume_role_arn': f'arn:aws:iam::{ACCOUNT}:role/{name}'} for name in ('one', 'other'))
LOG_LINE = f'{REGION}: another instance polled account {ACCOUNT}'


def start(world: World, *instances: dict[str, Any]) -> list[SagemakerTrainingCheck]:
    """The Agent, in a new process."""
    presence.forget_process()
    return [world.check(**instance) for instance in instances]


def poll(world: World, checks: Iterable[SagemakerTrainingCheck], until: timedelta, step: timedelta = HOUR) -> None:
    """All in turn, every `step`, from now on until this long after the first poll."""
    while world.clock.now <= NOW + until:
        for check in checks:
            world.poll(check)
        world.clock.advance(step.total_seconds())


def finish(world: World, *names: str, at: timedelta) -> None:
    for name in names:
        world.aws.put(ended(name, at=NOW + at))


def create(world: World, *names: str, at: timedelta) -> None:
    for name in names:
        world.aws.put(answer(name, CreationTime=NOW + at, LastModifiedTime=NOW + at))


@pytest.mark.parametrize('interval', [60, 3600])
@pytest.mark.parametrize('restarts', [True, False], ids=['restart', 'reload'])
@pytest.mark.parametrize(
    ('one', 'other'),
    [(PROD, {}), (ROLE, OTHER_ROLE), ({'aws_access_key_id': 'a'}, {'aws_access_key_id': 'b'})],
    ids=['filters', 'role', 'credentials'],
)
def test_what_is_switched_back_after_days_replays_nothing(
    world: World,
    one: dict[str, Any],
    other: dict[str, Any],
    restarts: bool,
    interval: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, other = ({'min_collection_interval': interval} | options for options in (one, other))
    create(world, 'prod-open', at=-HOUR)
    poll(world, start(world, one), until=2 * HOUR)
    [check] = start(world, other) if restarts else [world.check(**other)]
    poll(world, [check], until=DAY)
    create(world, *(f'prod-{number}' for number in range(5)), at=DAY)
    finish(world, 'prod-open', at=DAY)
    poll(world, [check], until=2 * DAY)
    assert world.counted() == {'jobs.created': 5, 'jobs.finished': 1}
    [check] = start(world, one) if restarts else [world.check(**one)]
    poll(world, [check], until=2 * DAY + 3 * HOUR)
    assert world.counted() == {'jobs.created': 5, 'jobs.finished': 1}
    assert [message.startswith(LOG_LINE) for message in caplog.messages] == [True]
    finish(world, 'prod-0', at=2 * DAY + 4 * HOUR)
    poll(world, [check], until=2 * DAY + 5 * HOUR)
    [check] = start(world, one)
    finish(world, 'prod-1', at=2 * DAY + 6 * HOUR)
    poll(world, [check], until=2 * DAY + 8 * HOUR)
    assert world.counted() == {'jobs.created': 5, 'jobs.finished': 3}, 'the new state goes on'


@pytest.mark.parametrize('first', [0, 1])
@pytest.mark.parametrize('intervals', [(60, 60), (60, 3600), (3600, 60)])
def test_instances_that_share_an_account_count_all_of_a_pause_of_the_agent(
    world: World, intervals: tuple[int, int], first: int, caplog: pytest.LogCaptureFixture
) -> None:
    instances = [
        {'min_collection_interval': interval} | options
        for interval, options in zip(intervals, (PROD, DEV), strict=True)
    ]
    create(world, 'prod-a', 'dev-a', at=-HOUR)
    checks = start(world, *instances)
    poll(world, checks, until=timedelta(0))
    while world.clock.now < NOW + 2 * HOUR + 30 * MINUTE:
        for check, interval in zip(checks, intervals, strict=True):
            if (world.clock.now - NOW).total_seconds() % interval < 1:
                world.poll(check)
        world.clock.advance(60 - world.clock.time() % 60)
    create(world, 'prod-b', 'dev-b', at=DAY)
    finish(world, 'prod-a', 'dev-a', at=DAY)
    world.clock.advance_to(NOW + 3 * DAY)
    checks = start(world, *instances)
    poll(world, [checks[first]], until=3 * DAY + timedelta(seconds=intervals[1 - first]), step=MINUTE)
    world.poll(checks[1 - first])
    assert world.counted() == {'jobs.created': 2, 'jobs.finished': 2}
    assert caplog.messages == []


def test_a_short_pause_of_the_agent_is_none_of_an_instance_with_a_short_interval(world: World) -> None:
    slow, fast = {'min_collection_interval': 3600} | PROD, DEV
    create(world, 'prod-a', 'dev-a', at=-HOUR)
    poll(world, start(world, slow, fast), until=timedelta(0), step=MINUTE)
    finish(world, 'prod-a', 'dev-a', at=10 * MINUTE)
    world.clock.advance_to(NOW + 30 * MINUTE)
    poll(world, start(world, slow, fast)[::-1], until=31 * MINUTE, step=MINUTE)
    assert world.counted() == {'jobs.finished': 2}


def test_an_instance_that_gets_no_answer_for_hours_was_not_away(world: World) -> None:
    other = {'aws_access_key_id': 'other'} | PROD
    create(world, 'prod-a', 'dev-a', at=-HOUR)
    one, two = start(world, DEV, other)
    poll(world, [one, two], until=timedelta(0), step=MINUTE)
    with world.aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs'):
        for _ in range(120):
            world.clock.advance(60)
            one.run()
    finish(world, 'dev-a', at=HOUR)
    world.poll(two, after=60)
    presence.forget_process()
    world.poll(world.check(**DEV), after=60)
    assert world.counted() == {'jobs.finished': 1}


def test_a_reload_and_then_a_restart_before_the_first_poll_is_no_first_start(world: World) -> None:
    create(world, 'a', at=-HOUR)
    [check] = start(world, {})
    world.poll(check)
    check.cancel()
    world.clock.advance(3)
    world.check(tags=['site:b'])
    finish(world, 'a', at=10 * MINUTE)
    world.clock.advance(3600)
    world.poll(*start(world, {}))
    assert world.counted() == {'jobs.finished': 1}


def test_a_former_instance_that_ends_late_does_not_take_its_successor_off_the_schedule(world: World) -> None:
    create(world, 'a', at=-HOUR)
    [former] = start(world, {})
    world.poll(former)
    world.check()
    former.cancel()
    finish(world, 'a', at=10 * MINUTE)
    world.clock.advance(3600)
    world.poll(*start(world, {}))
    assert world.counted() == {'jobs.finished': 1}


def test_a_state_that_was_refused_stays_so_until_a_new_one_is_saved(world: World) -> None:
    create(world, 'a', at=-HOUR)
    [check] = start(world, {})
    world.poll(check)
    check.cancel()
    finish(world, 'a', at=10 * MINUTE)
    world.clock.advance(3600)
    with world.aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs'):
        world.check().run()
    world.poll(*start(world, {}), after=600)
    assert world.counted() == {}, 'another Agent may have counted it'


@pytest.mark.parametrize('text', ['', 'garbage', '[]', '{"us-east-1":{}}'])
def test_without_its_marks_a_state_is_gone_on_with(world: World, text: str) -> None:
    """Version 0.1.0 had none."""
    create(world, 'a', at=-HOUR)
    poll(world, start(world, {}), until=timedelta(0))
    marks = [key for key in world.agent._cache if key.endswith('_presence') or ':polled_' in key]
    assert len(marks) == 2
    finish(world, 'a', at=DAY)
    for key in marks:
        world.agent._cache[key] = text
    poll(world, start(world, {}), until=2 * DAY)
    assert world.counted() == {'jobs.finished': 1}
