# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The Price List as AWS's GetProducts answers it: in pages of JSON texts, training among much that looks like it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from .calls import Answer, AwsError, Call

# An hour of on-demand training in us-east-1, in USD, about as AWS lists it; at the end, types no fleet here uses.
HOURS = {
    'ml.c5.4xlarge': 0.816,
    'ml.g4dn.12xlarge': 4.89,
    'ml.g5.xlarge': 1.408,
    'ml.g5.2xlarge': 1.515,
    'ml.g5.12xlarge': 7.09,
    'ml.g5.48xlarge': 20.36,
    'ml.m5.2xlarge': 0.461,
    'ml.m5.4xlarge': 0.922,
    'ml.m5.12xlarge': 2.765,
    'ml.p3.2xlarge': 3.825,
    'ml.p4d.24xlarge': 25.251,
    'ml.p5.48xlarge': 63.296,
    'ml.r5.4xlarge': 1.21,
    'ml.m5.large': 0.115,
    'ml.trn1.32xlarge': 24.78,
}
# What an hour costs elsewhere, in parts of that; in China, in CNY.
REGION_FACTORS = {'us-east-1': 1.0, 'us-west-2': 1.0, 'eu-west-1': 1.1, 'cn-north-1': 6.9, 'cn-northwest-1': 6.2}
USAGE_PREFIXES = {
    'us-east-1': 'USE1-',
    'us-west-2': 'USW2-',
    'eu-west-1': 'EU-',
    'cn-north-1': 'CNN1-',
    'cn-northwest-1': 'CNW1-',
}
# Where GetProducts is answered, by currency.
ENDPOINTS = {'USD': ('us-east-1', 'eu-central-1', 'ap-south-1'), 'CNY': ('cn-northwest-1',)}
DEFAULT_PAGE = MOST_ROWS = 100


def currency_of(region: str) -> str:
    return 'CNY' if region.startswith('cn-') else 'USD'


def list_price(region: str, instance_type: str, hours: Mapping[str, float] = HOURS) -> float:
    """Of an hour of on-demand training. KeyError if there is none."""
    return round(hours[instance_type] * REGION_FACTORS[region], 4)


def row(
    region: str, usage_type: str, price: float, *, sku: str, unit: str = 'Hrs', **attributes: str
) -> dict[str, Any]:
    """A product and its terms, as an object. An attribute that is empty is left out."""
    product = {
        'regionCode': region,
        'servicecode': 'AmazonSageMaker',
        'locationType': 'AWS Region',
        'usagetype': usage_type,
    } | attributes
    dimension = {
        'unit': unit,
        'endRange': 'Inf',
        'beginRange': '0',
        'description': f'${price:g} per {unit} for {usage_type}',
        'appliesTo': [],
        'rateCode': f'{sku}.JRTCKXETXF.6YS6EN2CT7',
        'pricePerUnit': {currency_of(region): f'{price:.10f}'},
    }
    offer = {
        'sku': sku,
        'offerTermCode': 'JRTCKXETXF',
        'termAttributes': {},
        'effectiveDate': '2026-11-01T00:00:00Z',
        'priceDimensions': {dimension['rateCode']: dimension},
    }
    return {
        'product': {
            'productFamily': 'ML Instance',
            'attributes': {name: value for name, value in product.items() if value},
            'sku': sku,
        },
        'serviceCode': 'AmazonSageMaker',
        'terms': {'OnDemand': {f'{sku}.JRTCKXETXF': offer}},
        'version': '20261101000000',
        'publicationDate': '2026-11-01T00:00:00Z',
    }


def product_rows(region: str, prices: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """All of SageMaker's products in a region: for each price of training, others of the same instance as well."""
    prefix, skus = USAGE_PREFIXES.get(region, ''), (f'SIM{number:013}' for number in count(1))
    for name, price in prices.items():
        for component, usage, kind, factor in (
            ('Hosting', f'{prefix}Host:{name}', f'{name}-Hosting', 1.0),
            ('Training', f'{prefix}Train:{name}', f'{name}-Training', 1.0),
            ('SpotTraining', f'{prefix}SpotTrain:{name}', f'{name}-SpotTraining', 0.3),
            ('Cluster', f'{prefix}Cluster:{name}', name, 1.2),
        ):
            yield row(
                region, usage, price * factor, sku=next(skus), instanceName=name, instanceType=kind, component=component
            )
        plan = f'{prefix}TrainingPlanUpfrontFee:{name}'
        yield row(region, plan, price * 168, sku=next(skus), unit='Quantity', instanceName=name, instanceType='NA')
    fine_tuning = f'{prefix}ServerlessTraining:FineTuning'
    yield row(region, fine_tuning, 0.003, sku=next(skus), unit='1K tokens', modelname='a model', component='Training')


class PriceLists:
    """What GetProducts answers.

    Attributes:
        hours: what an hour costs in us-east-1, by instance type; elsewhere, `REGION_FACTORS` of that
        listed: what it costs instead, by region and instance type, if not None: a real account's list prices
        extra: rows of a test's own, which come last, as objects or, malformed, as texts
    """

    def __init__(self) -> None:
        self.hours: dict[str, float] = dict(HOURS)
        self.listed: Mapping[str, Mapping[str, float]] | None = None
        self.extra: list[dict[str, Any] | str] = []

    def get_products(self, call: Call) -> Answer:
        """A page, of which those that follow are known by where they begin. Only some regions have the endpoint."""
        asked = call.parameters
        wanted = {each['Field']: each['Value'] for each in asked.get('Filters', ())}
        region = wanted.get('regionCode', '')
        if call.region not in ENDPOINTS[currency_of(region)]:
            raise AwsError('UnrecognizedClientException', 'The security token included in the request is invalid.')
        if asked.get('ServiceCode') != 'AmazonSageMaker':
            raise AwsError('InvalidParameterException', 'ServiceCode is not one that this answers for')
        size = asked.get('MaxResults', DEFAULT_PAGE)
        if not 1 <= size <= MOST_ROWS:
            raise AwsError('InvalidParameterException', f'MaxResults must be 1 to {MOST_ROWS}')
        products = product_rows(region, self._prices(region))
        rows = (each for each in products if wanted.items() <= _attributes(each).items())
        texts = [each if isinstance(each, str) else json.dumps(each) for each in (*rows, *self.extra)]
        return page(texts, asked.get('NextToken'), size)

    def _prices(self, region: str) -> Mapping[str, float]:
        if self.listed is not None:
            return self.listed.get(region, {})
        return {name: list_price(region, name, self.hours) for name in self.hours if region in REGION_FACTORS}


def _attributes(row: Mapping[str, Any]) -> Mapping[str, str]:
    return row['product']['attributes']


def page(texts: Sequence[str], token: str | None, size: int) -> Answer:
    begin = int(token or 0)
    rest = {'NextToken': str(begin + size)} if begin + size < len(texts) else {}
    return {'FormatVersion': 'aws_v1', 'PriceList': texts[begin : begin + size], **rest}
