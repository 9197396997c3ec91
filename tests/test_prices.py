# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Which price an instance-hour has, of rows of the Price List and of options: present or absent, never a guess."""

import json
from typing import Any

import pytest
from botocore.session import Session

from datadog_checks.sagemaker_training.prices import INSTANCE_TYPE, Price, list_prices, price_table

TYPE = 'ml.g5.2xlarge'


def row(
    name: Any = TYPE,
    price: Any = '1.5150000000',
    *,
    unit: Any = 'Hrs',
    currency: str = 'USD',
    terms: Any = None,
    **attributes: Any,
) -> str:
    """A row of GetProducts, as AWS has it for a training instance of us-east-1."""
    product = {
        'instanceName': name,
        'instanceType': f'{name}-Training',
        'regionCode': 'us-east-1',
        'component': 'Training',
        'usagetype': f'USE1-Train:{name}',
    } | attributes
    present = {key: value for key, value in product.items() if value is not None}
    dimensions = {'SKU.OFFER.RATE': {'unit': unit, 'pricePerUnit': {currency: price}}}
    return json.dumps(
        {
            'product': {
                'sku': 'SKU',
                'attributes': present,
            },
            'serviceCode': 'AmazonSageMaker',
            'terms': terms or {'OnDemand': {'SKU.OFFER': {'priceDimensions': dimensions}}},
        }
    )


def test_a_training_instance_has_the_price_that_aws_lists() -> None:
    rows = [row(), row('ml.p4d.24xlarge', '25.2510'), row('ml.m5.large', '0.115', usagetype='Train:ml.m5.large')]
    assert list_prices(rows, 'us-east-1') == (
        {TYPE: 1.515, 'ml.p4d.24xlarge': 25.251, 'ml.m5.large': 0.115},
        [],
    )


WRONG = {
    'of a quantity': row(unit='Quantity'),
    'of no unit': row(unit=None),
    'without instanceName': row(instanceName=None),
    'with an instanceName that is none': row(instanceName='NA'),
    'with an instanceName that is empty': row(instanceName=''),
    'with an instanceName that is no text': row(instanceName=7),
    'of hosting': row(instanceName=TYPE, instanceType=f'{TYPE}-Hosting', usagetype=f'USE1-Host:{TYPE}'),
    'of hosting, named so': row(instanceName=f'{TYPE}-hosting'),
    'of a component Hosting': row(component='Hosting'),
    'of a cluster': row(component='Cluster', usagetype=f'USE1-Cluster:{TYPE}'),
    'of spot training': row(component='SpotTraining', usagetype=f'USE1-SpotTrain:{TYPE}'),
    'of spot training, among training': row(usagetype=f'USE1-SpotTrain:{TYPE}'),
    'of no component': row(component=None),
    'of no usage type': row(usagetype=None),
    'of a training plan': row(
        None, unit='Quantity', component=None, usagetype=f'USE1-TrainingPlanUpfrontFee:{TYPE}', instanceName=TYPE
    ),
    'of serverless training': row(None, usagetype='USE1-ServerlessTraining:FineTuning', modelname='a model'),
    'of another region': row(regionCode='us-west-2', usagetype=f'USW2-Train:{TYPE}'),
    'of an amount of 0': row(price='0.0000000000'),
    'of an amount below 0': row(price='-1.515'),
    'of an amount that is none': row(price='NaN'),
    'of an amount without end': row(price='Infinity'),
    'of an amount in words': row(price='on request'),
    'of no amount': row(price=None),
    'of an amount that is true': row(price=True),
    'of another currency': row(currency='CNY'),
    'without terms': row(terms={'Reserved': {}}),
    'with terms that are no object': row(terms={'OnDemand': ['SKU.OFFER']}),
    'with an offer that is no object': row(terms={'OnDemand': {'SKU.OFFER': 'x'}}),
    'with a dimension that is no object': row(terms={'OnDemand': {'SKU.OFFER': {'priceDimensions': {'x': 'Hrs'}}}}),
    'that is cut off': row()[:-40],
    'that is empty': '',
    'that is no object': '["ml.g5.2xlarge", 1.515]',
    'that is null': 'null',
    'that is no text': 7,
    'too deep to read': '[' * 100_000,
}


@pytest.mark.parametrize('wrong', WRONG.values(), ids=WRONG.keys())
def test_a_row_that_is_no_price_of_a_training_hour_gives_none_and_hides_no_other(wrong: str) -> None:
    hours, _ = list_prices([wrong, row('ml.m5.large', '0.115'), wrong], 'us-east-1')
    assert hours == {'ml.m5.large': 0.115}


@pytest.mark.parametrize(
    'kind', ['of a quantity', 'of hosting', 'of a cluster', 'of spot training', 'of a training plan', 'that is cut off']
)
def test_a_row_of_something_else_does_not_touch_the_price(kind: str) -> None:
    assert list_prices([WRONG[kind], row(), WRONG[kind]], 'us-east-1') == ({TYPE: 1.515}, [])


@pytest.mark.parametrize('second', [row(price='1.6'), WRONG['of an amount of 0'], WRONG['of an amount that is none']])
def test_of_two_prices_for_a_type_neither_counts(second: str) -> None:
    for rows in ([row(), second], [second, row()]):
        assert list_prices([*rows, row('ml.m5.large', '0.115')], 'us-east-1') == ({'ml.m5.large': 0.115}, [TYPE])


def test_two_prices_in_one_row_are_two_prices() -> None:
    tiers = {
        'first': {'unit': 'Hrs', 'pricePerUnit': {'USD': '1'}},
        'more': {'unit': 'Hrs', 'pricePerUnit': {'USD': '2'}},
    }
    in_one_offer = row(terms={'OnDemand': {'SKU.OFFER': {'priceDimensions': tiers}}})
    in_two = row(terms={'OnDemand': {name: {'priceDimensions': {name: each}} for name, each in tiers.items()}})
    assert list_prices([in_one_offer], 'us-east-1') == list_prices([in_two], 'us-east-1') == ({}, [TYPE])


def test_the_same_price_twice_is_one() -> None:
    assert list_prices([row(), row(price='1.515')], 'us-east-1').hours == {TYPE: 1.515}


def test_prices_of_china_are_in_its_currency() -> None:
    china = {'regionCode': 'cn-north-1', 'usagetype': f'CNN1-Train:{TYPE}'}
    rows = [row(currency='CNY', price='12.5', **china), row('ml.m5.large', currency='USD', **china)]
    assert list_prices(rows, 'cn-north-1').hours == {TYPE: 12.5}
    assert price_table('cn-north-1', {'ml.m5.large': 1}, {TYPE: 12.5}, 0) == {
        TYPE: Price(12.5, 'cny', 'list'),
        'ml.m5.large': Price(1, 'cny', 'override'),
    }


def test_own_prices_win_and_only_list_prices_have_the_discount() -> None:
    table = price_table('us-east-1', {TYPE: 1.2}, {TYPE: 1.515, 'ml.m5.large': 0.1}, 25)
    assert table == {TYPE: Price(1.2, 'usd', 'override'), 'ml.m5.large': Price(pytest.approx(0.075), 'usd', 'list')}
    assert table.get('ml.p5.48xlarge') is None


def test_every_type_that_can_train_has_the_form_of_one() -> None:
    names = Session().get_service_model('sagemaker').shape_for('TrainingInstanceType').enum
    assert len(names) > 100
    assert not [name for name in names if not INSTANCE_TYPE.fullmatch(name)]
