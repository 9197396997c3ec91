# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What goes wrong between the check and AWS, on the wire: whole polls, with facts before, during and after it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest

from tools.aws.calls import Fault

from .builders import REGION
from .lives import (
    BEGIN,
    CREDENTIALS,
    END,
    LAST,
    OTHER,
    POOL,
    assert_each_fact_once,
    at,
    burst,
    connection,
    counted,
    facts,
    life,
    lives,
    poll,
    start,
)
from .world import World

OPERATIONS = ('ListTrainingJobs', 'DescribeTrainingJob', 'GetResources', 'ListTags')


class Trouble(NamedTuple):
    """A way for calls to fail, and how messages name its cause, as any version of botocore has it, and its remedy."""

    begin: Callable[..., Fault]
    cause: str
    remedy: str


def refused(code: str, remedy: str, status: int = 400) -> Trouble:
    return Trouble(lambda aws, **scope: aws.fail(code, 'Simulated.', status, **scope), code, remedy)


def disturbed(kind: str, cause: str) -> Trouble:
    return Trouble(lambda aws, **scope: aws.disturb(kind, **scope), cause, 'Check the network, proxy and endpoint')


TROUBLES = {
    'throttled': refused('ThrottlingException', 'lower `list_requests_per_second`'),
    '500': refused('InternalFailure', 'AWS Health Dashboard', 500),
    '503': refused('ServiceUnavailable', 'AWS Health Dashboard', 503),
    'reset': disturbed('reset', 'ConnectionClosedError'),
    'truncated': disturbed('truncated', 'ConnectionClosedError|IncompleteAnswer'),
    'not json': disturbed('not_json', 'IncompleteAnswer'),
    'silent': disturbed('silent', 'ReadTimeoutError'),
    'expired': refused('ExpiredTokenException', CREDENTIALS),
    'revoked': refused('UnrecognizedClientException', CREDENTIALS),
    'unknown key': refused('InvalidClientTokenId', CREDENTIALS, 403),
}
# Which tests wait for; a machine that is busy takes its time to answer, too: 0.3 seconds were once not enough.
PATIENCE = {'silent': {'boto_config': {'retries': {'total_max_attempts': 1}, 'read_timeout': 1.0}}}


@pytest.mark.parametrize(
    ('struck', 'restarts'),
    [
        (OPERATIONS, True),
        pytest.param(['ListTrainingJobs'], False, marks=pytest.mark.once),
        pytest.param(['DescribeTrainingJob'], False, marks=pytest.mark.once),
        pytest.param(['DescribeTrainingJob'], True, marks=pytest.mark.once),
        pytest.param(['GetResources', 'ListTags'], True, marks=pytest.mark.once),
    ],
    ids=['all-restarted', 'list', 'describe', 'describe-restarted', 'tags-restarted'],
)
@pytest.mark.parametrize('kind', TROUBLES)
def test_trouble_for_minutes(
    world: World, kind: str, struck: Sequence[str], restarts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one region: another one notices nothing. The poll after it has caught up with everything."""
    trouble, options = TROUBLES[kind], PATIENCE.get(kind, {}) | {'regions': [REGION, OTHER]}
    jobs = [*lives(), life('elsewhere', 1, 9, OTHER)]
    world.aws.add(jobs)
    check = start(world, **options)
    faults: list[Fault] = []
    for minute in range(LAST + 1):
        if minute == BEGIN:
            faults = [trouble.begin(world.aws, operation=operation, region=REGION) for operation in struck]
        if minute == END:
            for fault in faults:
                fault.remove()
        if restarts and minute == BEGIN + 2:
            check = start(world, **options)
        caplog.clear()
        assert poll(world, check, minute) == ''
        assert (connection(world, OTHER).status, connection(world, OTHER).message) == (check.OK, '')
        is_blind = BEGIN <= minute < END and 'ListTrainingJobs' in struck
        assert (connection(world).status == check.CRITICAL) == is_blind
        if BEGIN < minute < END:
            message = connection(world).message if is_blind else caplog.text
            assert re.search(trouble.cause, message)
            assert trouble.remedy in message
        if minute == END:
            assert connection(world).status == check.OK
            for job in jobs:
                if job.end + timedelta(minutes=POOL) <= at(END):
                    assert counted(world, job) == facts(job), 'one poll is enough'
    assert_each_fact_once(world, jobs, 'team:nlp')


@pytest.mark.parametrize('kind', TROUBLES)
def test_no_region_at_all(world: World, kind: str) -> None:
    trouble = TROUBLES[kind]
    check = start(world, regions=[REGION, OTHER], **PATIENCE.get(kind, {}))
    with trouble.begin(world.aws, operation='ListTrainingJobs'):
        error = poll(world, check, 0)
    for message in (error, connection(world).message, connection(world, OTHER).message):
        assert re.search(trouble.cause, message)
        assert trouble.remedy in message
    assert 'No region could be read' in error
    assert poll(world, check, 1) == ''
    assert connection(world).status == check.OK


@pytest.mark.parametrize('kind', ['500', 'not json', 'reset'])
def test_descriptions_that_all_fail_show_in_the_service_check(world: World, kind: str) -> None:
    world.aws.add(lives())
    check = start(world)
    poll(world, check, 0)
    TROUBLES[kind].begin(world.aws, operation='DescribeTrainingJob')
    poll(world, check, 2)
    assert connection(world).status != check.OK
    assert re.search(TROUBLES[kind].cause, connection(world).message)


def test_denied_for_minutes(world: World) -> None:
    world.aws.add(lives())
    check = start(world)
    for minute in range(BEGIN):
        poll(world, check, minute)
    with world.aws.fail('AccessDeniedException', 'Simulated.', operation='DescribeTrainingJob'):
        for minute in range(BEGIN, END):
            poll(world, check, minute)
            if minute > BEGIN:
                assert 'Allow `sagemaker:DescribeTrainingJob`' in connection(world).message
    for minute in range(END, LAST + 1):
        poll(world, check, minute)
    assert_each_fact_once(world, lives())


@pytest.mark.parametrize('kind', ['reset', 'silent'])
@pytest.mark.parametrize(
    ('operation', 'most'), [('ListTrainingJobs', 1), ('DescribeTrainingJob', 3 + 7), ('GetResources', 1)]
)
def test_a_peer_that_does_not_answer_is_left_alone_soon(watched: World, kind: str, operation: str, most: int) -> None:
    """Each call takes the five seconds that are the default timeout."""
    jobs = [life(f'burst-{number}', 1, 2) for number in range(50)]
    watched.aws.add(jobs)
    check = start(watched, **PATIENCE.get(kind, {}))
    poll(watched, check, 0)
    watched.aws.watch = lambda call: watched.clock.advance(5 * (call.operation == operation))
    with TROUBLES[kind].begin(watched.aws, operation=operation):
        poll(watched, check, 3)
    assert 1 <= watched.aws.count(operation, outcome=kind) <= most
    assert watched.values('poll.duration')[0] <= 60
    watched.aws.watch = lambda call: None
    poll(watched, check, 5)
    assert watched.counted('team:nlp') == {name: 50 * value for name, value in facts(jobs[0]).items()}


@pytest.mark.parametrize('kind', ['500', 'reset'])
def test_jobs_that_cannot_be_described_hold_up_no_other(world: World, kind: str) -> None:
    jobs = [life(f'poison-{number}', 1, 2) for number in range(8)] + [
        life(f'well-{number}', 3, 4) for number in range(8)
    ]
    world.aws.add(jobs)
    check = start(world)
    for job in jobs[:8]:
        TROUBLES[kind].begin(world.aws, operation='DescribeTrainingJob', name=job.name)
    for minute in range(8):
        poll(world, check, minute)
    assert all(counted(world, job) == facts(job) for job in jobs[8:])


MID_LISTING = {
    'invalid token': Trouble(
        lambda aws, **scope: aws.fail('ValidationException', 'Invalid pagination token.', **scope),
        'ValidationException: Invalid pagination token',
        '',
    ),
    **{kind: TROUBLES[kind] for kind in ('throttled', '500', 'reset', 'not json', 'expired')},
}


@pytest.mark.parametrize('kind', MID_LISTING)
def test_trouble_in_the_middle_of_a_listing(world: World, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of two polls, with a restart after each: the first page is there, and the rest comes later."""
    jobs = [*burst(), life('lasting', 1, 4.5)]
    world.aws.add(jobs)
    check = start(world)
    poll(world, check, 0)
    for minute in (2, 3):
        with MID_LISTING[kind].begin(world.aws, operation='ListTrainingJobs', spared=1):
            assert poll(world, check, minute) == ''
        if minute == 2:
            assert re.search(MID_LISTING[kind].cause, caplog.text)
        assert connection(world).status != check.CRITICAL, 'the newest jobs are there'
        check = start(world)
    for minute in (4, 5, 6):
        poll(world, check, minute)
    assert_each_fact_once(world, jobs, 'team:nlp')


def test_pages_that_overlap(world: World) -> None:
    jobs = burst(170)
    world.aws.add(jobs)
    world.aws.page_overlap = 30
    for minute in (0, 2, 3):
        assert poll(world, start(world), minute) == ''
    assert_each_fact_once(world, jobs, 'team:nlp')
