# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the check keeps of a region: written when it changed, and a first start where it cannot be used."""

import logging

import pytest

from .builders import ACCOUNT, REGION, ago, answer, ended
from .lives import at, life
from .world import World


def saved_states(world: World) -> list[str]:
    """The keys that they are under."""
    return [key for key in world.agent._cache if '_ledger_' in key]


def test_the_state_is_written_only_when_it_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[tuple[str, int]] = []
    write = world.agent.write_persistent_cache
    monkeypatch.setattr(
        world.agent, 'write_persistent_cache', lambda key, text: (writes.append((key, len(text))), write(key, text))
    )
    world.aws.put(answer())
    check = world.check()
    world.poll(check)
    writes.clear()
    for _ in range(3):
        world.poll(check, after=60)
    assert not [key for key, _ in writes if '_ledger_' in key]
    assert max(size for _, size in writes) < 100, 'two small marks'
    assert len(writes) == 3 * 2
    writes.clear()
    world.aws.put(ended())
    world.poll(check, after=60)
    assert [key[key.index('ledger_') :] for key, _ in writes if '_ledger_' in key] == [f'ledger_{REGION}_2']


def test_credentials_of_another_account_are_a_first_start(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.aws.put(answer('ours'))
    world.poll(world.check())
    world.aws.remove('ours', ACCOUNT, REGION)
    [key] = saved_states(world)
    bare = world.agent._cache[key].partition('\n')[2]
    world.agent._cache[key] = bare.replace(ACCOUNT, '999999999999')
    world.aws.put(answer('theirs', CreationTime=at(0.5)))
    world.aws.put(answer('their-older', CreationTime=ago(days=3)))
    check = world.check()
    world.poll(check, after=60)
    assert 'account 123456789012 now, not of 999999999999' in caplog.text
    assert sum(world.values('jobs.open')) == 2
    world.poll(check, after=60)
    assert world.counted() == {}


@pytest.mark.parametrize('text', ['{"version":1', '{"version":3,"jobs":{}}', 'null'])
def test_a_state_that_cannot_be_used_is_a_first_start_with_one_warning(
    world: World, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.aws.put(answer())
    world.poll(world.check())
    [key] = saved_states(world)
    world.agent._cache[key] = text
    check = world.check()
    for _ in range(3):
        world.poll(check, after=60)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [warning.partition(':')[0] for warning in warnings] == [REGION]
    assert 'This is a first start' in warnings[0]
    assert world.counted() == {}
    world.aws.put(ended(at=at(4)))
    world.poll(world.check(), after=60)
    assert world.counted() == {'jobs.finished': 1}


def test_a_cursor_that_cannot_be_used_costs_no_more_than_itself(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.aws.add([life('spot', 2, 19)])
    for minutes in (0, 5):
        world.poll(world.check(collect_transition_logs=True), after=60 * minutes)
    [key] = [key for key in world.agent._cache if 'log_cursor' in key]
    world.agent._cache[key] = '{"logged": 7}'
    world.poll(world.check(collect_transition_logs=True), after=6 * 60)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [f'{REGION}: the saved cursor of the transition logs is damaged. Some may be sent again.']
    assert [log['secondary_status'] for log in world.logs] == ['starting', 'training', 'interrupted']
    assert world.counted() == {'jobs.created': 1, 'jobs.interrupted': 1}
