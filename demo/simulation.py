# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Runs the check, over HTTP, on a simulated AWS through simulated time, and records what it sends."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from datadog_checks.sagemaker_training import SagemakerTrainingCheck

from .aws import SimulatedAws
from .calls import Call
from .clock import SimulatedClock
from .fleet import Job
from .recording import Recording

START = datetime(2026, 11, 23, tzinfo=UTC)
POLL_SECONDS = 900
WEEK_POLL_SECONDS = 6 * 3600


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
    fleet: Sequence[Job],
    polls: Sequence[datetime],
    *,
    restart_at: datetime | None = None,
    watch: Callable[[Sequence[datetime]], Iterable[datetime]] = iter,
    **options: Any,
) -> Simulation:
    """Poll each account of the fleet, in all its regions, at these times; PollError if a poll fails.

    At `restart_at` the Agent starts again: with new checks, but its own cache. `watch` sees the polls pass.
    The options are the instances'.
    """
    clock = SimulatedClock(polls[0])
    roles = {f'arn:aws:iam::{job.account}:role/datadog': f'external-id-of-{job.account}' for job in fleet}
    recording = Recording()
    with SimulatedAws(clock, fleet, roles=roles) as aws:
        instances = [
            {
                'regions': sorted({job.region for job in fleet}),
                'endpoint_url': aws.endpoint_url,
                'aws_access_key_id': 'simulated',
                'aws_secret_access_key': 'simulated',
                'assume_role_arn': role,
                'assume_role_external_id': external_id,
                'min_collection_interval': POLL_SECONDS,
                'boto_config': {'proxies': {}},
                **options,
            }
            for role, external_id in roles.items()
        ]
        checks: list[SagemakerTrainingCheck] = []
        for moment in watch(polls):
            if not checks or moment == restart_at:
                checks = [
                    SagemakerTrainingCheck('sagemaker_training', {}, [instance], clock=clock) for instance in instances
                ]
            clock.advance_to(moment)
            for check in checks:
                if error := check.run():
                    raise PollError(message(error))
            recording.take(moment.timestamp())
        return Simulation(recording, aws.calls, polls[0], clock.now)


def every(seconds: float, start: datetime, until: datetime) -> list[datetime]:
    """From the start on, before `until`."""
    step = timedelta(seconds=seconds)
    return [start + number * step for number in range(-((start - until) // step))]


def message(error: str) -> str:
    """What `run` says went wrong, in one line."""
    return ' '.join(json.loads(error)[0]['message'].split())
