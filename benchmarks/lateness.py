# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Prints how late the check counts that a job has ended, by the number of open jobs and of calls that AWS refuses.

python -m benchmarks.lateness
"""

from __future__ import annotations

import logging
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from datadog_checks.base.stubs import aggregator, datadog_agent
from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Job
from tools.aws.scenario import quiet_history
from tools.aws.server import SimulatedAws

from .polls import NOW, drop_what_is_sent, forget_aws_setup, new_check, poll

INTERVAL = 60  # seconds
WARM_UP = 15  # polls, in which each job is described
MEASURED = 40  # polls, during which jobs end
PATIENCE = 120  # polls more, at most, for the ends that are not counted yet
OPTIONS = {
    'collect_job_metrics': False,  # gauges cost time here, and no calls
    # Before it tries again, the SDK would really sleep.
    'boto_config': {'proxies': {}, 'retries': {'total_max_attempts': 1}},
}
FAILURES_AMONG = 1_700


@dataclass(slots=True)
class Case:
    """So many open jobs, and ends; of `one_in` Describes AWS throttles one, or the first after each end fails."""

    open_jobs: int
    one_in: int | None = None
    ends: int = 120
    fails_once: bool = False


def fleet(case: Case) -> list[Job]:
    """Open jobs of the last 20 hours; those that end do so evenly spread, and for each another one is created."""
    apart = timedelta(seconds=MEASURED * INTERVAL / case.ends)
    ends = [timedelta(seconds=WARM_UP * INTERVAL) + apart * (number + 0.37) for number in range(case.ends)]
    ages = [timedelta(hours=20 * (number + 1) / case.open_jobs) for number in range(case.open_jobs)]
    jobs = quiet_history(NOW, 0, [*ages, *(-end for end in ends)])
    for place, end in zip(random.Random(2026).sample(range(case.open_jobs), case.ends), ends, strict=True):
        job = jobs[place]
        steps = (*job.steps[:-1], replace(job.steps[-1], start=NOW + end))
        jobs[place] = replace(job, steps=steps, tags={'ends': job.name})
    return jobs


def row(case: Case) -> str:
    """A line of the table."""
    jobs, clock = fleet(case), SimulatedClock(NOW)
    ends = {f'ends:{job.name}': job for job in jobs if job.tags}
    late: dict[str, float] = {}

    def note(check: Any, check_id: str, kind: int, name: str, value: float, tags: Sequence[str], *_: object) -> None:
        if name == 'sagemaker_training.jobs.finished':
            for tag in ends.keys() & set(tags):
                assert (value, tag in late) == (1, False), f'{tag} is counted twice'
                late[tag] = (clock.now - ends[tag].end).total_seconds()

    datadog_agent.reset()
    calls: list[Counter[str]] = []
    longest = 0.0
    with patch.object(aggregator, 'submit_metric', note), SimulatedAws(clock, jobs) as aws:
        check = new_check(aws.endpoint_url, clock, **OPTIONS)
        failing = sorted(ends.values(), key=lambda job: job.end) if case.fails_once else []
        for number in range(WARM_UP + MEASURED + PATIENCE):
            start = NOW + timedelta(seconds=number * INTERVAL)
            clock.advance_to(start)
            if number == WARM_UP and case.one_in:
                aws.fail('ThrottlingException', 'Rate exceeded', operation='DescribeTrainingJob', one_in=case.one_in)
            while failing and failing[0].end <= start:
                name = failing.pop(0).name
                aws.fail('InternalFailure', status=500, operation='DescribeTrainingJob', name=name, times=1)
            before = len(aws.calls)
            poll(check)
            if WARM_UP <= number < WARM_UP + MEASURED:
                longest = max(longest, (clock.now - start).total_seconds())
                calls.append(Counter(call.operation for call in aws.calls[before:]))
            elif number >= WARM_UP + MEASURED and len(late) == len(ends):
                break
    return '| ' + ' | '.join(_cells(case, calls, [late.get(tag, math.inf) for tag in ends], longest)) + ' |'


def _cells(case: Case, calls: Sequence[Counter[str]], late: Sequence[float], longest: float) -> Iterator[str]:
    describes = [each['DescribeTrainingJob'] for each in calls]
    yield f'{case.open_jobs:,}'
    yield 'each end fails once' if case.fails_once else f'{1 / case.one_in if case.one_in else 0:.0%} throttled'
    yield f'{sum(each["ListTrainingJobs"] for each in calls) / len(calls):.0f}'
    yield f'{sum(describes) / len(calls):.0f}'
    yield f'{max(describes)}'
    for share in (0.5, 0.99, 1):
        seconds = sorted(late)[math.ceil(share * len(late)) - 1]
        yield f'{seconds:,.0f}' if seconds < math.inf else 'never'
    yield f'{late.count(math.inf)} of {len(late)}'
    yield f'{longest:.0f}'


HEADER = (
    '| Open jobs | Describes | List a poll | Describe a poll | most | p50, s | p99, s | max, s | Not counted '
    '| Longest poll, s |\n|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|'
)

if __name__ == '__main__':
    logging.disable()  # what the check says of the calls that were refused
    forget_aws_setup()
    drop_what_is_sent()
    print(HEADER)
    for open_jobs in (200, 1_000, 3_000):
        for one_in in (None, 100, 25):
            print(row(Case(open_jobs, one_in)), flush=True)
    print(row(Case(FAILURES_AMONG, ends=4, fails_once=True)), flush=True)
