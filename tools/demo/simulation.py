# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Runs the check, over HTTP, on a simulated AWS through simulated time, and records what it sends."""

import gc
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from multiprocessing import get_context
from typing import Any

from datadog_checks.base.stubs import datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.calls import Call
from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Job
from tools.aws.past import PastJob
from tools.aws.scenario import WEEK
from tools.aws.server import SimulatedAws
from tools.datadog.recording import Recording

START = datetime(2026, 11, 23, tzinfo=UTC)
# What the README recommends, and what users have.
POLL_SECONDS = 60
# The week before a day is there to compare with. Each minute of it would take longer than anybody waits.
WEEK_POLL_SECONDS = 3600


class PollError(Exception):
    """What `run` says went wrong in a poll, in one line."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What was sent, which AWS calls that took, when the first poll began and the last one ended."""

    recording: Recording
    calls: Sequence[Call]
    began_at: datetime
    ended_at: datetime


def simulate(
    fleet: Sequence[Job | PastJob], polls: Iterable[datetime], *, restart_at: datetime | None = None, **options: Any
) -> Simulation:
    """What `simulated` yields last."""
    *_, last = simulated(fleet, polls, restart_at=restart_at, **options)
    return last


def simulated(
    fleet: Sequence[Job | PastJob],
    polls: Iterable[datetime],
    *,
    restart_at: datetime | None = None,
    prepare: Callable[[SimulatedAws], None] = lambda aws: None,
    **options: Any,
) -> Iterator[Simulation]:
    """Poll each account of the fleet, in all its regions, at these times; PollError if a poll fails.

    Yields after each poll, always with the same recording. At `restart_at` the Agent starts again: with new checks, but
    its own cache. `prepare` is given the AWS before the first poll. The options are the instances'.
    """
    polls = iter(polls)
    first = next(polls)
    clock = SimulatedClock(first)
    roles = {f'arn:aws:iam::{job.account}:role/datadog': f'external-id-of-{job.account}' for job in fleet}
    recording = Recording()
    datadog_agent._config['logs_enabled'] = True
    with SimulatedAws(clock, fleet, roles=roles) as aws, _settled():
        prepare(aws)
        instances = [
            {
                'regions': sorted({job.region for job in fleet}),
                'endpoint_url': aws.endpoint_url,
                'aws_access_key_id': 'simulated',
                'aws_secret_access_key': 'simulated',
                'assume_role_arn': role,
                'assume_role_external_id': external_id,
                'min_collection_interval': POLL_SECONDS,
                'estimate_cost': True,
                # Threads that share one simulated clock would each find another time on it in every run.
                'max_concurrency': 1,
                'boto_config': {'proxies': {}},
                **options,
            }
            for role, external_id in roles.items()
        ]
        checks: list[SagemakerTrainingCheck] = []
        for moment in chain([first], polls):
            if not checks or moment == restart_at:
                checks = [
                    SagemakerTrainingCheck('sagemaker_training', {}, [instance], clock=clock) for instance in instances
                ]
            clock.advance_to(moment)
            for check in checks:
                if error := check.run():
                    raise PollError(message(error))
            recording.take(moment.timestamp())
            yield Simulation(recording, aws.calls, first, clock.now)


@contextmanager
def _settled() -> Iterator[None]:
    """Fleet and moto, which stay, are not looked through for garbage again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def simulate_accounts(
    fleet: Sequence[Job],
    polls: Sequence[datetime],
    told: Callable[[Sequence[datetime]], Iterable[datetime]] = iter,
    **options: Any,
) -> Simulation:
    """What `simulate` yields, by a process for each account: a day of polls each minute keeps a core busy for long.

    No account depends on another. `told` is given the polls, and passes them on as one account is polled.
    """
    here, *elsewhere = ([job for job in fleet if job.account == account] for account in {job.account for job in fleet})
    context, quiet = get_context('spawn'), logging.root.manager.disable
    with ProcessPoolExecutor(max(len(elsewhere), 1), context, logging.disable, (quiet,)) as pool:
        others = [pool.submit(partial(simulate, jobs, polls, **options)) for jobs in elsewhere]
        simulations = [simulate(here, told(polls), **options), *(other.result() for other in others)]
    return Simulation(
        Recording.merged([each.recording for each in simulations]),
        sorted((call for each in simulations for call in each.calls), key=lambda call: call.time),
        polls[0],
        max(each.ended_at for each in simulations),
    )


def week_before(start: datetime) -> list[datetime]:
    """A poll each hour, and the last one where the polls of a day from `start` on would have one.

    It begins an hour early, as a first poll counts nothing: so any time of the week is polled as evenly as the day, and
    what is counted in it is all that happened.
    """
    first = start - WEEK - timedelta(seconds=WEEK_POLL_SECONDS)
    return [*every(WEEK_POLL_SECONDS, first, start), start - timedelta(seconds=POLL_SECONDS)]


def every(seconds: float, start: datetime, until: datetime) -> list[datetime]:
    """From the start on, before `until`."""
    step = timedelta(seconds=seconds)
    return [start + number * step for number in range(-((start - until) // step))]


def message(error: str) -> str:
    """What `run` says went wrong, in one line."""
    return ' '.join(json.loads(error)[0]['message'].split())


def forget_aws_setup() -> None:
    """Whoever runs the demo may have profiles, regions and endpoints set that have nothing to do with it."""
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        del os.environ[name]
    os.environ |= {'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull}
