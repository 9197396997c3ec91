# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Each fact is counted, evented and logged exactly once, whatever happens: random fleets, faults, restarts and polls.

The check is the real one, with real clients over HTTP and the Agent's border as it is. What it sends is held against
what the jobs' scripts say.
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .fleet import Fleet, seen

AT_LEAST = {
    'restarts': 150,
    'polls cancelled': 4,
    'polls whose writes were lost': 100,
    'files damaged': 40,
    'quiet polls': 10,
    'fleets compared': 100,
    'names reused': 15,
    'jobs deleted': 50,
    'jobs counted before they were described': 30,
    'jobs open at the first poll': 100,
    'jobs over at the first poll': 60,
    'ListTrainingJobs failed': 50,
    'DescribeTrainingJob failed': 100,
    'GetResources failed': 10,
    'created': 300,
    'completed': 150,
    'failed': 150,
    'stopped': 50,
    'interrupted': 150,
    'use of jobs that ran': 100,
    'usage.cost': 150,
    'usage.saved_cost': 40,
    'usage.warm_pool_cost': 80,
    'usage.saved_time': 40,
    'usage.warm_pool_time': 80,
    'usage.billable_tokens': 10,
}


def test_each_fact_is_told_exactly_once() -> None:
    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=200,
            stateful_step_count=15,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=(Phase.generate,),
        ),
    )
    assert {what: seen[what] for what, least in AT_LEAST.items() if seen[what] < least} == {}
