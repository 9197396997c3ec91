# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the options of an instance come to, for all of its regions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from .config_models.instance import InstanceConfig
from .entry import Entry
from .families import families
from .ledger import Ledger
from .prices import Prices, price_table
from .scrub import Scrubber
from .tags import GROUP_TAGS, instance_names, metric_tags, tags
from .text import well_formed


def name_filter(include: Iterable[str], exclude: Iterable[str]) -> Callable[[str], bool]:
    """Whether a job's name is wanted: none of `exclude` is found in it, and one of `include` if there are any."""
    included, excluded = ([re.compile(pattern) for pattern in patterns] for patterns in (include, exclude))

    def is_wanted(name: str) -> bool:
        if any(pattern.search(name) for pattern in excluded):
            return False
        return not included or any(pattern.search(name) for pattern in included)

    return is_wanted


class Settings:
    """Of one instance: its options, and what is made of them once. `service` is that of the instance or of all."""

    def __init__(self, config: InstanceConfig, service: str | None, scrubber: Scrubber) -> None:
        self.config = config
        self.scrubber = scrubber
        self.family = families(config.job_family_patterns or (), config.job_family_tag)
        self.is_included = name_filter(config.name_include or (), config.name_exclude or ())
        self._own_names = instance_names(config.tags or (), service)

    def new_ledger(self) -> Ledger:
        return Ledger(timedelta(hours=self.config.history_hours), self.is_included)

    def scope(self, region: str, account_id: str | None) -> list[str]:
        """The tags of everything that is sent of a region."""
        own = [f'region:{region}', *map(well_formed, self.config.tags or ())]
        return [f'aws_account:{account_id}', *own] if account_id else own

    def group_tags(self, entry: Entry) -> list[str]:
        family = self.family(entry.job.name, entry.tags)
        asked = metric_tags(entry.tags, self.config.resource_tags_as_metric_tags, self._own_names)
        return [*tags(entry.job, GROUP_TAGS), *([f'job_family:{family}'] if family else ()), *asked]

    def prices(self, region: str, listed: Mapping[str, float]) -> Prices:
        """Of an instance-hour in the region, with what AWS lists there; empty if nobody has asked for any."""
        return price_table(region, self.config.instance_prices or {}, listed, self.config.price_discount_percent)

    @property
    def role_account_id(self) -> str | None:
        """The account of the role that is assumed, if one is."""
        arn = self.config.assume_role_arn
        return arn.split(':')[4] if arn else None

    @property
    def open_refresh(self) -> timedelta:
        return timedelta(seconds=self.config.open_job_refresh_seconds)

    @property
    def resource_refresh(self) -> timedelta:
        return timedelta(seconds=self.config.resource_refresh_seconds)

    @property
    def page_cost(self) -> float:
        """What listing a page at every poll costs, in Describes of one open job: a share of AWS's rate each."""
        config = self.config
        polls_per_describe = config.open_job_refresh_seconds / config.min_collection_interval
        return config.describe_requests_per_second / config.list_requests_per_second * polls_per_describe
