# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What use costs: by the price of the moment, under the tags that tell which price; without a price, nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from datadog_checks.sagemaker_training.cost import Rate, job_costs, job_rate
from datadog_checks.sagemaker_training.prices import Price

from .builders import NOW, ago, answer, arn, ended, job, transition
from .world import World

TYPE = 'ml.p5.48xlarge'
PRICES = {TYPE: Price(40, 'usd', 'list'), 'ml.m5.large': Price(2, 'usd', 'override')}
USD = ('currency:usd', 'cost_basis:override')
PLAN = {'TrainingPlanArn': arn('x').replace('training-job', 'training-plan')}
QUIET = {'collect_resources': False, 'collect_resource_tags': False}
HETEROGENEOUS = {
    'InstanceGroups': [
        {'InstanceGroupName': 'a', 'InstanceType': TYPE, 'InstanceCount': 2},
        {'InstanceGroupName': 'b', 'InstanceType': 'ml.m5.large', 'InstanceCount': 4},
    ]
}


def trains(since: datetime, name: str = 'job', **fields: Any) -> dict[str, Any]:
    steps = [transition('Training', since)]
    return answer(name, CreationTime=since, TrainingStartTime=since, SecondaryStatusTransitions=steps, **fields)


def sent(world: World, name: str) -> dict[tuple[str, ...], float]:
    """The values of the last poll, by the tags that matter here."""
    kept = ('currency:', 'cost_basis:', 'instance_type:', 'managed_spot:')
    return {
        tuple(tag for tag in metric.tags if tag.startswith(kept)): metric.value
        for metric in world.aggregator.metrics(f'sagemaker_training.{name}')
    }


@pytest.mark.parametrize(
    ('fields', 'rate'),
    [
        ({}, Rate(80, 'usd', 'list')),
        ({'ResourceConfig': HETEROGENEOUS}, Rate(88, 'usd', 'override')),
        ({'ResourceConfig': {'InstanceType': 'ml.new', 'InstanceCount': 1}}, None),
        ({'ResourceConfig': {}, 'ServerlessJobConfig': {}}, None),
        ({'ResourceConfig': {'InstanceType': 'ml.new', 'InstanceCount': 1} | PLAN}, Rate(0, 'usd', 'training_plan')),
    ],
)
def test_the_rate_of_a_job_is_that_of_all_its_instances(fields: dict[str, Any], rate: Rate | None) -> None:
    assert job_rate(job(**fields), PRICES) == rate
    assert job_rate(job(**fields), {}) is None


@pytest.mark.parametrize(
    ('description', 'spent', 'expected'),
    [
        pytest.param(trains(ago(hours=2)), None, {'job.estimated_cost': 160}, id='not counted yet'),
        pytest.param(trains(ago(hours=2)), 100.5, {'job.estimated_cost': 100.5}, id='counted at other prices'),
        pytest.param(trains(ago(hours=2), EnableManagedSpotTraining=True), None, {}, id='spot that runs'),
        pytest.param(
            ended(TrainingTimeInSeconds=7200, BillableTimeInSeconds=1800, EnableManagedSpotTraining=True),
            None,
            {'job.estimated_cost': 40, 'job.saved_cost': 120},
            id='spot that has ended',
        ),
        pytest.param(ended(), None, {}, id='whose figures AWS has not told'),
        pytest.param(trains(ago(hours=2), ResourceConfig={'InstanceType': 'x', 'InstanceCount': 1}), 1.0, {}, id='new'),
    ],
)
def test_what_a_job_has_cost_so_far(description: dict[str, Any], spent: float | None, expected: Any) -> None:
    samples = list(job_costs(job(**description), NOW, spent, PRICES))
    assert {sample.name: sample.value for sample in samples} == expected
    assert {sample.tags for sample in samples} <= {('currency:usd', 'cost_basis:list')}


def test_the_cost_of_a_job_so_far_is_what_was_counted_whatever_prices_do(world: World) -> None:
    world.poll(world.check(**QUIET))
    world.aws.put(trains(NOW + timedelta(seconds=30)))
    total = 0.0
    for number, price in enumerate((36, 36, 72, 7.2)):
        world.poll(world.check(**QUIET, instance_prices={TYPE: price}), after=600)
        total += (570 if number == 0 else 600) * 2 * price / 3600
        assert world.counted()['usage.cost'] == pytest.approx(total)
        assert world.values('job.estimated_cost') == [pytest.approx(total)]
    assert world.counted(*USD)['usage.cost'] == pytest.approx(total)


def test_prices_that_come_later_price_a_job_from_its_start_and_count_from_then_on(world: World) -> None:
    world.aws.put(trains(ago(hours=10)))
    world.poll(world.check(**QUIET))
    world.poll(world.check(**QUIET), after=3600)
    assert world.counted() == dict.fromkeys(('usage.training_time', 'usage.billable_time'), 2 * 3599)
    assert world.values('job.estimated_cost') == []
    world.poll(world.check(**QUIET, instance_prices={TYPE: 10}), after=3600)
    assert world.counted()['usage.cost'] == pytest.approx(20)
    assert world.values('job.estimated_cost') == [pytest.approx(12 * 20)]


def test_what_burns_now_is_told_by_type_and_basis_and_last_as_nothing(world: World) -> None:
    world.aws.put(trains(ago(hours=1), 'spot', EnableManagedSpotTraining=True))
    world.aws.put(trains(ago(hours=1), 'groups', ResourceConfig=HETEROGENEOUS))
    world.aws.put(trains(ago(hours=1), 'planned', ResourceConfig={'InstanceType': TYPE, 'InstanceCount': 9} | PLAN))
    pool = {'Status': 'Available'}
    world.aws.put(ended('pool', at=ago(minutes=5), WarmPoolStatus=pool))
    world.aws.put(trains(ago(hours=1), 'unpriced', ResourceConfig={'InstanceType': 'ml.new', 'InstanceCount': 9}))
    check = world.check(**QUIET, instance_prices={TYPE: 40, 'ml.m5.large': 2})
    world.poll(check)
    p5, m5 = (f'instance_type:{kind}' for kind in (TYPE, 'ml.m5.large'))
    rates = {
        ('managed_spot:true', p5, *USD): 80,
        (p5, *USD): 80,
        (m5, *USD): 8,
        (p5, 'currency:usd', 'cost_basis:training_plan'): 0,
    }
    assert sent(world, 'jobs.cost_rate') == rates
    assert sent(world, 'warm_pools.cost_rate') == {(p5, *USD): 80}
    pool = {'Status': 'Terminated', 'ResourceRetainedBillableTimeInSeconds': 360}
    world.aws.put(ended('pool', at=ago(minutes=5), WarmPoolStatus=pool))
    world.poll(check, after=60)
    assert sent(world, 'warm_pools.cost_rate') == {(p5, *USD): 0}
    world.poll(check, after=60)
    assert sent(world, 'warm_pools.cost_rate') == {}


@pytest.mark.parametrize(
    ('region', 'resources', 'tags', 'price'),
    [
        ('us-east-1', {}, USD, 36),
        ('cn-north-1', {}, ('currency:cny', 'cost_basis:override'), 36),
        ('us-east-1', PLAN, ('currency:usd', 'cost_basis:training_plan'), 0),
    ],
)
def test_each_cost_says_its_currency_and_what_it_is_based_on(
    world: World, region: str, resources: dict[str, Any], tags: tuple[str, ...], price: float
) -> None:
    options = QUIET | {'regions': [region], 'instance_prices': {TYPE: 36}}
    world.poll(check := world.check(**options))
    shape = {'ResourceConfig': {'InstanceType': TYPE, 'InstanceCount': 2} | resources}
    job = trains(NOW + timedelta(seconds=60), region=region, **shape)
    world.aws.put(
        job | {'TrainingJobArn': arn('job', region).replace(':aws:', ':aws-cn:' if 'cn-' in region else ':aws:')}
    )
    world.poll(check, after=160)
    assert world.counted(*tags) == {'usage.cost': 100 * 2 * price / 3600}
    for name in ('job.estimated_cost', 'jobs.cost_rate'):
        assert list(sent(world, name)) == [(f'instance_type:{TYPE}', *tags)]


def test_without_prices_there_is_no_cost(world: World) -> None:
    world.aws.put(trains(ago(hours=1)))
    world.aws.put(ended('pool', at=ago(minutes=5), WarmPoolStatus={'Status': 'Available'}))
    check = world.check(**QUIET)
    for _ in range(3):
        world.poll(check, after=60)
        assert not [name for name in world.aggregator.metric_names if 'cost' in name]
