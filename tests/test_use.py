# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What jobs use, counted as they use it, and what that costs: whole polls against the scripts of the jobs."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.listing import BOUNDARY
from tools.aws.fleet import Job, Step, WarmPool

from .builders import ACCOUNT, NOW, REGION, ago, answer, transition
from .world import World

# None for ml.c5.xlarge.
PRICES = {'ml.p5.48xlarge': 63.296, 'ml.g5.xlarge': 1.408, 'ml.m5.large': 0.115}
LATER_PRICES = PRICES | {'ml.p5.48xlarge': 55.5, 'ml.g5.xlarge': 2.0}
CHANGED_IN_POLL, POLLS, EVERY = 350, 720, timedelta(minutes=61)
GROUPS = [
    {'InstanceGroupName': 'data', 'InstanceType': 'ml.m5.large', 'InstanceCount': 4},
    {'InstanceGroupName': 'train', 'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 2},
]
QUIET = {'collect_resources': False, 'collect_resource_tags': False, 'collect_job_metrics': False}
# So fast that a poll, however much it has to describe, takes less than a second.
FAST = {'describe_requests_per_second': 1000, 'open_job_refresh_seconds': 86_400}
TIMES = ('usage.training_time', 'usage.billable_time', 'usage.saved_time', 'usage.warm_pool_time')


def at(**duration: float) -> datetime:
    return NOW + timedelta(**duration)


def scripted(name: str, instances: Mapping[str, int], *steps: tuple[str, float], **fields: Any) -> Job:
    """A job whose steps begin at these hours. Of two types, it is a heterogeneous cluster."""
    groups = [{'InstanceType': kind, 'InstanceCount': count} for kind, count in instances.items()]
    shape = groups[0] if len(groups) == 1 else {'InstanceGroups': GROUPS}
    plan, spot = fields.pop('plan', {}), {'EnableManagedSpotTraining': True} if 'billed' in fields else {}
    script = tuple(Step(status, NOW + timedelta(seconds=round(3600 * hour, 3))) for status, hour in steps)
    return Job(name, ACCOUNT, REGION, script, {'ResourceConfig': shape | plan} | spot, **fields)


def run(begin: float, end: float, last: str = 'Completed') -> list[tuple[str, float]]:
    return [('Starting', begin), ('Downloading', begin + 0.07), ('Training', begin + 0.2), (last, end)]


P5, G5, M5 = {'ml.p5.48xlarge': 2}, {'ml.g5.xlarge': 3}, {'ml.m5.large': 1}
PLAN = {'TrainingPlanArn': f'arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-plan/reserved'}
MONTH = [
    scripted('weeks', P5, *run(30.0001, 30 + 24 * 21.3)),
    scripted('underway', P5, *run(-200, 100.31)),
    scripted('mixed', {'ml.m5.large': 4, 'ml.g5.xlarge': 2}, *run(330, 400.7777, 'Stopped')),
    scripted('waits', G5, ('Pending', 50), *run(100, 360.123, 'Failed')),
    scripted('in-vain', G5, ('Pending', 60), ('Failed', 90)),
    scripted('short', M5, *run(70.3, 70.9)),
    scripted('unpriced', {'ml.c5.xlarge': 2}, *run(80, 150)),
    scripted('planned', P5, *run(10, 500), plan=PLAN),
    scripted('pool', G5, *run(340, 355), warm_pool=WarmPool(at(hours=359.9))),
    scripted('pool-b', M5, *run(300, 301, 'Failed'), warm_pool=WarmPool(at(hours=303.2), reused_by='short')),
    scripted('spot', G5, *run(20, 200, 'Interrupted'), *run(210, 300), billed=0.31),
    scripted('spot-late', G5, *run(200, 600), billed=0.44),
]


def used(job: Job, now: datetime) -> Counter[str]:
    """Seconds of each instance after the first poll, by now."""
    seconds: Counter[str] = Counter()
    is_spot = 'EnableManagedSpotTraining' in job.fields
    before = int(job.ran(NOW + BOUNDARY)) if job.created < NOW else 0
    if job.end <= now:
        training, billable = job.training_time or 0, job.billable_time or 0
        seconds.update(dict(zip(TIMES, (training - before, billable - before, training - billable), strict=False)))
        if job.warm_pool:
            seconds['usage.warm_pool_time'] = int((min(job.warm_pool.until, now) - job.end).total_seconds())
    elif not is_spot:
        seconds.update(dict.fromkeys(TIMES[:2], int(job.ran(now)) - before))
    return +seconds


def instances(job: Job) -> dict[str, int]:
    config = job.fields['ResourceConfig']
    return {group['InstanceType']: group['InstanceCount'] for group in config.get('InstanceGroups', [config])}


def cost(job: Job, name: str, changed: datetime, end: datetime) -> float | None:
    """What the time of this name costs, by the prices before and after they changed."""
    if 'TrainingPlanArn' in job.fields['ResourceConfig']:
        return 0.0
    first, both = used(job, changed)[name], used(job, end)[name]
    priced = {kind: count for kind, count in instances(job).items() if kind in PRICES}
    hours = sum(n * (first * PRICES[kind] + (both - first) * LATER_PRICES[kind]) for kind, n in priced.items()) / 3600
    return hours if priced else None


def test_a_month_costs_what_the_scripts_say_to_the_cent(world: World) -> None:
    rng = random.Random(2026)
    world.aws.add(MONTH)
    options: dict[str, Any] = QUIET | FAST | {'instance_prices': PRICES}
    check = world.check(**options)
    told: dict[str, Counter[str]] = {job.name: Counter() for job in MONTH}
    days: Counter[int] = Counter()
    heard_at, changed = NOW, NOW  # at the last poll that nothing disturbed
    for number in range(POLLS):
        now = NOW + number * EVERY
        world.clock.advance_to(now)
        is_disturbed = number % 70 not in (0, CHANGED_IN_POLL % 70 - 1) and rng.random() < 0.2
        if number % 70 == 0:  # killed, and started again, once with other prices
            options['instance_prices'] = LATER_PRICES if number >= CHANGED_IN_POLL else PRICES
            check = world.check(**options)
        if number == CHANGED_IN_POLL:
            changed = heard_at
        operation = rng.choice(['ListTrainingJobs', 'DescribeTrainingJob'])
        fault = world.aws.fail('ThrottlingException', 'Rate exceeded', operation=operation)
        if not is_disturbed:
            fault.remove()
        error = _poll(world, check)
        fault.remove()
        assert bool(error) == (is_disturbed and operation == 'ListTrainingJobs')
        for job in MONTH:
            grown = _counted(world, job.name)
            told[job.name].update(grown)
            _assert_not_ahead(job, told[job.name], grown, now, now - heard_at)
            if job.name == 'weeks':
                days[(now - NOW).days] += grown['usage.billable_time']
        heard_at = heard_at if is_disturbed else now
    _assert_whole(told, changed, now)
    day = 2 * 86_400
    assert all(abs(days[number] - day) <= 4 * EVERY.total_seconds() for number in range(2, 22)), 'on each of its days'


def _poll(world: World, check: SagemakerTrainingCheck) -> str:
    world.aggregator.reset()
    return check.run()


def _counted(world: World, family: str) -> Counter[str]:
    names = [name for name in world.aggregator.metric_names if name.startswith('sagemaker_training.usage.')]
    metrics = [metric for name in names for metric in world.aggregator.metrics(name)]
    sums: Counter[str] = Counter()
    for metric in metrics:
        if f'job_family:{family}' in metric.tags:
            sums[metric.name.removeprefix('sagemaker_training.')] += metric.value
    return sums


def _assert_not_ahead(job: Job, told: Counter[str], grown: Counter[str], now: datetime, passed: timedelta) -> None:
    count = sum(instances(job).values())
    true = used(job, now)
    assert all(told[name] <= true[name] * count for name in TIMES)
    if 'EnableManagedSpotTraining' not in job.fields:
        assert all(grown[name] <= (passed.total_seconds() + 1) * count for name in TIMES), 'more than has passed'


def _assert_whole(told: Mapping[str, Counter[str]], changed: datetime, end: datetime) -> None:
    for job in MONTH:
        count, true = sum(instances(job).values()), used(job, end)
        assert {name: told[job.name][name] for name in TIMES} == {name: true[name] * count for name in TIMES}, job.name
        for name, time in {
            'usage.cost': 'usage.billable_time',
            'usage.saved_cost': 'usage.saved_time',
            'usage.warm_pool_cost': 'usage.warm_pool_time',
        }.items():
            expected = cost(job, time, changed, end) or 0
            assert told[job.name][name] == pytest.approx(expected, abs=0.01), (job.name, name)


def trains(since: datetime, **fields: Any) -> dict[str, Any]:
    """A job of two instances that was created a minute before and trains since then, on demand."""
    starting = transition('Starting', since - timedelta(minutes=1), since)
    times = {'CreationTime': since - timedelta(minutes=1), 'TrainingStartTime': since, 'LastModifiedTime': since}
    return answer(**times, SecondaryStatusTransitions=[starting, transition('Training', since)], **fields)


def over(job: Mapping[str, Any], end: datetime, seconds: int, **fields: Any) -> dict[str, Any]:
    """The job, completed, with so many seconds billed."""
    steps = [*job['SecondaryStatusTransitions'][:-1], transition('Training', job['TrainingStartTime'], end)]
    figures = {'TrainingTimeInSeconds': seconds, 'BillableTimeInSeconds': seconds, 'TrainingEndTime': end}
    done = {'TrainingJobStatus': 'Completed', 'SecondaryStatus': 'Completed', 'LastModifiedTime': end}
    steps.append(transition('Completed', end, end))
    return {**job, **done, **figures, 'SecondaryStatusTransitions': steps, **fields}


def billable(world: World) -> float:
    return world.counted().get('usage.billable_time', 0) / 2


@pytest.mark.parametrize('restarts', [False, True])
def test_a_running_job_counts_in_each_poll_and_only_from_the_first_one_on(world: World, restarts: bool) -> None:
    job = trains(ago(days=3))
    world.aws.put(job)
    check = world.check(**QUIET)
    for minute in range(5):
        world.poll(check, after=60 if minute else 0)
        assert billable(world) == max(60 * minute - 1, 0), 'a first start counts from the next second on'
        if restarts:
            check = world.check(**QUIET)
    world.aws.put(over(job, at(minutes=4, seconds=30), 3 * 86_400 + 270))
    world.poll(check, after=60)
    assert billable(world) == 269
    assert world.counted()['usage.training_time'] == 2 * 269


def test_a_job_counts_as_far_as_it_was_seen_and_not_on_faith(world: World) -> None:
    world.poll(check := world.check(**QUIET, open_job_refresh_seconds=86_400))
    job = trains(at(minutes=2))
    world.aws.put(job)
    world.poll(check, after=300)
    assert billable(world) == 180
    with world.aws.fail('ThrottlingException', operation='ListTrainingJobs'):
        world.clock.advance(3600)
        check.run()
    assert billable(world) == 180
    stopping = transition('Stopping', at(minutes=10))
    steps = [job['SecondaryStatusTransitions'][0], transition('Training', at(minutes=2), at(minutes=10)), stopping]
    now = {'SecondaryStatus': 'Stopping', 'TrainingJobStatus': 'Stopping', 'LastModifiedTime': at(minutes=10)}
    world.aws.put({**job, **now, 'SecondaryStatusTransitions': steps})
    with world.aws.fail('ThrottlingException', operation='DescribeTrainingJob'):
        world.poll(check, after=60)
    assert billable(world) == 180, 'the listing shows that it is not what it was'
    world.poll(check, after=60)
    assert billable(world) == (world.clock.now - at(minutes=2)).total_seconds() // 1


def test_a_change_that_may_not_be_described_ends_what_counts(world: World) -> None:
    world.poll(check := world.check(**QUIET))
    job = trains(at(minutes=2))
    world.aws.put(job)
    world.poll(check, after=300)
    with world.aws.fail('AccessDeniedException', operation='DescribeTrainingJob'):
        world.aws.put({**job, 'SecondaryStatus': 'Interrupted', 'LastModifiedTime': at(minutes=6)})
        for _ in range(3):
            world.poll(check, after=300)
    assert billable(world) == 180
    world.aws.put(over(job, at(minutes=30), 240))
    world.poll(check, after=900)
    assert billable(world) == 240


@pytest.mark.parametrize('spot', [False, True])
def test_a_job_that_ends_while_it_may_not_be_described_counts_when_it_may_be_again(world: World, spot: bool) -> None:
    world.poll(check := world.check(**QUIET))
    job = trains(at(minutes=2), EnableManagedSpotTraining=spot)
    world.aws.put(job)
    world.poll(check, after=300)
    with world.aws.fail('AccessDeniedException', operation='DescribeTrainingJob'):
        world.aws.put(over(job, at(minutes=6), 240))
        world.aws.put(answer('newer', CreationTime=at(minutes=30)))
        for _ in range(18):
            world.poll(check, after=1200)
    assert world.counted('job_family:job')['jobs.finished'] == 1
    world.poll(check, after=300)
    happened = {'jobs.created': 1, 'jobs.finished': 1}
    assert world.counted('job_family:job') == happened | dict.fromkeys(TIMES[:2], 480)
    for _ in range(3):
        world.poll(check, after=86_400)
    assert world.values('poll.tracked_jobs') == [1]


def test_a_job_whose_end_may_never_be_described_is_let_go_after_a_day(world: World) -> None:
    world.poll(check := world.check(**QUIET))
    job = trains(at(minutes=2))
    world.aws.put(job)
    world.poll(check, after=300)
    world.aws.fail('AccessDeniedException', operation='DescribeTrainingJob')
    world.aws.put(over(job, at(minutes=6), 240))
    world.aws.put(answer('newer', CreationTime=at(minutes=30)))
    tracked = []
    for _ in range(10):
        world.poll(check, after=4 * 3600)
        tracked += world.values('poll.tracked_jobs')
    assert tracked == [2] * 6 + [1] * 4


def test_a_status_that_nobody_knows_counts_at_the_end(world: World) -> None:
    world.poll(check := world.check(**QUIET))
    job = trains(at(minutes=2))
    steps = [job['SecondaryStatusTransitions'][0], transition('Hibernating', at(minutes=2))]
    world.aws.put({**job, 'SecondaryStatus': 'Hibernating', 'SecondaryStatusTransitions': steps})
    world.poll(check, after=600)
    assert billable(world) == 0
    world.aws.put(over(job, at(minutes=11), 540))
    world.poll(check, after=120)
    assert billable(world) == 540


def test_what_was_counted_beyond_the_bill_is_not_taken_back_but_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.poll(check := world.check(collect_resource_tags=False, job_metrics_hours=3))  # described each hour
    job = trains(at(minutes=2))
    world.aws.put(job)
    for _ in range(5):
        world.poll(check, after=60)
    counted = billable(world)
    world.aws.put(over(job, at(minutes=4, seconds=10), 130))  # AWS dates the end before it last showed the job running
    for _ in range(40):
        world.poll(check, after=300)
    assert billable(world) == counted
    assert 0 < counted - 130 <= 60, 'one poll'
    told = [message for message in caplog.messages if 'than AWS bills' in message]
    assert [message.rpartition('has')[0] for message in told] == [f'Job job: {name} ' for name in TIMES[:2]]


def test_a_warm_pool_that_cost_less_than_was_counted_is_logged_as_its_job_is(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.poll(check := world.check(**QUIET))
    job = trains(at(minutes=2))
    world.aws.put(job)
    for _ in range(5):
        world.poll(check, after=60)
    end, pool = at(minutes=4, seconds=30), {'WarmPoolStatus': {'Status': 'Available'}}
    world.aws.put(over(job, end, 150, **pool))
    for _ in range(3):
        world.poll(check, after=60)
    pool = {'WarmPoolStatus': {'Status': 'Terminated', 'ResourceRetainedBillableTimeInSeconds': 190}}
    world.aws.put(over(job, end, 150, **pool))
    for _ in range(2):
        world.poll(check, after=60)
    told = [message.partition(': ')[2].split()[0] for message in caplog.messages if 'than AWS bills' in message]
    assert told == [*TIMES[:2], 'usage.warm_pool_time']


@pytest.mark.parametrize('pools', [[('Terminated', 700)], [('Reused', 700)], [('Reused', None), ('Reused', 700)]])
def test_a_warm_pool_counts_while_it_is_kept_and_to_its_keep_alive_period_at_most(
    world: World, pools: list[tuple[str, int | None]]
) -> None:
    world.poll(check := world.check(**QUIET))
    job = trains(at(minutes=2))
    shape = job['ResourceConfig'] | {'KeepAlivePeriodInSeconds': 600}
    pool = {'ResourceConfig': shape, 'WarmPoolStatus': {'Status': 'Available'}}
    world.aws.put(over(job, at(minutes=10), 480, **pool))
    for minutes, kept in ((11, 60), (15, 300), (30, 600)):
        world.clock.advance_to(at(minutes=minutes))
        world.poll(check)
        assert world.counted()['usage.warm_pool_time'] == 2 * kept
    for status, seconds in pools:
        retained = {'ResourceRetainedBillableTimeInSeconds': seconds} if seconds else {}
        world.aws.put(over(job, at(minutes=10), 480, **pool | {'WarmPoolStatus': {'Status': status} | retained}))
        world.poll(check, after=300)
    assert world.counted()['usage.warm_pool_time'] == 2 * 700
    assert billable(world) == 480


def test_a_state_of_an_older_version_has_counted_nothing_of_a_running_job(world: World) -> None:
    world.poll(check := world.check(**QUIET))
    running, done = trains(at(minutes=2)), trains(at(minutes=3), TrainingJobName='done')
    done['TrainingJobArn'] = done['TrainingJobArn'].replace('/job', '/done')
    world.aws.put(running)
    world.aws.put(over(done, at(minutes=8), 300))
    world.poll(check, after=600)
    assert world.counted('job_family:done')['usage.billable_time'] == 600
    _as_the_older_version_saved_it(world)
    world.counts.clear()
    world.aws.put(over(running, at(minutes=30), 28 * 60))
    world.poll(world.check(**QUIET), after=1800)
    assert world.counted('job_family:done') == {}
    assert world.counted('job_family:job') == {'jobs.finished': 1} | dict.fromkeys(TIMES[:2], 2 * 28 * 60)


def _as_the_older_version_saved_it(world: World) -> None:
    [(key, text)] = [(key, text) for key, text in world.agent._cache.items() if '_ledger_' in key and '"job"' in text]
    state = json.loads(text.partition('\n')[2])
    for jobs in state['jobs'].values():
        for job in jobs:
            accrued = job.pop('accrued')
            if job['status'] == 'completed':
                job['counted'] |= dict.fromkeys(TIMES[:2], accrued)
    world.agent._cache = {key: json.dumps(state | {'version': 1})}


def test_what_cannot_accrue_counts_at_its_end(world: World) -> None:
    """Spot, whose bill nobody knows before, and a job that never starts."""
    world.poll(check := world.check(**QUIET, instance_prices={'ml.p5.48xlarge': 3600}))
    job = trains(at(minutes=2), EnableManagedSpotTraining=True)
    world.aws.put(job)
    for _ in range(5):
        world.poll(check, after=60)
    assert world.counted() == {'jobs.created': 1}
    bill = {'BillableTimeInSeconds': 100}
    world.aws.put(over(job, at(minutes=6), 240, **bill))
    world.poll(check, after=120)
    assert {name: value / 2 for name, value in world.counted().items() if name.startswith('usage.')} == {
        'usage.training_time': 240,
        'usage.billable_time': 100,
        'usage.saved_time': 140,
        'usage.cost': 100,
        'usage.saved_cost': 140,
    }


def test_use_that_could_not_be_sent_counts_with_the_next_polls_and_no_other_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does what cannot be sent of one group keep back the counts and gauges of others."""
    jobs = [scripted(name, shape, *run(-1, 5)) for name, shape in (('first', P5), ('second', G5), ('third', M5))]
    world.aws.add(jobs)
    check = world.check(**QUIET)
    world.poll(check)
    left = Counter(['usage.billable_time', 'instances.open'])

    def failing_once(send: Callable[..., None]) -> Callable[..., None]:
        def submit(name: str, value: float, tags: list[str]) -> None:
            if left[name] and 'instance_type:ml.g5.xlarge' in tags:
                left[name] -= 1
                raise ValueError('embedded null character')
            send(name, value, tags=tags)

        return submit

    for method in ('count', 'gauge'):
        monkeypatch.setattr(check, method, failing_once(getattr(check, method)))
    counted: Counter[str] = Counter()
    gauged = []
    for _ in range(2):
        world.poll(check, after=600)
        counted.update(by_type(world, 'usage.billable_time'))
        gauged.append(by_type(world, 'instances.open'))
    assert not left.total()
    each = 1200 - BOUNDARY.total_seconds()
    assert counted == {'ml.p5.48xlarge': 2 * each, 'ml.g5.xlarge': 3 * each, 'ml.m5.large': each}
    assert gauged == [{**P5, **M5}, {**P5, **G5, **M5}]


def by_type(world: World, name: str) -> dict[str, float]:
    metrics = world.aggregator.metrics(f'sagemaker_training.{name}')
    kinds = ({tag.partition(':')[0]: tag.partition(':')[2] for tag in metric.tags} for metric in metrics)
    return {kind['instance_type']: metric.value for kind, metric in zip(kinds, metrics, strict=True)}
