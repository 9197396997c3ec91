# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What an hour of an instance costs: present or absent, never a guess. Pure: rows and options in, prices out."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

type Currency = Literal['usd', 'cny']
# By instance type, such as ml.m5.large.
type Prices = Mapping[str, Price]

SET_OWN_PRICE = 'Set one in `instance_prices`.'

INSTANCE_TYPE = re.compile(r'ml\.[a-z0-9-]+\.[a-z0-9]+')
# `USE1-Train:ml.m5.large`; of us-east-1 it may lack the prefix. Hosting, clusters and serverless training have others.
_USAGE_TYPE = re.compile(r'(?:^|-)Train:ml\.')


class Price(NamedTuple):
    """Of an instance-hour, with the discount taken off; `basis` tells whether AWS lists it or an option sets it."""

    hour: float
    currency: Currency
    basis: Literal['list', 'override']


class Listed(NamedTuple):
    """The list prices of an hour by instance type, and the types that AWS lists two for, or what cannot be one."""

    hours: dict[str, float]
    doubtful: list[str]


def currency_of(region: str) -> Currency:
    """What AWS bills in: China's regions are sold by companies of their own."""
    return 'cny' if region.startswith('cn-') else 'usd'


def price_table(
    region: str, own: Mapping[str, float], listed: Mapping[str, float], discount_percent: float
) -> dict[str, Price]:
    """The prices of a region: the user's own as they are, else AWS's less the discount."""
    currency, share = currency_of(region), 1 - discount_percent / 100
    table = {name: Price(hour * share, currency, 'list') for name, hour in listed.items()}
    return table | {name: Price(hour, currency, 'override') for name, hour in own.items()}


def list_prices(rows: Iterable[Any], region: str) -> Listed:
    """Those of on-demand training instances in the region, out of rows of GetProducts, each a JSON text.

    A row of anything else counts for nothing: other components have other prices for the same instance. What a row
    looks like: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
    """
    found: defaultdict[str, set[float | None]] = defaultdict(set)
    for row in rows:
        with suppress(ValueError, RecursionError):
            for name, hour in _row_prices(json.loads(row) if isinstance(row, str) else None, region):
                found[name].add(hour)
    hours = {name: hour for name, [hour, *others] in found.items() if hour is not None and not others}
    return Listed(hours, sorted(found.keys() - hours.keys()))


def _row_prices(row: Any, region: str) -> Iterator[tuple[str, float | None]]:
    """Instance type and price of an hour, None for one that is no amount of money."""
    attributes = _part(_part(row, 'product'), 'attributes')
    name, usage = attributes.get('instanceName'), attributes.get('usagetype')
    if (attributes.get('regionCode'), attributes.get('component')) != (region, 'Training'):
        return
    if not (isinstance(name, str) and INSTANCE_TYPE.fullmatch(name)):
        return
    if not (isinstance(usage, str) and _USAGE_TYPE.search(usage)):
        return
    for offer in _part(_part(row, 'terms'), 'OnDemand').values():
        for dimension in _part(offer, 'priceDimensions').values():
            if isinstance(dimension, dict) and dimension.get('unit') == 'Hrs':
                yield name, _amount(_part(dimension, 'pricePerUnit').get(currency_of(region).upper()))


def _part(value: Any, name: str) -> Mapping[str, Any]:
    """The object of this name in an object; an empty one if there is none."""
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}


def _amount(text: Any) -> float | None:
    try:
        amount = float(text) if isinstance(text, str) else 0
    except ValueError:
        return None
    return amount if 0 < amount < math.inf else None
