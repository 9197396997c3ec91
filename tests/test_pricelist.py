# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""List prices, read by real clients over HTTP from the simulated AWS: how often, by whom, and what if that fails."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from datadog_checks.base.stubs import datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck, pricelist
from datadog_checks.sagemaker_training.aws.errors import NoPriceList, Unavailable
from datadog_checks.sagemaker_training.prices import Price
from tools.aws.clock import SimulatedClock
from tools.aws.prices import HOURS, row
from tools.aws.scenario import living_fleet
from tools.aws.server import SimulatedAws

from .agent import Border
from .builders import NOW, REGION, account, answer
from .pages import section
from .world import World

HOUR = 3_600
TYPE = 'ml.p5.48xlarge'  # of the jobs of `answer`


def prices(check: SagemakerTrainingCheck, region: str = REGION) -> dict[str, Price]:
    return dict(check._followed[region].prices.table)


def asked(world: World) -> int:
    return world.aws.count('GetProducts')


def restart(world: World, **options: Any) -> SagemakerTrainingCheck:
    """A check of a new process, with the same cache."""
    pricelist.forget_process()
    return world.check(**options)


def test_prices_are_read_only_if_they_are_asked_for(world: World) -> None:
    world.aws.put(answer())
    plain, own = world.check(), world.check(instance_prices={TYPE: 50})
    for check in (plain, own):
        world.poll(check)
    assert prices(plain) == {}
    assert prices(own) == {TYPE: Price(50, 'usd', 'override')}
    assert asked(world) == 0


def test_a_region_has_its_list_prices_less_the_discount_and_own_prices_before_them(world: World) -> None:
    check = world.check(estimate_cost=True, price_discount_percent=10, instance_prices={TYPE: 50})
    world.poll(check)
    assert prices(check) == {
        name: Price(50, 'usd', 'override') if name == TYPE else Price(pytest.approx(0.9 * hour), 'usd', 'list')
        for name, hour in HOURS.items()
    }
    assert asked(world) == 1
    assert world.connection.status == SagemakerTrainingCheck.OK


def test_each_region_has_prices_of_its_own_from_the_one_endpoint(world: World) -> None:
    check = world.check(estimate_cost=True, regions=['eu-west-1', REGION])
    world.poll(check)
    assert prices(check)['ml.m5.large'].hour == 0.115
    assert prices(check, 'eu-west-1')['ml.m5.large'].hour == pytest.approx(1.1 * 0.115)
    assert [call.region for call in world.aws.calls if call.operation == 'GetProducts'] == ['us-east-1'] * 2
    counted = {
        (tag, metric.value)
        for metric in world.aggregator.metrics('sagemaker_training.api.requests')
        if 'operation:GetProducts' in metric.tags
        for tag in metric.tags
        if tag.startswith('region:')
    }
    assert counted == {('region:eu-west-1', 1), ('region:us-east-1', 1)}, 'for which region, not where'


def test_regions_of_china_have_theirs_in_its_currency(world: World) -> None:
    check = world.check(estimate_cost=True, regions=['cn-north-1'], instance_prices={'ml.x.large': 3})
    world.poll(check)
    assert prices(check, 'cn-north-1')['ml.m5.large'] == Price(pytest.approx(6.9 * 0.115, abs=1e-4), 'cny', 'list')
    assert prices(check, 'cn-north-1')['ml.x.large'] == Price(3, 'cny', 'override')
    assert [call.region for call in world.aws.calls if call.operation == 'GetProducts'] == ['cn-northwest-1']


@pytest.mark.parametrize(
    ('region', 'calls', 'says'),
    [
        ('us-gov-west-1', 0, 'AWS has no Price List for us-gov-west-1'),
        ('sa-east-1', 1, 'AWS lists no training instance for sa-east-1'),
    ],
)
def test_where_aws_tells_no_prices_own_ones_serve_and_the_status_says_so(
    world: World, region: str, calls: int, says: str
) -> None:
    check = world.check(estimate_cost=True, instance_prices={TYPE: 50}, regions=[region])
    world.poll(check)
    assert prices(check, region) == {TYPE: Price(50, 'usd', 'override')}
    assert asked(world) == calls
    assert world.connection.status == SagemakerTrainingCheck.WARNING
    assert says in world.connection.message
    assert 'Give the prices in `instance_prices`' in world.connection.message


@pytest.mark.parametrize(
    ('region', 'options'), [('us-gov-east-1', {}), ('us-east-1', {'boto_config': {'use_fips_endpoint': True}})]
)
def test_an_endpoint_that_aws_does_not_have_is_not_called(region: str, options: dict[str, Any]) -> None:
    [calls] = account(regions=[region], **options).regions
    with pytest.raises(NoPriceList, match='Give the prices in `instance_prices`'):
        next(calls.price_rows())


@pytest.mark.parametrize(
    ('region', 'host'),
    [
        ('ap-southeast-2', 'api.pricing.us-east-1.amazonaws.com'),
        ('cn-north-1', 'api.pricing.cn-northwest-1.amazonaws.com.cn'),
    ],
)
def test_the_endpoint_is_that_of_the_partition_and_of_the_page(region: str, host: str) -> None:
    [calls] = account(regions=[region]).regions
    assert calls._pricing().meta.endpoint_url == f'https://{host}'
    assert f'`{host}`' in section('docs/aws-access.md', 'Hosts to reach')


def test_many_types_take_a_call_for_each_hundred(world: World) -> None:
    world.aws.prices.hours = {f'ml.t{number}.large': number + 0.5 for number in range(228)}
    check = world.check(estimate_cost=True)
    world.poll(check)
    assert {name: price.hour for name, price in prices(check).items()} == world.aws.prices.hours
    assert asked(world) == 3


def test_they_are_read_once_a_day_and_a_new_price_counts_from_then_on(world: World) -> None:
    check = world.check(estimate_cost=True)
    world.poll(check)
    world.aws.prices.hours['ml.m5.large'] = 0.1
    times = []
    for _ in range(51 * 4):
        if 'GetProducts' in world.poll(check, after=HOUR / 4):
            times.append(world.clock.now)
    assert prices(check)['ml.m5.large'].hour == 0.1
    gaps = [later - earlier for earlier, later in pairwise([NOW, *times])]
    assert len(gaps) == 2
    assert all(timedelta(days=1) <= gap <= timedelta(days=1, hours=1, minutes=15) for gap in gaps)


def test_all_instances_of_an_agent_share_them(world: World) -> None:
    checks = [world.check(estimate_cost=True, aws_access_key_id=f'key-{number}') for number in range(5)]
    for check in checks:
        world.poll(check)
    assert asked(world) == 1
    for _ in range(26):
        world.clock.advance(HOUR)
        for check in checks:
            world.poll(check)
    assert asked(world) == 2
    assert {len(prices(check)) for check in checks} == {len(HOURS)}


def test_instances_that_start_together_wait_for_the_one_that_asks(world: World) -> None:
    checks = [world.check(estimate_cost=True, aws_access_key_id=f'key-{number}') for number in range(8)]
    with ThreadPoolExecutor(len(checks)) as executor:
        list(executor.map(world.run, checks))
    assert asked(world) == 1
    assert {len(prices(check)) for check in checks} == {len(HOURS)}


def test_they_outlive_a_restart(world: World) -> None:
    world.poll(world.check(estimate_cost=True))
    check = restart(world, estimate_cost=True)
    world.poll(check, after=HOUR)
    assert asked(world) == 1
    assert prices(check)['ml.m5.large'].hour == 0.115
    off = restart(world)
    world.poll(off, after=HOUR)
    assert prices(off) == {}, 'whoever wants no prices has none, also not those that others have read'


@pytest.mark.parametrize(
    'damage',
    [
        lambda text: text[: len(text) // 2],
        lambda text: '{}',
        lambda text: '[]',
        lambda text: text.replace('0.115', '-0.115'),
        lambda text: text.replace('0.115', '0'),
        lambda text: text.replace('0.115', '"x"'),
    ],
)
def test_what_is_damaged_is_read_anew(world: World, damage: Callable[[str], str]) -> None:
    world.poll(world.check(estimate_cost=True))
    [key] = [key for key in datadog_agent._cache if 'prices_' in key]
    datadog_agent._cache[key] = damage(datadog_agent._cache[key])
    check = restart(world, estimate_cost=True)
    world.poll(check, after=60)
    assert asked(world) == 2
    assert prices(check)['ml.m5.large'].hour == 0.115


def test_a_cache_that_cannot_be_used_costs_only_a_call_at_each_restart(world: World) -> None:
    with Border(world.clock).installed() as border:
        border.disk = 'refused'
        border.unreadable = 'prices_'
        check = world.check(estimate_cost=True)
        for _ in range(3):
            world.poll(check, after=60)
    assert asked(world) == 1
    assert len(prices(check)) == len(HOURS)


def test_what_is_saved_is_small_and_an_odd_answer_fills_no_disk(world: World) -> None:
    world.poll(world.check(estimate_cost=True))
    [text] = [text for key, text in datadog_agent._cache.items() if 'prices_' in key]
    assert len(text) / len(HOURS) < 40
    world.aws.prices.hours = {f'ml.{"t" * 900}{number}.large': 1.0 for number in range(100)}
    check = world.check(estimate_cost=True)
    world.poll(check, after=26 * HOUR)
    assert len(prices(check)) == 100
    assert [text for key, text in datadog_agent._cache.items() if 'prices_' in key] == [text]


def test_a_clock_that_was_wrong_does_not_keep_them_for_ever(world: World) -> None:
    late = replace(world, clock=SimulatedClock(NOW + timedelta(days=900)))
    late.poll(late.check(estimate_cost=True))
    check = world.check(estimate_cost=True)
    world.poll(check)
    assert asked(world) == 2
    assert prices(check)['ml.m5.large'].hour == 0.115


FAULTS: dict[str, Callable[[SimulatedAws], object]] = {
    'denied': lambda aws: aws.fail('AccessDeniedException', 'not authorized', operation='GetProducts'),
    'throttled': lambda aws: aws.fail('ThrottlingException', 'Rate exceeded', operation='GetProducts'),
    'failing': lambda aws: aws.fail('InternalErrorException', 'later', 500, operation='GetProducts'),
    'reset': lambda aws: aws.disturb('reset', operation='GetProducts'),
    'a page of a proxy': lambda aws: aws.disturb('not_json', operation='GetProducts'),
    'cut off': lambda aws: aws.disturb('truncated', operation='GetProducts'),
    'null': lambda aws: aws.rewrite(lambda _: b'null', operation='GetProducts'),
    'without a list': lambda aws: aws.rewrite(lambda _: b'{"PriceList": "none"}', operation='GetProducts'),
    'empty': lambda aws: aws.rewrite(lambda _: b'{"PriceList": []}', operation='GetProducts'),
    'no texts': lambda aws: aws.rewrite(lambda _: b'{"PriceList": [1, null, {}, "x"]}', operation='GetProducts'),
    'on the second page': lambda aws: aws.fail(
        'InternalErrorException', 'later', 500, operation='GetProducts', spared=1
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_whatever_fails_the_old_prices_stay_and_all_else_goes_on(world: World, fault: str) -> None:
    world.aws.put(answer())
    world.aws.prices.hours = {f'ml.t{number}.large': 1.5 for number in range(150)} | {TYPE: 60}
    check = world.check(estimate_cost=True)
    world.poll(check)
    before = prices(check)
    world.aws.prices.hours = dict.fromkeys(world.aws.prices.hours, 2.5)
    FAULTS[fault](world.aws)
    operations = world.poll(check, after=26 * HOUR)
    assert {'GetProducts', 'DescribeTrainingJob'} <= set(operations)
    assert prices(check) == before, 'never half of the new ones'
    assert world.values('jobs.open') == [1]
    assert world.connection.status == SagemakerTrainingCheck.WARNING
    assert 'estimate_cost' in world.connection.message
    assert 'GetProducts' in world.connection.message


def test_without_the_permission_the_status_names_action_and_remedy_until_it_is_there(world: World) -> None:
    world.aws.put(answer())
    denied = world.aws.fail('AccessDeniedException', 'not authorized', operation='GetProducts')
    check = world.check(estimate_cost=True)
    for after in (0, 60, 600):
        world.poll(check, after)
        assert prices(check) == {}
        assert world.connection.status == SagemakerTrainingCheck.WARNING
        assert world.connection.message == (
            'Agent stubbed.hostname: List prices not read: see `estimate_cost`. GetProducts: AccessDeniedException: '
            'Allow `pricing:GetProducts` in the IAM policy of these credentials. not authorized.'
        )
    assert asked(world) == 1, 'what is refused is not asked for at each poll'
    denied.remove()
    world.poll(check, after=2 * HOUR)
    assert len(prices(check)) == len(HOURS)
    assert world.connection.status == SagemakerTrainingCheck.OK


def test_what_passes_is_tried_again_within_minutes(world: World) -> None:
    check = world.check(estimate_cost=True)
    with world.aws.fail('ThrottlingException', 'Rate exceeded', operation='GetProducts'):
        world.poll(check)
        assert 'GetProducts' not in world.poll(check, after=240)
    world.poll(check, after=360)
    assert len(prices(check)) == len(HOURS)


def test_one_instance_that_may_ask_serves_those_that_may_not(world: World) -> None:
    denied, allowed = world.check(estimate_cost=True), world.check(estimate_cost=True, aws_access_key_id='other')
    with world.aws.fail('AccessDeniedException', 'not authorized', operation='GetProducts'):
        world.poll(denied)
    world.poll(allowed)
    world.poll(denied, after=60)
    assert prices(denied) == prices(allowed) != {}
    assert world.connection.status == SagemakerTrainingCheck.OK


def test_many_instances_that_are_refused_do_not_ask_again_at_once(world: World) -> None:
    checks = [world.check(estimate_cost=True, aws_access_key_id=f'key-{number}') for number in range(12)]
    with world.aws.fail('AccessDeniedException', 'not authorized', operation='GetProducts'):
        for check in checks:
            world.poll(check)
        most = 0
        for _ in range(12):
            before = asked(world)
            world.clock.advance(600)
            for check in checks:
                world.poll(check)
            most = max(most, asked(world) - before)
    assert asked(world) == 24
    assert most < 10, 'which chance may do once in 200,000 times, as each waits for an hour and a part of one'


def test_a_region_that_cannot_be_listed_is_not_asked_for_prices(world: World) -> None:
    check = world.check(estimate_cost=True)
    with world.aws.fail('UnrecognizedClientException', 'no', operation='ListTrainingJobs'):
        assert 'No region could be read' in check.run()
    assert asked(world) == 0


def test_an_instance_that_is_unscheduled_while_it_lists_does_not_ask_for_prices(watched: World) -> None:
    check = watched.check(estimate_cost=True)
    watched.aws.watch = lambda call: check.cancel() if call.operation == 'ListTrainingJobs' else None
    watched.aws.put(answer())
    assert watched.poll(check) == ['ListTrainingJobs']


def test_a_wrong_endpoint_for_prices_alone_is_one_of_the_named_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AWS_ENDPOINT_URL_PRICING', 'no url')
    [calls] = account().regions
    with pytest.raises(Unavailable, match='GetProducts: ConfigurationError: .*Invalid endpoint'):
        next(calls.price_rows())


def test_a_type_without_a_price_is_named_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.aws.put(answer())
    world.aws.put(answer('new', ResourceConfig={'InstanceType': 'ml.new.large', 'InstanceCount': 1}))
    world.aws.put(
        answer(
            'planned',
            ResourceConfig={
                'InstanceType': 'ml.plan.large',
                'InstanceCount': 1,
                'TrainingPlanArn': 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/plan',
            },
        )
    )
    check = world.check(estimate_cost=True)
    for _ in range(4):
        world.poll(check, after=400)
    told = [message for message in caplog.messages if 'No price' in message]
    assert told == [f'{REGION}: No price is known for ml.new.large: these have no cost. Set one in `instance_prices`.']


def test_a_type_with_two_prices_has_none_and_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    usage = {'instanceName': TYPE, 'component': 'Training'}
    world.aws.prices.extra = [row(REGION, f'USE1-Train:{TYPE}', 1.0, sku='OTHER', **usage), '{"product": {"attr']
    check = world.check(estimate_cost=True)
    world.poll(check)
    assert prices(check).keys() == HOURS.keys() - {TYPE}
    assert [message for message in caplog.messages if f'more than one price, or what is none, for {TYPE}' in message]


@pytest.mark.parametrize(
    ('usage', 'fields'),
    [
        (f'USE1-Train:{TYPE}', {'unit': 'Quantity'}),
        (f'USE1-Train:{TYPE}', {'instanceName': ''}),
        (f'USE1-Train:{TYPE}', {'instanceName': '', 'instanceType': TYPE}),
        (f'USE1-Train:{TYPE}', {'price': 0.0}),
        (f'USE1-Train:{TYPE}', {'price': -1.0}),
        (f'USE1-Train:{TYPE}', {'component': 'Cluster'}),
        (f'USE1-Train:{TYPE}', {'component': 'SpotTraining'}),
        (f'USE1-Host:{TYPE}', {'instanceType': f'{TYPE}-hosting'}),
        (f'USE1-Train:{TYPE}', {'instanceName': f'{TYPE}-hosting'}),
        ('USE1-TrainingPlanUpfrontFee:x', {'unit': 'Quantity', 'component': ''}),
    ],
)
def test_a_type_that_only_a_wrong_row_is_about_has_no_price(world: World, usage: str, fields: dict[str, Any]) -> None:
    del world.aws.prices.hours[TYPE]
    wrong: dict[str, Any] = {'instanceName': TYPE, 'component': 'Training', 'price': 9.0, 'sku': 'WRONG'} | fields
    world.aws.prices.extra = [row(REGION, usage, **wrong), '{"product": {"attributes": {"instanceName": "ml.']
    check = world.check(estimate_cost=True)
    world.poll(check)
    assert prices(check).keys() == HOURS.keys() - {TYPE}


def test_the_types_of_the_demo_have_prices() -> None:
    used = set(re.findall(r'ml\.[a-z0-9]+\.[a-z0-9]+', json.dumps([repr(job) for job in living_fleet(NOW)])))
    assert len(used) > 10
    assert used <= HOURS.keys()
