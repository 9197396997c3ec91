# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Which calls a poll makes, how many, and in what order."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tools.aws.clock import SimulatedClock
from tools.aws.scenario import REGIONS, quiet_history

from .builders import FIGURES, NOW, REGION, ago, answer, ended
from .world import World

RARELY = {'open_job_refresh_seconds': 604_800, 'resource_refresh_seconds': 2_592_000}


def test_a_long_history_costs_a_quiet_poll_one_call_and_a_first_start_no_burst(world: World) -> None:
    ages = [timedelta(minutes=7 * number) for number in range(1, 61)]
    world.aws.add(quiet_history(NOW, finished=20_000, open_=ages))
    check = world.check(list_requests_per_second=2, history_hours=1)
    polls = [world.poll(check)]
    assert sum(world.values('jobs.open')) == 60, 'the open jobs are there from the first poll on'
    while check._followed[REGION].ledger.stretches:
        polls.append(world.poll(check, after=15))
        assert len(polls) < 20
    times = world.list_times
    assert 200 <= len(times) <= 210
    assert all(third - first >= 1 for first, third in zip(times, times[2:], strict=False)), 'over 2 a second'
    assert max(len(calls) for calls in polls[1:]) <= 130
    costs = []
    for _ in range(10):
        costs.append(len(world.poll(check, after=60)))
        assert sum(world.values('jobs.open')) == 60
    assert 10 + 2 * 60 <= sum(costs) <= 10 + 2 * 60 + 9, 'the open jobs every five minutes, the others hourly'
    assert max(costs) <= 1 + 2 * 60 / 5, 'and not all at once'


def test_an_old_job_among_younger_finished_ones_is_found_and_costs_a_call_at_most(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=5_000, open_=[timedelta(weeks=3)], days=20))
    check = world.check(list_requests_per_second=2, history_hours=0, min_collection_interval=120)
    world.poll(check)
    assert world.values('jobs.open') == [1]
    for _ in range(10):
        calls = Counter(world.poll(check, after=60))
        assert calls['ListTrainingJobs'] == 1
        assert calls.total() <= 2
        assert world.values('jobs.open') == [1]


def test_many_jobs_of_one_moment_do_not_hold_up_the_listing_for_long(world: World) -> None:
    world.aws.put(answer('older', CreationTime=ago(days=1)))
    for number in range(450):
        world.aws.put(ended(f'sweep-{number}', at=ago(hours=1), CreationTime=ago(hours=2)))
    check = world.check(history_hours=0, min_collection_interval=5, list_requests_per_second=1)
    listed = [Counter(world.poll(check, after=55))['ListTrainingJobs'] for _ in range(7)]
    assert listed[0] == 3, 'what 40 % of 5 seconds allow at one call a second'
    assert sum(listed) <= 19
    assert listed[-2:] == [1, 1]
    assert world.values('jobs.open') == [1]


def test_only_what_changed_is_described(world: World) -> None:
    for number in range(50):
        world.aws.put(answer(f'job-{number}'))
    check = world.check(**RARELY)
    assert Counter(world.poll(check)) == {'ListTrainingJobs': 1, 'DescribeTrainingJob': 50, 'GetResources': 1}
    assert world.poll(check, after=60) == ['ListTrainingJobs']
    for number in range(3):
        world.aws.put(ended(f'job-{number}', **FIGURES))
    world.aws.put(answer('new', CreationTime=NOW), {'team': 'nlp'})
    assert Counter(world.poll(check, after=60)) == {'ListTrainingJobs': 1, 'DescribeTrainingJob': 4, 'GetResources': 1}
    assert world.poll(check, after=60) == ['ListTrainingJobs']


@pytest.mark.parametrize(('open_jobs', 'pages'), [(0, 1), (1, 1), (100, 1), (102, 2), (250, 3)])
@pytest.mark.parametrize(('changed', 'new'), [(0, 0), (1, 0), (0, 1), (40, 60), (40, 150)])
def test_a_poll_stays_within_its_budget_of_calls(
    world: World, open_jobs: int, pages: int, changed: int, new: int
) -> None:
    changed = min(changed, open_jobs)
    names = [f'job-{number:03}' for number in range(open_jobs)]
    for number, name in enumerate(names):
        world.aws.put(answer(name, CreationTime=ago(seconds=number)), {'team': 'nlp'})
    # A page is worth as much as one Describe here, so each with two open jobs is listed.
    rates = {'describe_requests_per_second': 2, 'list_requests_per_second': 2}
    check = world.check(**rates, **RARELY, min_collection_interval=86_400)
    for _ in range(2):
        world.poll(check, after=60)
    for name in names[:changed]:
        world.aws.put(ended(name, CreationTime=ago(seconds=names.index(name))), {'team': 'nlp'})
    for number in range(new):
        world.aws.put(answer(f'new-{number}', CreationTime=world.clock.now + timedelta(seconds=1)), {'team': 'nlp'})
    calls = Counter(world.poll(check, after=50))
    assert calls['ListTrainingJobs'] <= max(pages, 1 + new // 100)
    assert calls['DescribeTrainingJob'] == changed + new
    assert calls['GetResources'] <= -(-(changed + new) // 100)
    assert calls.total() == sum(calls[name] for name in ('ListTrainingJobs', 'DescribeTrainingJob', 'GetResources'))


def test_what_does_not_fit_into_a_poll_goes_on_in_the_next_with_open_jobs_first(world: World) -> None:
    world.aws.add(
        quiet_history(NOW, finished=600, open_=[timedelta(hours=1 + number) for number in range(40)], days=0.9)
    )
    check = world.check(describe_requests_per_second=5)
    described = Counter(world.poll(check))['DescribeTrainingJob']
    assert 200 <= described <= 250, '48 of 60 seconds, less the listing, at 5 a second'
    assert len(world.values('job.instances', 'training_job_status:in_progress')) == 40
    assert world.values('poll.pending_jobs') == [640 - described]
    world.poll(check, after=12)
    assert world.values('poll.lag') == [pytest.approx(60, abs=6)]
    for _ in range(3):
        world.poll(check, after=12)
    assert world.values('poll.lag') == [0]
    assert sum(call.operation == 'DescribeTrainingJob' for call in world.aws.calls) <= 640 + 40


class UnhurriedClock(SimulatedClock):
    """Gives other threads the time to get in line behind the one that sleeps."""

    def sleep(self, seconds: float) -> None:
        time.sleep(0.01)
        super().sleep(seconds)


@pytest.mark.parametrize(
    'options',
    [
        {'regions': list(REGIONS), 'max_concurrency': 1},
        {'regions': list(REGIONS), 'max_concurrency': 2},
        {'describe_requests_per_second': 1, 'max_concurrency': 64},
    ],
)
def test_a_poll_ends_before_the_next_one_is_due(world: World, options: dict[str, Any]) -> None:
    world = replace(world, clock=UnhurriedClock(NOW))
    for region in REGIONS:
        world.aws.add(quiet_history(NOW, finished=600, open_=[timedelta(hours=1)], days=0.9, region=region))
    world.poll(world.check(**options))
    assert 48 <= (world.clock.now - NOW).total_seconds() <= 54 + 5
    assert sum(world.values('poll.pending_jobs')) > 0


def test_no_region_is_always_the_last(world: World) -> None:
    check = world.check(regions=list(REGIONS), max_concurrency=1)
    order = []
    for _ in range(len(REGIONS)):
        before = len(world.aws.calls)
        world.poll(check, after=60)
        order.append([call.region for call in world.aws.calls[before:] if call.operation == 'ListTrainingJobs'])
    assert order == [[*REGIONS[turn:], *REGIONS[:turn]] for turn in range(len(REGIONS))]
