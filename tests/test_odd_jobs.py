# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Jobs and clocks that are not as one expects: deleted, too young, of a used name, too large, at the wrong time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tools.aws.calls import Call
from tools.aws.server import SimulatedAws

from .builders import ACCOUNT, NOW, REGION
from .lives import (
    LAST,
    POOL,
    WORDS,
    assert_each_fact_once,
    at,
    connection,
    counted,
    facts,
    life,
    lives,
    poll,
    scripted,
    start,
)
from .world import World, WrongClock


@pytest.mark.parametrize(
    ('wrong', 'later', 'restarts'),
    [(-5, -5, False), (5, 5, True), (-5, 5, True), (5, -5, False), (0, 120, False), (0, -120, True)],
)
def test_a_wrong_clock(world: World, wrong: float, later: float, restarts: bool) -> None:
    """The Agent's is ahead or behind at the first poll, and set anew minutes later; AWS's own goes on all the time."""
    around = scripted(
        'around',
        *(('Starting', -30), ('Training', -20), ('Interrupted', -0.05)),
        *(('Starting', 0.02), ('Interrupted', 0.05), ('Training', 1), ('Failed', 5.5)),
    )
    over, later_on = life('over', -9, -0.05), [life('right-after', 0.05, 3), *lives()]
    clock = WrongClock(NOW)
    with SimulatedAws(clock, [around, over, *later_on]) as aws:
        world = replace(world, aws=aws, clock=clock)
        check = start(world)
        for minute in range(LAST + 1):
            clock.wrong = wrong if minute < 4 else later
            aws.skew = -timedelta(minutes=clock.wrong)
            if restarts:
                check = start(world)
            assert poll(world, check, minute) == ''
            assert connection(world).status == check.OK
    pool = {'usage.warm_pool_time': 2 * 60 * POOL}
    assert counted(world, over) in ({}, pool), 'of a job that was over, only the pool that went on'
    assert counted(world, around) == {name: value for name, value in facts(around).items() if name != 'jobs.created'}
    assert {job.name: counted(world, job) for job in later_on} == {job.name: facts(job) for job in later_on}
    told = [*(f'{job.name} {word}' for job in later_on for word in WORDS), 'around interrupted', 'around failed']
    assert Counter(world.titles) == Counter(told)


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('still_listed', [False, True], ids=['', 'still-listed'])
@pytest.mark.parametrize('known', [False, True], ids=['new', 'known'])
def test_a_failed_job_deleted_before_it_is_described(
    watched: World, known: bool, still_listed: bool, restarts: bool
) -> None:
    """What the listing told is counted, and told; why it failed nobody knows."""
    job = life('job', 0.5, 2.5)
    watched.aws.add([job])
    check = start(watched)
    for minute in (0, 1, 2) if known else (0,):
        poll(watched, check, minute)

    def delete(call: Call) -> None:
        if call.operation == 'ListTrainingJobs' and not still_listed:
            watched.aws.remove('job', ACCOUNT, REGION)

    if still_listed:
        watched.aws.fail('ResourceNotFound', 'Requested resource not found.', operation='DescribeTrainingJob')
    watched.aws.watch = delete
    for minute in (3, 3.5, 4, 5, 6, 11):
        assert poll(watched, check, minute) == ''
        assert connection(watched).status == check.OK
        if restarts:
            check = start(watched)
    assert watched.counted()['jobs.created'] == 1
    assert watched.counted()['jobs.finished'] == 1
    assert watched.counted('training_job_status:failed', 'secondary_status:failed') == {'jobs.finished': 1}
    assert Counter(watched.titles) == Counter(['job created', 'job failed'] + ['job interrupted'] * known)
    assert not [tag for metric in watched.counts for tag in metric.tags if tag.startswith('failure_type')]


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('times', [1, 3])
def test_a_job_too_young_to_be_described(world: World, times: int, restarts: bool) -> None:
    job = life('young', 0.5, 6.5)
    world.aws.add([job])
    check = start(world)
    poll(world, check, 0)
    world.aws.fail('ValidationException', 'Requested resource not found.', operation='DescribeTrainingJob', times=times)
    for minute in range(1, LAST + 1):
        assert poll(world, check, minute) == ''
        if restarts:
            check = start(world)
    assert_each_fact_once(world, [job])


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('late', [False, True], ids=['', 'between-list-and-describe'])
def test_a_name_used_again(watched: World, late: bool, restarts: bool) -> None:
    """After its deletion. How long the pool of the first job was kept, nobody may have been told."""
    first, second = life('job', 0.5, 2.5), life('job', 3.5, 5.5)
    watched.aws.add([first])
    check = start(watched)

    def replace_job(call: Call) -> None:
        if late and call.operation == 'ListTrainingJobs' and watched.clock.now >= at(3.6):
            watched.aws.watch = lambda call: None
            watched.aws.add([second])

    watched.aws.watch = replace_job
    for minute in (0, 1, 2, 3, 3.6, *range(5, LAST + 1)):
        if minute == 3.6 and not late:
            watched.aws.add([second])
        poll(watched, check, minute)
        if restarts:
            check = start(watched)
    assert Counter(watched.titles) == {f'job {word}': 2 for word in WORDS}
    told = facts(second)['usage.warm_pool_time']
    sums = watched.counted()
    assert told <= sums.pop('usage.warm_pool_time') <= 2 * told
    assert sums == {name: 2 * value for name, value in facts(second).items() if name in sums}


def test_a_description_of_a_megabyte(world: World) -> None:
    big = {'HyperParameters': {f'parameter-{number}': 'x' * 1000 for number in range(1000)}}
    job = life('big', 0.5, 2.5)
    world.aws.add([replace(job, fields={**job.fields, **big})])
    for minute in (0, 1, 3, 4):
        check = start(world)
        assert poll(world, check, minute) == ''
        assert connection(world).status == check.OK
    assert_each_fact_once(world, [job], 'team:nlp')
