# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Who is described and sent when there is much to do, or AWS refuses some of it: whole polls, over simulated hours."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from datadog_checks.sagemaker_training.aws import Region
from tools.aws.scenario import quiet_history

from .builders import FIGURES, NOW, ago, answer, ended
from .world import World

REGIONS = ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'eu-west-1', 'eu-west-2', 'eu-central-1', 'ap-south-1']
TAGS = {'team': 'nlp'}


@contextmanager
def sent_times(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """When each resource was handed to the Agent, by the simulated clock."""
    times: list[float] = []
    submit = world.aggregator.submit_event_platform_event

    def submit_and_note(check: Any, check_id: str, raw: bytes, event_type: str) -> None:
        times.append(world.clock.monotonic())
        submit(check, check_id, raw, event_type)

    with monkeypatch.context() as patch:
        patch.setattr(world.aggregator, 'submit_event_platform_event', submit_and_note)
        yield times


def described(world: World, before: int = 0) -> list[str]:
    calls = [call for call in world.aws.calls[before:] if call.operation == 'DescribeTrainingJob']
    return [call.subject for call in calls if call.outcome == 'ok']


def test_a_burst_of_resources_is_paced_and_none_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for region in REGIONS:
        for number in range(120):
            world.aws.put(answer(f'job-{number}', region=region, CreationTime=ago(hours=2)))
    rarely = {'open_job_refresh_seconds': 604_800, 'resource_refresh_seconds': 2_592_000}
    # One thread: another that waits would move the clock they share on between a resource's turn and its sending.
    check = world.check(regions=REGIONS, collect_resource_tags=False, max_concurrency=1, **rarely)
    waiting = []
    with sent_times(world, monkeypatch) as times:
        for _ in range(4):
            world.poll(check, after=60)
            waiting.append(sum(world.values('poll.pending_resources')))
    assert len(times) == 8 * 120
    assert all(later - first > 0.999 for first, later in zip(times, times[50:], strict=False)), 'over 50 a second'
    assert waiting[-1] == 0
    assert len(described(world)) <= 8 * 120 + 5, 'once, but for a few whose turn has come'


def test_what_does_not_fit_goes_on_with_the_next_poll_and_changes_come_first(world: World) -> None:
    names = [f'job-{number:03}' for number in range(300)]
    for name in names:
        world.aws.put(answer(name, CreationTime=ago(hours=2)))
    options = {'collect_resource_tags': False, 'describe_requests_per_second': 1000, 'min_collection_interval': 5}
    check = world.check(**options, resource_refresh_seconds=3600, open_job_refresh_seconds=3600)
    sent, waiting = [], []
    for _ in range(5):
        world.poll(check, after=5)
        sent.append(len(world.resources()))
        waiting += world.values('poll.pending_resources')
    assert 200 <= sent[0] <= 250
    assert (sent[0] + waiting[0], waiting[-1]) == (300, 0)
    assert 300 <= sum(sent) <= 310, 'a few are refreshed in between'
    world.clock.advance(7200)  # all are to be refreshed, and one has changed
    world.aws.put(answer(names[-1], CreationTime=ago(hours=2), SecondaryStatus='Uploading'))
    world.poll(check)
    assert next(iter(world.resources())) == names[-1]


def test_calls_that_are_refused_now_and_then_cost_little_more_than_themselves(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=0, open_=[timedelta(hours=1 + number / 60) for number in range(800)]))
    check = world.check(collect_resource_tags=False, collect_resources=False)
    world.aws.fail('ThrottlingException', 'Rate exceeded', operation='DescribeTrainingJob', one_in=25)
    world.poll(check)
    assert len(set(described(world))) >= 0.9 * 10 * (48 - 8), 'the rest of the 8 pages take as many seconds'
    world.aggregator.assert_metric_has_tag('sagemaker_training.api.requests', 'outcome:throttled')


def test_where_aws_refuses_in_a_row_it_is_left_alone(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=0, open_=[timedelta(hours=1 + number / 60) for number in range(99)]))
    with world.aws.fail('ThrottlingException', 'Rate exceeded', operation='DescribeTrainingJob'):
        calls = Counter(world.poll(world.check()))
    assert 5 <= calls['DescribeTrainingJob'] <= 5 + 8, 'those that were under way'


def test_a_poll_ends_within_its_interval_however_often_aws_refuses_to_list(world: World) -> None:
    check = world.check(min_collection_interval=15, boto_config={'retries': {'total_max_attempts': 2}})
    durations = []
    with world.aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs'):
        for _ in range(12):
            before = world.clock.monotonic()
            check.run()
            durations.append(world.clock.monotonic() - before)
            world.clock.advance(max(0.0, 15 - durations[-1]))
    assert max(durations) < 15


def test_a_busy_region_may_use_what_idle_ones_do_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.aws.add(quiet_history(NOW, finished=0, open_=[timedelta(hours=1 + number) for number in range(8)]))
    meeting = Barrier(8)
    describe = Region.describe_training_job

    def describe_together(region: Region, name: str) -> dict[str, Any]:
        try:
            meeting.wait(20)
        except BrokenBarrierError:
            pytest.fail('eight calls are not under way at the same time')
        return describe(region, name)

    monkeypatch.setattr(Region, 'describe_training_job', describe_together)
    world.poll(world.check(regions=REGIONS, max_concurrency=8))
    assert len(described(world)) == 8


def test_refreshes_are_spread_also_after_a_restart(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=0, open_=[timedelta(hours=1 + number / 60) for number in range(90)]))
    options = {'collect_resource_tags': False}
    for _ in range(2):
        check = world.check(**options)
        world.poll(check, after=60)
        counts = []
        for _ in range(10):
            before = len(world.aws.calls)
            world.poll(check, after=60)
            counts.append(len(described(world, before)))
        assert 2 * 90 <= sum(counts) <= 2.2 * 90
        assert max(counts) <= 2 * 90 / 5


def test_a_change_that_could_not_be_described_is_soon_tried_again_whatever_else_is_due(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=0, open_=[timedelta(hours=1 + number / 60) for number in range(300)]))
    options = {'collect_resource_tags': False, 'collect_resources': False, 'open_job_refresh_seconds': 60}
    check = world.check(**options, describe_requests_per_second=2)
    for _ in range(4):
        world.poll(check, after=60)
    world.aws.put(ended('ended', CreationTime=world.clock.now, at=world.clock.now + timedelta(seconds=1), **FIGURES))
    fault = world.aws.fail('InternalFailure', status=500, operation='DescribeTrainingJob', name='ended')
    world.poll(check, after=60)
    fault.remove()
    for _ in range(2):
        world.poll(check, after=60)
    assert world.counted()['jobs.finished'] == 1, 'although 300 refreshes are due at each poll, of which it makes 90'


def test_newest_jobs_that_ended_are_let_go(world: World) -> None:
    for number in range(300):
        at = ago(minutes=10) + timedelta(seconds=number / 6)
        world.aws.put(ended(f'job-{number}', CreationTime=at, at=at + timedelta(minutes=1), **FIGURES))
    check = world.check(collect_resource_tags=False, open_job_refresh_seconds=300)
    sent = 0
    for _ in range(6 * 8):
        world.poll(check, after=600)
        sent += len(world.resources())
    assert len(described(world)) <= 300 * 3, 'once, and while they are followed once an hour'
    assert sent <= 300 * 3
    assert world.poll(check, after=60) == ['ListTrainingJobs']
    assert world.counted() == {}


def test_figures_that_move_are_no_reason_to_send_a_resource(world: World) -> None:
    check = world.check(collect_resource_tags=False, open_job_refresh_seconds=60)
    sent = []
    for minute in range(60):
        progress = {'CurrentStep': minute, 'CurrentEpoch': 1, 'MaxEpoch': 2, 'TotalStepCountPerEpoch': 100}
        metric = {'MetricName': 'loss', 'Value': 1 / (minute + 1), 'Timestamp': world.clock.now}
        moved = {'ProgressInfo': progress, 'FinalMetricDataList': [metric], 'LastModifiedTime': world.clock.now}
        world.aws.put(answer(**moved, SecondaryStatus='Uploading' if minute >= 30 else 'Training'))
        world.poll(check, after=60)
        if world.resources():
            sent.append((minute, world.resources()['job']['secondary_status']))
    assert len(sent) <= 3
    assert (sent[0], (30, 'Uploading') in sent) == ((0, 'Training'), True)


def test_a_pool_that_is_not_found_although_it_is_listed_counts_once(world: World) -> None:
    check = world.check(collect_resource_tags=False)
    world.poll(check)
    pool = {'WarmPoolStatus': {'Status': 'Available'}}
    at = NOW + timedelta(seconds=30)
    world.aws.put(ended(CreationTime=NOW + timedelta(seconds=1), at=at, **FIGURES, **pool))
    world.poll(check, after=60)
    with world.aws.fail('ValidationException', 'Requested resource not found.', operation='DescribeTrainingJob'):
        for _ in range(20):
            world.poll(check, after=60)
    world.poll(check, after=300)
    kept = 2 * int((world.clock.now - at).total_seconds())
    assert world.counted() == {'jobs.created': 1, 'jobs.finished': 1, 'usage.warm_pool_time': kept} | dict.fromkeys(
        ('usage.training_time', 'usage.billable_time'), 2 * 2880
    )


@pytest.mark.parametrize('fields', [{}, {'CreationTime': ago(days=3)}], ids=['listed', 'beyond the pages'])
def test_one_wrong_not_found_changes_nothing(world: World, fields: dict[str, Any]) -> None:
    world.aws.add(quiet_history(NOW, finished=250))
    world.aws.put(answer(**fields), TAGS)
    check = world.check(open_job_refresh_seconds=60)
    world.poll(check)
    not_found = ('ValidationException', 'Requested resource not found.')
    for _ in range(5):
        with world.aws.fail(*not_found, operation='DescribeTrainingJob', name='job', times=1):
            world.poll(check, after=60)
        assert world.values('jobs.open', 'job_family:job') == [1]
        world.poll(check, after=60)
        assert world.values('jobs.open', 'job_family:job') == [1]
    world.aws.put(ended('job', at=world.clock.now, **FIGURES | fields), TAGS)
    for _ in range(3):
        world.poll(check, after=60)
    assert world.counted('job_family:job')['jobs.finished'] == 1


def test_figures_that_aws_fills_in_late_are_counted(world: World) -> None:
    check = world.check(job_metrics_hours=0, collect_resource_tags=False, collect_resources=False)
    world.poll(check)
    over: dict[str, Any] = {'CreationTime': NOW + timedelta(seconds=1), 'at': NOW + timedelta(seconds=40)}
    world.aws.put(ended(**over))
    for minute in range(1, 40):
        if minute == 9:
            world.aws.put(ended(**over, **FIGURES))  # in the summary, nothing moves
        world.poll(check, after=60)
    assert world.counted()['usage.billable_time'] == 2 * 2880
    assert len(described(world)) <= 6


@pytest.mark.parametrize(('seconds', 'tagged'), [(30, 1), (120, 1), (100_000, 0)])
def test_counts_of_a_young_job_wait_for_tags_that_come_late(world: World, seconds: int, tagged: int) -> None:
    check = world.check(event_on=['created'])
    world.poll(check)
    world.aws.put(answer(CreationTime=NOW + timedelta(seconds=50)))
    for second in range(60, 900, 60):
        if second >= 60 + seconds:
            world.aws.put(answer(CreationTime=NOW + timedelta(seconds=50)), TAGS)
        world.poll(check, after=60)
    assert world.counted() == {'jobs.created': 1}
    assert world.counted('team:nlp') == ({'jobs.created': 1} if tagged else {})
    assert sum('team:nlp' in event['tags'] for event in world.events) == tagged
    assert world.poll(check, after=1) == ['ListTrainingJobs'], 'nobody waits for ever'


def test_a_job_that_the_listing_shows_minutes_late_is_counted_once(world: World) -> None:
    check = world.check(collect_resource_tags=False)
    world.poll(check)
    for minute in range(1, 12):
        if minute == 1:
            world.aws.put(answer('newest', CreationTime=NOW + timedelta(seconds=50)))
        if minute == 5:
            early = {'CreationTime': NOW + timedelta(seconds=20), 'at': NOW + timedelta(seconds=100)}
            world.aws.put(ended('late', **early, **FIGURES))
        world.poll(check, after=60)
    assert world.counted('job_family:late')['jobs.created'] == 1
    assert world.counted('job_family:late')['jobs.finished'] == 1


def test_random_weather_of_a_day_loses_and_repeats_nothing(world: World) -> None:
    """Describes that are throttled, fail, or do not find the job, at random."""
    rng = random.Random(2026)
    check = world.check(job_metrics_hours=0, collect_resources=False)
    world.poll(check)
    jobs = 0
    faults = []
    for minute in range(220):
        if minute == 200:
            for fault in faults:
                fault.remove()
        for code in ('ThrottlingException', 'InternalFailure', 'ValidationException'):
            if minute < 200 and rng.random() < 0.3:
                message = 'Requested resource not found.' if code == 'ValidationException' else 'Simulated.'
                times = rng.randint(1, 3)
                faults.append(world.aws.fail(code, message, operation='DescribeTrainingJob', times=times))
        if minute < 180 and rng.random() < 0.5:
            created = world.clock.now + timedelta(seconds=rng.randint(1, 59))
            at = created + timedelta(seconds=rng.randint(1, 300))
            world.aws.put(ended(f'job-{jobs}', CreationTime=created, at=at, **FIGURES), TAGS)
            jobs += 1
        world.poll(check, after=60)
    assert world.counted()['jobs.created'] == jobs
    assert world.counted()['jobs.finished'] == jobs
    assert world.counted()['usage.billable_time'] == jobs * 2 * 2880
