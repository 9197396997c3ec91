# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""HTTP 200, and something in it that AWS never sends: it is the trouble of one call, one job, one region."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from botocore.session import Session
from botocore.utils import parse_timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datadog_checks.sagemaker_training import catalogue, submit
from datadog_checks.sagemaker_training.aws import Region
from datadog_checks.sagemaker_training.aws.parsing import moment
from tools.aws.calls import Fault
from tools.aws.clock import SimulatedClock
from tools.aws.server import SimulatedAws

from .builders import NOW, REGION
from .lives import (
    BEGIN,
    END,
    LAST,
    OTHER,
    POOL,
    assert_each_fact_once,
    at,
    connection,
    counted,
    facts,
    life,
    lives,
    poll,
    start,
)
from .world import CAN_CONNECT, MINE, ROLE, ShortLivedRoles, World

type Change = Callable[[bytes], bytes]
type Spoil = Callable[[dict[str, Any]], Any]

LATIN_1 = '<html><title>Entrée</title>Identifiez-vous</html>'.encode('latin-1')
BODIES: dict[str, tuple[bytes, str | None]] = {
    'null': (b'null', None),
    'list': (b'[]', None),
    'string': (b'"hunter2"', None),
    'number': (b'5', None),
    'empty object': (b'{}', None),
    'nothing': (b'', None),
    'half': (b'{"Trai', None),
    'deep': (b'[' * 100_000, None),
    'latin-1': (LATIN_1, 'text/html'),
    'wrong list': (
        json.dumps(dict.fromkeys(('TrainingJobSummaries', 'ResourceTagMappingList', 'Tags'), 'hunter2')).encode(),
        None,
    ),
}
CAUSE = 'IncompleteAnswer|ResponseParserError'


def bad_body(world: World, kind: str, operation: str, **scope: Any) -> Fault:
    body, content_type = BODIES[kind]
    return world.aws.rewrite(lambda _: body, content_type, operation=operation, **scope)


# In which region which call is answered so; in that of `ListTags`, tags are asked for one by one.
STRUCK = {
    'ListTrainingJobs': REGION,
    'DescribeTrainingJob': 'us-east-2',
    'GetResources': 'us-west-1',
    'ListTags': 'us-west-2',
}


@pytest.mark.parametrize('kind', BODIES)
def test_a_body_that_is_no_answer(world: World, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """For four minutes, in each region of another call. One more notices nothing; what was missed is counted once."""
    jobs = [*lives(*STRUCK.values()), life('elsewhere', 1, 9, OTHER)]
    world.aws.add(jobs)
    world.aws.fail('AccessDeniedException', operation='GetResources', region=STRUCK['ListTags'])
    check = start(world, regions=[*STRUCK.values(), OTHER])
    for minute in range(LAST + 1):
        with ExitStack() as stack:
            if BEGIN <= minute < END:
                for operation, region in STRUCK.items():
                    stack.enter_context(bad_body(world, kind, operation, region=region))
            caplog.clear()
            assert poll(world, check, minute) == ''
        assert connection(world, OTHER).status == check.OK
        for operation, region in STRUCK.items():
            is_blind = BEGIN <= minute < END and operation == 'ListTrainingJobs'
            assert (connection(world, region).status == check.CRITICAL) == is_blind
            if BEGIN < minute < END:
                told = connection(world, region).message if is_blind else caplog.text
                assert re.search(f'{operation}: (?:{CAUSE}): ', told)
        assert 'hunter2' not in caplog.text
    assert_each_fact_once(world, jobs, 'team:nlp')


# To what parses XML, the others are as `null`.
@pytest.mark.parametrize('kind', ['null', 'nothing', 'deep', 'latin-1'])
def test_a_body_of_sts_that_is_no_answer(world: World, kind: str) -> None:
    with ShortLivedRoles(world.clock, lives(), roles={ROLE: 'mine'}) as aws:
        world = replace(world, aws=aws)
        check = start(world, **MINE)
        for minute in range(LAST + 1):
            with ExitStack() as stack:
                if is_blind := BEGIN <= minute < END:
                    stack.enter_context(bad_body(world, kind, 'AssumeRole'))
                error = poll(world, check, minute)
            assert ('No region could be read' in error) == is_blind
            assert connection(world).status == (check.CRITICAL if is_blind else check.OK)
            if is_blind:
                assert re.search('(?:Authentication|AssumeRole): [A-Za-z]+: ', connection(world).message)
                assert 'hunter2' not in connection(world).message
    assert_each_fact_once(world, lives(), 'team:nlp')


def without(name: str) -> Spoil:
    return lambda job: {key: value for key, value in job.items() if key != name}


def with_(name: str, value: Any) -> Spoil:
    return lambda job: job | {name: value}


ANY: dict[str, tuple[Spoil, str]] = {
    **{f'no {name}': (without(name), name) for name in ('TrainingJobName', 'CreationTime', 'TrainingJobStatus')},
    **{
        f'created {time!r}'[:20]: (with_('CreationTime', time), 'CreationTime')
        for time in ('yesterday', float('nan'), 1e300, 10**400, -5, {}, True, (NOW + timedelta(weeks=9)).timestamp())
    },
    'modified yesterday': (with_('LastModifiedTime', 'yesterday'), 'LastModifiedTime'),
    'ended [3]': (with_('TrainingEndTime', [3]), 'TrainingEndTime'),
    'name 5': (with_('TrainingJobName', 5), 'TrainingJobName'),
    'arn x': (with_('TrainingJobArn', 'x'), 'TrainingJobArn'),
    'status 5': (with_('TrainingJobStatus', 5), 'TrainingJobStatus'),
    'status ""': (with_('TrainingJobStatus', ''), 'TrainingJobStatus'),
    'pool x': (with_('WarmPoolStatus', 'x'), 'WarmPoolStatus is no structure'),
    'pool status 5': (with_('WarmPoolStatus', {'Status': 5}), r'WarmPoolStatus\.Status is no string'),
}
SUMMARIES: dict[str, tuple[Spoil, str]] = {
    **ANY,
    'no arn': (without('TrainingJobArn'), 'TrainingJobArn'),
    'null': (lambda job: None, 'no structure'),
    'string': (lambda job: 'hunter2', 'no structure'),
    'list': (lambda job: [], 'no structure'),
}
DESCRIPTIONS: dict[str, tuple[Spoil, str]] = {
    **ANY,
    'of another': (with_('TrainingJobName', 'another'), 'TrainingJobName'),
    'resources null': (with_('ResourceConfig', None), 'ResourceConfig'),
    'resources x': (with_('ResourceConfig', 'x'), 'ResourceConfig'),
    'instances x': (with_('ResourceConfig', {'InstanceType': 'x', 'InstanceCount': 'two'}), 'InstanceCount'),
    'pool kept for ever': (
        with_('ResourceConfig', {'InstanceCount': 1, 'KeepAlivePeriodInSeconds': 10**15}),
        'KeepAlivePeriodInSeconds is no integer',
    ),
    'transitions x': (with_('SecondaryStatusTransitions', 'x'), 'SecondaryStatusTransitions'),
    'transition null': (with_('SecondaryStatusTransitions', [None]), r'SecondaryStatusTransitions\[0\]'),
    'parameters []': (with_('HyperParameters', []), 'HyperParameters is no map'),
    'parameter 5': (with_('HyperParameters', {'a': 5}), r'HyperParameters\[0\] is no string'),
    'started x': (with_('TrainingStartTime', 'x'), 'TrainingStartTime'),
    'billed x': (with_('BillableTimeInSeconds', 'x'), 'BillableTimeInSeconds'),
    'role 5': (with_('RoleArn', 5), 'RoleArn is no string'),
}


def spoiled_in_page(names: Collection[str], spoil: Spoil) -> Change:
    """A page of the listing in which these jobs look like that."""

    def change(body: bytes) -> bytes:
        page = json.loads(body)
        page['TrainingJobSummaries'] = [
            spoil(job) if job['TrainingJobName'] in names else job for job in page['TrainingJobSummaries']
        ]
        return json.dumps(page).encode()

    return change


# One that was known, one that comes and goes meanwhile, one that comes and stays: from when they show, and until when.
VICTIMS = {'into': (4, 6), 'within': (5, 8), 'after': (9, 10)}


@pytest.mark.parametrize('kind', SUMMARIES)
def test_summaries_that_are_none(world: World, kind: str) -> None:
    """Of one job or two at a time. The Agent is restarted before each can be read, too."""
    spoil, told = SUMMARIES[kind]
    world.aws.add(lives())
    check = start(world)
    for minute in range(LAST + 1):
        bad = {name for name, (since, until) in VICTIMS.items() if since <= minute < until}
        if any(minute + 1 == until for _, until in VICTIMS.values()):
            check = start(world)
        with world.aws.rewrite(spoiled_in_page(bad, spoil), operation='ListTrainingJobs'):
            assert poll(world, check, minute) == ''
        if bad and minute > 4:
            assert re.search(f'ListTrainingJobs: MalformedAnswer: .*job .*{told}', connection(world).message)
            assert 'hunter2' not in connection(world).message
        assert connection(world).status in (check.OK, check.WARNING)
        for job in lives():
            if job.name not in VICTIMS and job.end + timedelta(minutes=POOL) <= at(minute):
                assert counted(world, job) == facts(job), 'a neighbour waits for nothing'
    assert_each_fact_once(world, lives(), 'team:nlp')


@pytest.mark.parametrize('kind', DESCRIPTIONS)
def test_one_description_that_is_none(world: World, kind: str) -> None:
    spoil, told = DESCRIPTIONS[kind]
    world.aws.add(lives())
    check = start(world)
    for minute in range(LAST + 1):
        with ExitStack() as stack:
            if 3 <= minute < 9:
                stack.enter_context(
                    world.aws.rewrite(
                        lambda body: json.dumps(spoil(json.loads(body))).encode(),
                        operation='DescribeTrainingJob',
                        name='within',
                    )
                )
            assert poll(world, check, minute) == ''
        if 5 <= minute < 9:
            assert re.search(f'DescribeTrainingJob: MalformedAnswer: .*job within: .*{told}', connection(world).message)
        for job in lives():
            if job.name != 'within' and job.end + timedelta(minutes=POOL) <= at(minute):
                assert counted(world, job) == facts(job), 'a neighbour waits for nothing'
    assert_each_fact_once(world, lives(), 'team:nlp')


@pytest.mark.parametrize(
    'tags', [None, 'x', [None], [{'Key': 'team'}], [{'Value': 'nlp'}], [{'Key': 'team', 'Value': 5}]], ids=repr
)
@pytest.mark.parametrize('one_by_one', [False, True], ids=['GetResources', 'ListTags'])
def test_tags_of_one_job_that_are_none(world: World, one_by_one: bool, tags: Any) -> None:
    """Those of its neighbours are read with the same call, or after it."""
    jobs = lives()
    world.aws.add(jobs)
    [victim] = (job for job in jobs if job.name == 'within')

    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        for resource in answer['ResourceTagMappingList']:
            if resource['ResourceARN'] == victim.arn:
                resource['Tags'] = tags
        return json.dumps(answer).encode()

    if one_by_one:
        world.aws.fail('AccessDeniedException', operation='GetResources')
        body = json.dumps({'Tags': tags}).encode()
        fault = world.aws.rewrite(lambda _: body, operation='ListTags', name='within')
    else:
        fault = world.aws.rewrite(change, operation='GetResources')
    check = start(world)
    for minute in range(LAST + 1):
        if minute == 9:
            fault.remove()
        assert poll(world, check, minute) == ''
        for job in jobs:
            if job is not victim and job.end + timedelta(minutes=POOL) <= at(minute):
                assert counted(world, job, 'team:nlp') == facts(job), 'a neighbour waits for nothing'
    assert_each_fact_once(world, jobs, 'team:nlp')


def test_a_resource_that_cannot_be_read_may_be_that_of_any_job_without_tags(world: World) -> None:
    world.aws.add([replace(life('bare', 0.5, 2.5), tags={}), life('tagged', 0.5, 2.5)])
    check = start(world)
    poll(world, check, 0)

    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer['ResourceTagMappingList'][0] = None
        return json.dumps(answer).encode()

    with world.aws.rewrite(change, operation='GetResources'):
        poll(world, check, 3)
    assert world.counted() == {}
    poll(world, check, 4)
    assert counted(world, life('tagged', 0.5, 2.5), 'team:nlp') == facts(life('tagged', 0.5, 2.5))


REGIONS = Session().get_available_regions('sagemaker')


def boom(*_: object, **__: object) -> Any:
    raise LookupError('password=hunter2')


@pytest.mark.once
@pytest.mark.parametrize('kind', ['null', 'deep', 'unforeseen'])
def test_twenty_regions_of_which_one_cannot_be_read(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of the others is read at each of 20 polls, whatever the order that they come in."""
    others = [name for name in REGIONS if name != REGION][:19]
    regions = [*others, REGION]
    if kind == 'unforeseen':
        listing = Region.list_training_jobs
        monkeypatch.setattr(
            Region,
            'list_training_jobs',
            lambda region, *bounds, **named: (boom if region.name == REGION else listing)(region, *bounds, **named),
        )
    else:
        bad_body(world, kind, 'ListTrainingJobs', region=REGION)
    check = world.check(regions=regions)
    for _ in regions:
        world.poll(check, after=60)
        failed = [each for each in world.aggregator.service_checks(CAN_CONNECT) if each.status != check.OK]
        assert [each.status for each in failed] == [check.CRITICAL]
        assert f'region:{REGION}' in failed[0].tags
        assert ('LookupError' in failed[0].message) == (kind == 'unforeseen')
    read = {region: world.aws.count('ListTrainingJobs', region=region, outcome='ok') for region in regions}
    assert read == dict.fromkeys(others, len(regions)) | {REGION: 0}
    assert 'hunter2' not in caplog.text


def test_an_error_that_nobody_foresaw_in_every_region(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Region, 'list_training_jobs', boom)
    error = poll(world, start(world, regions=[REGION, OTHER]), 0)
    assert 'No region could be read' in error
    assert 'LookupError' in error
    assert 'hunter2' not in error
    assert {connection(world, region).status for region in (REGION, OTHER)} == {2}


@pytest.mark.once
@pytest.mark.parametrize(
    ('module', 'function'),
    [
        (catalogue, 'resource_fields'),
        *((submit, function) for function in ('job_gauges', 'events', 'count_samples', 'fleet_gauges')),
    ],
)
def test_what_cannot_be_made_of_one_job_is_made_of_the_others(
    world: World, module: ModuleType, function: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [life(f'job-{letter}', 0.5, 2.5) for letter in 'abc']
    world.aws.add(jobs)
    make = getattr(module, function)

    def make_others(job: Any, *rest: Any, **named: Any) -> Any:
        return (boom if 'job-b' in str(job) else make)(job, *rest, **named)

    check = start(world)
    poll(world, check, 0)
    with monkeypatch.context() as patch:
        patch.setattr(module, function, make_others)
        for minute in (1.2, 3):
            assert poll(world, check, minute) == ''
            assert connection(world).status == check.OK
            gauged = set(re.findall('training_job_name:(job-.)', repr(world.aggregator.metrics(GAUGE))))
            assert gauged == {'job-a', 'job-b', 'job-c'} - ({'job-b'} if function == 'job_gauges' else set())
        assert 'job-b' in caplog.text
        assert 'LookupError' in caplog.text
        assert 'hunter2' not in caplog.text
    for job in (jobs[0], jobs[2]):  # whose pools go on
        assert counted(world, job) == facts(job) | {'usage.warm_pool_time': 2 * 60 * 0.5}
    for minute in (4, 5):
        poll(world, check, minute)
    assert_each_fact_once(world, jobs, 'team:nlp')


GAUGE = 'sagemaker_training.job.elapsed_time'
VALUES = (None, [], {}, '', 0, -1, 5, True, 1e300, 10**400, float('nan'), 'x' * 10_000, 'NaN', [[]], {'Key': 5})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all that is in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def mutated(body: bytes, place: int, value: Any, is_deleted: bool) -> tuple[bytes, tuple[Any, ...]]:
    """The answer with one value in it replaced, or deleted, and the path to it."""
    answer = json.loads(body)
    paths = list(places(answer))
    path = paths[place % len(paths)]
    holder = answer
    for key in path[:-1]:
        holder = holder[key]
    if is_deleted:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return json.dumps(answer).encode(), path


@pytest.mark.once
@settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    changes=st.fixed_dictionaries(
        {
            region: st.tuples(
                st.sampled_from(['ListTrainingJobs', 'DescribeTrainingJob', 'GetResources']),
                st.integers(0, 10_000),
                st.sampled_from(VALUES),
                st.booleans(),
            )
            for region in REGIONS[:5]
        }
    )
)
def test_any_value_anywhere(world: World, changes: dict[str, tuple[str, int, Any, bool]]) -> None:
    """It may be told of one job, which then is what it says. The others count once, at the latest when it ends."""
    world.agent.reset()
    world.counts.clear()
    clock = SimulatedClock(NOW)
    jobs = [
        life(f'job-{letter}', 0.5 + number / 10, 2.5, region)
        for region in changes
        for number, letter in enumerate('abc')
    ]
    elsewhere = life('elsewhere', 0.5, 2.5, REGIONS[5])
    victims: set[tuple[str, str]] = set()

    def change(region: str, body: bytes) -> bytes:
        operation, *mutation = changes[region]
        changed, path = mutated(body, *mutation)
        if operation == 'DescribeTrainingJob':
            victims.add((region, 'job-b'))
        elif len(path) > 1:
            [listed] = json.loads(body).keys() & {'TrainingJobSummaries', 'ResourceTagMappingList'}
            one = json.loads(body)[listed][path[1]]
            victims.add((region, one.get('TrainingJobName') or one['ResourceARN'].rpartition('/')[2]))
        return changed

    with SimulatedAws(clock, [*jobs, elsewhere]) as aws:
        world = replace(world, aws=aws, clock=clock)
        check = start(world, regions=[*changes, elsewhere.region])
        poll(world, check, 0)
        with ExitStack() as stack:
            for region, (operation, *_) in changes.items():
                scope = {'name': 'job-b'} if operation == 'DescribeTrainingJob' else {}
                rewritten = aws.rewrite(partial(change, region), operation=operation, region=region, **scope)
                stack.enter_context(rewritten)
            for minute in (1, 3, 3.5):
                assert poll(world, check, minute) == ''
                assert connection(world, elsewhere.region).status == check.OK
                assert not any('ended with an error' in connection(world, region).message for region in changes)
            assert counted(world, elsewhere)['jobs.finished'] == 1
        for minute in (4, 5, 10):
            assert poll(world, check, minute) == ''
    for job in [*jobs, elsewhere]:
        if (job.region, job.name) not in victims:
            assert counted(world, job) == facts(job)


@pytest.mark.parametrize('value', [1_764_000_000, 1_764_000_000.123, True, '1764000000', '2025-11-24T16:00:00Z'])
def test_a_time_is_what_botocore_says_and_a_number_needs_no_time_zone_of_the_machine(value: Any) -> None:
    read = moment(value)
    assert read == parse_timestamp(value)
    assert isinstance(value, str) or read.utcoffset() == timedelta()


@pytest.mark.parametrize('value', [float('nan'), 1e30, 'yesterday at some time', None, []])
def test_what_is_no_time_is_the_error_of_botocore(value: Any) -> None:
    with pytest.raises((ValueError, RuntimeError, TypeError, OverflowError)) as expected:
        parse_timestamp(value)
    with pytest.raises(expected.type):
        moment(value)
