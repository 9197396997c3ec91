# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What happens to a job is counted and told once: whole polls, over restarts, with the state the Agent keeps."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datadog_checks.sagemaker_training.aws import Page, Region
from tools.aws.fleet import Job, Step, WarmPool
from tools.aws.server import SimulatedAws

from .builders import ACCOUNT, NOW, REGION, ago, answer, ended, transition
from .world import World, WrongClock

FAILED_USAGE = {'usage.training_time': 1200, 'usage.billable_time': 400, 'usage.saved_time': 800}
FAILED = {'FailureReason': 'CapacityError: none left', 'TrainingTimeInSeconds': 600, 'BillableTimeInSeconds': 200}


def later(**duration: float) -> Any:
    return NOW + timedelta(**duration)


def scripted(name: str, *steps: tuple[str, float], **fields: Any) -> Job:
    """A job of two instances whose steps begin so many minutes from NOW."""
    resources = {'ResourceConfig': {'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 2}}
    spot = {'EnableManagedSpotTraining': True} if 'billed' in fields else {}
    script = tuple(Step(status, later(minutes=minute), f'{status} of {name}') for status, minute in steps)
    return Job(name, ACCOUNT, REGION, script, resources | spot, **{'tags': {'team': 'nlp'}} | fields)


SPOT_JOB = scripted(
    'spot',
    ('Starting', 2),
    ('Training', 4),
    ('Interrupted', 10),
    ('Starting', 12),
    ('Training', 14),
    ('Failed', 20),
    fields_once_ended={'FailureReason': 'ClientError: no data'},
    billed=0.5,
    warm_pool=WarmPool(until=later(minutes=50)),
)
SPOT_COUNTS = {
    'jobs.created': 1,
    'jobs.interrupted': 1,
    'jobs.finished': 1,
    'usage.training_time': 2 * 720,
    'usage.billable_time': 2 * 360,
    'usage.saved_time': 2 * 360,
    'usage.warm_pool_time': 2 * 1800,
}


@pytest.mark.parametrize('restarts', [False, True])
@pytest.mark.parametrize('minutes', [3, 7, 55])
def test_each_fact_counts_once_however_often_it_is_looked_at(world: World, restarts: bool, minutes: int) -> None:
    world.aws.add([SPOT_JOB])
    check = world.check(event_on=['created', 'completed', 'failed', 'stopped', 'interrupted'])
    for poll in range(120 // minutes):
        world.poll(check, after=60 * minutes if poll else 0)
        if restarts:
            check = world.check(event_on=['created', 'failed', 'interrupted'])
    assert world.counted() == SPOT_COUNTS
    assert world.counted('failure_type:client_error') == {'jobs.finished': 1}
    assert world.titles == ['spot created', 'spot interrupted', 'spot failed']
    assert [event['timestamp'] - int(NOW.timestamp()) for event in world.events] == [120, 600, 1200]


def test_what_was_there_at_the_first_poll_counts_from_then_on(world: World) -> None:
    spot = [transition('Interrupted', ago(minutes=30)), transition('Interrupted', later(minutes=1))]
    world.aws.put(answer('open', SecondaryStatusTransitions=spot[:1]))
    world.aws.put(ended('over', at=ago(minutes=1), **FAILED, WarmPoolStatus={'Status': 'Available'}))
    check = world.check()
    world.poll(check)
    assert set(world.resources()) == {'open', 'over'}
    assert (world.counted(), world.titles) == ({}, [])
    pool = {'Status': 'Terminated', 'ResourceRetainedBillableTimeInSeconds': 60}
    world.aws.put(ended('over', at=ago(minutes=1), **FAILED, WarmPoolStatus=pool))
    world.aws.put(ended('open', status='Failed', at=later(minutes=2), SecondaryStatusTransitions=spot, **FAILED))
    world.poll(check, after=180)
    assert world.counted() == {
        'jobs.interrupted': 1,
        'jobs.finished': 1,
        'usage.training_time': 1200,
        'usage.billable_time': 400,
        'usage.saved_time': 800,
    }
    assert world.titles == ['open interrupted', 'open failed']


def test_what_ended_while_the_agent_was_down_is_counted_at_the_next_start(world: World) -> None:
    for name in ('a', 'b', 'c'):
        world.aws.put(answer(name))
    world.poll(world.check())
    world.aws.put(ended('a', status='Failed', at=later(hours=1), **FAILED))
    world.aws.put(ended('b', status='Stopped', at=later(hours=2)))
    world.aws.put(ended('short', CreationTime=later(hours=3), at=later(hours=4)))
    world.poll(world.check(), after=5 * 24 * 3600)
    assert world.counted('failure_type:capacity_error') == {'jobs.finished': 1}
    assert world.counted('training_job_status:stopped') == {'jobs.finished': 1}
    assert world.counted('job_family:short') == {'jobs.created': 1, 'jobs.finished': 1}
    assert sorted(world.titles) == ['a failed', 'b stopped']


def test_a_warm_pool_counts_when_aws_reports_it(world: World) -> None:
    world.poll(world.check())
    world.aws.put(ended(CreationTime=later(minutes=1), at=later(minutes=2), WarmPoolStatus={'Status': 'Available'}))
    world.poll(world.check(), after=300)
    for status, seconds in (('Available', None), ('Reused', None), ('Reused', 18_000)):
        pool = {'Status': status} | ({'ResourceRetainedBillableTimeInSeconds': seconds} if seconds else {})
        world.aws.put(ended(CreationTime=later(minutes=1), at=later(minutes=2), WarmPoolStatus=pool))
        world.poll(world.check(), after=6000)
    assert world.counted()['usage.warm_pool_time'] == 2 * 18_000


@pytest.mark.parametrize(
    'options',
    [
        {'tags': ['team:new']},
        {'min_collection_interval': 300},
        {'regions': ['eu-west-1', REGION]},
        {'sensitive_patterns': ['x']},
        {'name_include': []},
        {'collect_events': False},
    ],
)
def test_other_options_replay_nothing_and_lose_nothing(world: World, options: dict[str, Any]) -> None:
    world.aws.put(answer('known'))
    world.poll(world.check())
    world.aws.put(answer('new', CreationTime=later(seconds=30)), {'team': 'nlp'})
    world.poll(world.check(), after=60)
    world.aws.put(ended('known', at=later(minutes=2)))
    world.poll(world.check(**options), after=120)
    assert world.counted() == {'jobs.created': 1, 'jobs.finished': 1}


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ({}, {'name_include': ['job']}),
        ({'name_include': ['^j']}, {'name_exclude': ['^j']}),
        ({}, {'aws_access_key_id': 'other'}),
        ({}, {'assume_role_arn': f'arn:aws:iam::{ACCOUNT}:role/r'}),
        ({'aws_profile': 'a'}, {'aws_profile': 'b'}),
        ({}, {'endpoint_url': 'http://elsewhere'}),
    ],
)
def test_other_jobs_have_a_state_of_their_own(world: World, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert world.check(**one).persistent_cache_id() != world.check(**other).persistent_cache_id()


def test_behind_a_role_it_does_not_matter_who_assumes_it(world: World) -> None:
    role = {'assume_role_arn': f'arn:aws:iam::{ACCOUNT}:role/r'}
    one = world.check(**role, assume_role_external_id='a')
    other = world.check(**role, assume_role_session_name='b', aws_access_key_id='rotated', aws_secret_access_key='x')
    assert one.persistent_cache_id() == other.persistent_cache_id()


def test_no_secret_is_in_the_state(world: World) -> None:
    world.poll(world.check(aws_secret_access_key='wJalrXUtnFEMI', aws_session_token='IQoJb3JpZ2lu'))
    world.aws.put(answer(HyperParameters={'password': 'hunter2'}, FailureReason='password=hunter2'))
    world.poll(world.check(collect_transition_logs=True), after=60)
    state = repr(world.agent._cache)
    assert 'training-job' in state
    assert not any(secret in state for secret in ('wJalrXUtnFEMI', 'IQoJb3JpZ2lu', 'hunter2'))


def test_a_crash_before_the_state_is_written_repeats_one_poll_and_loses_nothing(world: World) -> None:
    world.aws.add([SPOT_JOB])
    world.poll(world.check(collect_transition_logs=True))
    before = dict(world.agent._cache)
    world.poll(world.check(collect_transition_logs=True), after=15 * 60)
    assert world.counted() == {'jobs.created': 1, 'jobs.interrupted': 1}
    cursors = {key: text for key, text in world.agent._cache.items() if 'log_cursor' in key}
    world.agent._cache = before | cursors
    for minutes in (1, 60):
        world.poll(world.check(collect_transition_logs=True), after=60 * minutes)
    repeated = {'jobs.created': 1, 'jobs.interrupted': 1}
    assert world.counted() == {name: count + repeated.get(name, 0) for name, count in SPOT_COUNTS.items()}
    statuses = [log['secondary_status'] for log in world.logs]
    assert statuses == ['starting', 'training', 'interrupted', 'starting', 'training', 'failed'], (
        'each carries a cursor'
    )


def test_what_could_not_be_submitted_is_still_owed_and_holds_up_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.poll(world.check())
    tags = {'team': 'nlp'}
    world.aws.put(ended(status='Failed', CreationTime=later(seconds=2), at=later(seconds=3), **FAILED), tags)
    world.aws.put(answer('other', CreationTime=later(seconds=2), LastModifiedTime=later(seconds=3)), tags)
    check = world.check()
    with monkeypatch.context() as broken:
        broken.setattr(check, 'event', lambda event: {}['password=hunter2'])
        world.poll(check, after=60)
    assert world.counted() == {'jobs.created': 2}
    assert world.values('jobs.open') == [1]
    assert 'Job job: not counted yet, for an error: KeyError' in caplog.text
    assert 'hunter2' not in caplog.text
    world.poll(world.check(), after=60)
    assert world.titles == ['job failed']
    assert world.counted() == {'jobs.created': 2, 'jobs.finished': 1} | FAILED_USAGE


def test_a_job_that_was_seen_open_counts_although_aws_dates_its_end_before_the_first_poll(world: World) -> None:
    world.aws.put(answer('open'))
    check = world.check()
    world.poll(check)
    world.aws.put(ended('open', status='Failed', at=ago(seconds=20), LastModifiedTime=later(seconds=30), **FAILED))
    world.poll(check, after=60)
    assert world.titles == ['open failed']
    assert world.counted() == {'jobs.finished': 1} | FAILED_USAGE


def test_a_job_that_ended_within_the_second_of_the_first_poll_is_history(world: World) -> None:
    world.clock.advance(0.7)
    world.aws.put(ended(status='Failed', at=later(seconds=0.3), **FAILED))
    check = world.check()
    world.poll(check)
    world.poll(check, after=60)
    assert (world.counted(), world.titles) == ({}, [])


def test_a_warm_pool_that_shows_late_counts_its_job_no_second_time(world: World) -> None:
    check = world.check(job_metrics_hours=0, collect_resource_tags=False)
    world.poll(check)
    over = {'at': later(minutes=1), 'CreationTime': later(seconds=1), 'TrainingTimeInSeconds': 50}
    world.aws.put(ended(**over))
    world.poll(check, after=120)
    world.poll(check, after=120)
    world.aws.put(ended(**over, WarmPoolStatus={'Status': 'Available'}))
    world.poll(check, after=60)
    assert world.counted() == {
        'jobs.created': 1,
        'jobs.finished': 1,
        'usage.training_time': 100,
        'usage.warm_pool_time': 2 * 4 * 60,
    }


def test_tags_that_aws_tells_late_are_on_what_the_job_used(world: World) -> None:
    check = world.check()
    world.poll(check)
    new = {'CreationTime': later(seconds=2)}
    world.aws.put(answer(**new, LastModifiedTime=later(seconds=3)))
    for minutes in (1, 6):  # the patience ends in between
        assert world.counted() == {}
        world.poll(check, after=60 * minutes)
    assert world.counted() == {'jobs.created': 1}
    world.aws.put(ended(status='Failed', at=later(minutes=9), **new, **FAILED), {'team': 'nlp'})
    world.poll(check, after=600)
    assert world.counted('team:nlp') == {'jobs.finished': 1} | FAILED_USAGE
    assert 'team:nlp' in world.events[0]['tags']
    assert world.resources()['job']['tags'] == ['team:nlp']


def test_a_listing_that_breaks_off_by_any_error_goes_on_with_the_next_poll(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = world.check(collect_resource_tags=False)
    world.poll(check)
    for number in range(250):
        world.aws.put(answer(f'job-{number}', CreationTime=later(seconds=2 + number)))
    pages = Region.list_training_jobs

    def broken(*arguments: Any, **bounds: Any) -> Iterator[Page]:
        yield next(pages(*arguments, **bounds))
        raise ArithmeticError

    with monkeypatch.context() as patched:
        patched.setattr(Region, 'list_training_jobs', broken)
        world.clock.advance(300)
        assert 'ArithmeticError' in check.run()
    for _ in range(3):
        world.poll(check, after=60)
    assert world.counted() == {'jobs.created': 250}


def test_transitions_are_logged_once_and_only_those_since_the_first_poll(world: World) -> None:
    secret = {'StatusMessage': 'Downloading with password=hunter2'}
    script = [
        transition('Starting', ago(minutes=50), ago(minutes=40)),
        transition('Training', later(minutes=1), later(minutes=3)) | secret,
        transition('Completed', later(minutes=3), later(minutes=3)),
    ]
    tags = {'team': 'nlp', 'data': 'de,fr'}
    world.aws.put(answer(SecondaryStatusTransitions=script[:1]), tags)
    world.poll(world.check(collect_transition_logs=True))
    world.aws.put(ended(at=later(minutes=3), SecondaryStatusTransitions=script), tags)
    for _ in range(3):
        world.poll(world.check(collect_transition_logs=True), after=300)
    assert [(log['secondary_status'], log['timestamp'] - NOW.timestamp() * 1000) for log in world.logs] == [
        ('training', 60_000),
        ('completed', 180_000),
    ]
    first = world.logs[0]
    assert first['message'] == 'Downloading with password=<redacted>'
    log_tags = first['ddtags'].split(',')
    assert {'team:nlp', 'data:de_fr', f'aws_account:{ACCOUNT}', 'training_job_name:job'} <= set(log_tags)
    assert all(':' in tag for tag in log_tags)
    assert first['previous_duration'] == 600


def test_transition_logs_that_are_switched_on_later_begin_then(world: World) -> None:
    world.aws.add([SPOT_JOB])
    world.poll(world.check())
    world.poll(world.check(), after=11 * 60)
    assert world.logs == []
    world.poll(world.check(collect_transition_logs=True), after=2 * 60)
    assert [log['secondary_status'] for log in world.logs] == ['starting']


def test_counts_wait_for_tags_but_not_for_long(world: World) -> None:
    world.poll(world.check())
    world.aws.put(answer(CreationTime=later(seconds=1)), {'team': 'nlp'})
    check = world.check()
    with world.aws.fail('ThrottledException', 'Rate exceeded', operation='GetResources'):
        world.poll(check, after=60)
        assert world.counted() == {}
    world.poll(check, after=60)
    assert world.counted('team:nlp') == {'jobs.created': 1}
    world.aws.put(answer('other', CreationTime=later(seconds=130)), {'team': 'nlp'})
    with world.aws.fail('ThrottledException', 'Rate exceeded', operation='GetResources'):
        for _ in range(6):
            world.poll(check, after=60)
    assert world.counted() == {'jobs.created': 2}
    assert world.counted('team:nlp') == {'jobs.created': 1}


@pytest.mark.parametrize('wrong', [-3, -0.5, 0, 3])
def test_counts_wait_for_tags_that_aws_tells_late_also_by_a_wrong_clock(world: World, wrong: float) -> None:
    clock = WrongClock(NOW)
    clock.wrong = wrong
    with SimulatedAws(clock) as aws:
        aws.skew = -timedelta(minutes=wrong)
        world = replace(world, aws=aws, clock=clock)
        world.poll(check := world.check())
        job = answer(CreationTime=later(seconds=55))
        aws.put(job)
        world.poll(check, after=60)
        aws.put(job, {'team': 'nlp'})
        world.poll(check, after=60)
        assert world.counted('team:nlp') == world.counted() == {'jobs.created': 1}


def test_a_job_that_may_not_be_described_is_counted_as_it_is_listed(world: World) -> None:
    world.poll(world.check())
    world.aws.fail('AccessDeniedException', 'not authorized', operation='DescribeTrainingJob')
    world.aws.put(ended('daily-1', status='Failed', CreationTime=later(seconds=1), at=later(seconds=9), **FAILED))
    for _ in range(3):
        world.poll(world.check(), after=60)
    assert world.counted('job_family:daily-1') == {'jobs.created': 1, 'jobs.finished': 1}
    assert world.counted('failure_type:other') == {}, 'it is not known'
    assert world.titles == ['daily-1 failed']


def test_a_restart_sends_no_resource_again_and_describes_each_job_once(world: World) -> None:
    for number in range(5):
        world.aws.put(answer(f'job-{number}'), {'team': 'nlp'})
    world.poll(world.check())
    check = world.check()
    calls = world.poll(check, after=60)
    assert sorted(calls) == ['DescribeTrainingJob'] * 5 + ['GetResources', 'ListTrainingJobs']
    assert world.resources() == {}
    assert len(world.values('job.elapsed_time')) == 5
    assert world.poll(check, after=60) == ['ListTrainingJobs']


def test_an_instance_that_moves_to_another_agent_and_back_counts_nothing_twice(world: World) -> None:
    """Each Agent has a cache of its own; what happens in a move may be missed, as at each first start."""
    world.aws.add([SPOT_JOB, scripted('other', ('Starting', 1), ('Training', 2), ('Completed', 56))])
    caches: dict[str, dict[str, str]] = {'here': {}, 'there': {}}
    for agent, minutes in (('here', (0, 3)), ('there', (5, 15)), ('here', (30, 60, 61))):
        world.agent._cache = caches[agent]
        check = world.check()
        for minute in minutes:
            world.clock.advance_to(later(minutes=minute))
            world.poll(check)
        check.cancel()
    # The spot job failed on the way back. Of the other one, there is what each Agent has seen from its first poll on.
    seen = 2 * ((3 - 2) + (15 - 5) + (56 - 30)) * 60
    assert world.counted() == {
        'jobs.created': 2,
        'jobs.interrupted': 1,
        'jobs.finished': 1,
        'usage.training_time': seen - 2 * 2,  # a first start counts from the next second on
        'usage.billable_time': seen - 2 * 2,
    }
    assert world.titles == ['spot interrupted']


@pytest.mark.parametrize('is_cancelled', [False, True], ids=['killed', 'taken off the schedule'])
@pytest.mark.parametrize(('seconds', 'is_first_start'), [(60, False), (61, True)])
def test_only_an_instance_that_was_off_the_schedule_for_long_starts_anew(
    is_cancelled: bool, seconds: int, is_first_start: bool, world: World
) -> None:
    world.aws.put(answer('open'))
    check = world.check()
    world.poll(check)
    world.aws.put(ended('open', status='Failed', at=later(seconds=10), **FAILED))
    if is_cancelled:
        check.cancel()
    world.clock.advance(seconds)
    world.poll(world.check())
    assert world.titles == ([] if is_cancelled and is_first_start else ['open failed'])


def test_an_instance_that_is_back_at_once_goes_on_however_late_its_first_poll_is(world: World) -> None:
    world.aws.put(answer('open'))
    former = world.check()
    world.poll(former)
    former.cancel()
    successor = world.check()
    world.aws.put(ended('open', status='Failed', at=later(minutes=1), **FAILED))
    world.poll(successor, after=3600)
    assert world.titles == ['open failed']


def test_a_late_cancellation_leaves_the_successors_state_alone(world: World) -> None:
    """The Agent waits for cancel() for half a second only, and then goes on."""
    world.aws.put(answer('open'))
    former = world.check()
    world.poll(former)
    successor = world.check(tags=['site:b'])
    world.aws.put(answer('new', CreationTime=later(seconds=30), LastModifiedTime=later(seconds=40)), {'team': 'nlp'})
    world.poll(successor, after=60)
    former.cancel()
    world.poll(successor, after=60)
    world.poll(world.check(), after=60)
    assert world.counted() == {'jobs.created': 1}
