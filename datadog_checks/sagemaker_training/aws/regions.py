# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Which regions there are, and where AWS tells their prices, by botocore's data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import UnknownRegionError
from botocore.session import Session

from datadog_checks.base import ConfigurationError
from datadog_checks.sagemaker_training.config_models.names import closest_to

from .errors import NoPriceList

# Where AWS tells its prices, by partition: https://docs.aws.amazon.com/general/latest/gr/billing.html#pls_region
_PRICE_REGIONS = {'aws': 'us-east-1', 'aws-cn': 'cn-northwest-1'}


def known_regions(endpoints: Mapping[str, Any]) -> dict[str, str]:
    """The regions of botocore's data of this name, each with what AWS calls it: `Europe (Frankfurt)`."""
    regions = [item for partition in endpoints['partitions'] for item in partition['regions'].items()]
    return {name: region.get('description', '') for name, region in regions}


def check_regions(session: Session, names: Iterable[str]) -> None:
    """That botocore knows them: it would make up a host for any other, and the calls fail as if it were the network.

    Raises:
        ConfigurationError: it does not; with the names that are closest
    """
    known = known_regions(session.get_data('endpoints'))
    unknown = [(name, closest_to(name, known)) for name in names if name not in known]
    if unknown:
        told = [f'{name!r} (do you mean {closest!r}?)' if closest else repr(name) for name, closest in unknown]
        raise ConfigurationError(
            f'`regions`, or the region of the environment: the AWS SDK of this Agent knows no {", ".join(told)}. '
            'A region that is newer than the Agent needs a newer Agent, or an `endpoint_url`'
        )


def price_region(session: Session, region: str) -> str:
    """Where the prices of the region are told, which is not there.

    Raises:
        NoPriceList: nor anywhere else
    """
    try:
        return _PRICE_REGIONS[session.get_partition_for_region(region)]
    except (KeyError, UnknownRegionError):
        raise NoPriceList('GetProducts', 'NoEndpoint', f'AWS has no Price List for {region}') from None
