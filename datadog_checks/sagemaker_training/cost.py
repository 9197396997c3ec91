# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the use of a job costs, by the prices of now: pure functions; what has no price has no cost.

An instance-hour of managed spot training costs as much as one on demand: its discount is in the billed time, as are all
of AWS's own. The capacity of a training plan was paid up front: one more job in it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from .counts import News
from .job import TrainingJob
from .metrics import Sample, instance_type_tag
from .prices import Prices, currency_of
from .usage import BILLABLE, INSTANCE_TIMES, saved_time, seen_until

COSTS = {BILLABLE: 'usage.cost', 'usage.saved_time': 'usage.saved_cost', 'usage.warm_pool_time': 'usage.warm_pool_cost'}
SPOT_COSTS = {'usage.saved_cost'}
HOUR = 3600


class Rate(NamedTuple):
    """What an hour costs, of all instances that are meant."""

    hour: float
    currency: str
    basis: str

    @property
    def tags(self) -> tuple[str, str]:
        return f'currency:{self.currency}', f'cost_basis:{self.basis}'


def rates(job: TrainingJob, prices: Prices) -> list[tuple[str | None, Rate | None]]:
    """Instance type and rate of each group of the job's instances; nothing where no prices are known."""
    if not prices:
        return []
    if job.training_plan:
        free = Rate(0, currency_of(job.region), 'training_plan')
        return [(group.type, free) for group in job.instances]
    found = ((group, prices.get(group.type or '')) for group in job.instances)
    return [
        (group.type, price and Rate(price.hour * group.count, price.currency, price.basis)) for group, price in found
    ]


def job_rate(job: TrainingJob, prices: Prices) -> Rate | None:
    """Of the whole cluster, if each of its instances has a price."""
    found = [rate for _, rate in rates(job, prices)]
    known = [rate for rate in found if rate]
    if not known or len(known) < len(found):
        return None
    return Rate(sum(rate.hour for rate in known), known[0].currency, max(rate.basis for rate in known))


def cost_samples(job: TrainingJob, new: News, prices: Prices) -> Iterator[Sample]:
    """What costs the time that is new, by instance type."""
    name = COSTS.get(new.name)
    if name and (job.managed_spot or name not in SPOT_COSTS):
        for instance_type, rate in rates(job, prices):
            if rate:
                cost = rate.hour * (new.now - new.before) / HOUR
                yield Sample(name, cost, (*instance_type_tag(instance_type), *rate.tags))


def spent_since(spent: float | None, job: TrainingJob, new: News, prices: Prices) -> float | None:
    """What the job has cost with the billed time that is new; before, that was `spent`, or is not known."""
    if not (rate := job_rate(job, prices)):
        return None
    return (rate.hour * new.before / HOUR if spent is None else spent) + rate.hour * (new.now - new.before) / HOUR


def cost_rates(job: TrainingJob, prices: Prices) -> Iterator[Sample]:
    """What an hour of the job's instances costs, or of the warm pool it holds, by instance type."""
    name = 'jobs.cost_rate' if job.is_open else 'warm_pools.cost_rate'
    if job.is_live:
        for instance_type, rate in rates(job, prices):
            if rate:
                yield Sample(name, rate.hour, (*instance_type_tag(instance_type), *rate.tags))


def job_costs(job: TrainingJob, seen_at: datetime | None, spent: float | None, prices: Prices) -> Iterator[Sample]:
    """What a job has cost that was last seen then, or that is `spent` as far as it was counted; and spot has saved."""
    rate = job_rate(job, prices)
    if not rate or (job.managed_spot and job.is_open):
        return
    if spent is None and (until := seen_until(job, seen_at)):
        billed = INSTANCE_TIMES[BILLABLE](job, until)
        spent = None if billed is None else rate.hour * billed / HOUR
    if spent is not None:
        yield Sample('job.estimated_cost', spent, rate.tags)
    if job.managed_spot and (saved := saved_time(job)) is not None:
        yield Sample('job.saved_cost', rate.hour * saved / HOUR, rate.tags)
