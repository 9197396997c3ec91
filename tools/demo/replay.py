# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The check lives through a history again, in simulated time."""

from datetime import UTC, datetime, timedelta
from functools import partial

from rich.console import Console

from datadog_checks.sagemaker_training.aws.pace import Clock
from tools.aws.past import past_jobs
from tools.aws.server import SimulatedAws
from tools.backtest.history import History
from tools.datadog.recording import Recording

from .progress import step
from .report import duration
from .simulation import POLL_SECONDS, PollError, Simulation, every, forget_aws_setup, simulated

# What is older than a day is polled less often, as that many polls would take long.
OLDER_POLL_SECONDS = 300
RECENT = timedelta(days=1)


def play(history: History, console: Console, clock: Clock) -> tuple[Recording | None, list[str]]:
    """What the check sends of the history in simulated time, and what went wrong."""
    polls = replay_polls(history.since, history.read_at)
    jobs = past_jobs([*history.jobs, *((summary, {}) for summary in history.undescribed)], history.read_at)
    told_of = f'{len(jobs):,} jobs, {duration((polls[-1] - polls[0]).total_seconds())}, {len(polls):,} polls'
    forget_aws_setup()
    console.print(f'\nThe check lives through them: {told_of}')
    simulations = simulated(
        jobs,
        polls,
        prepare=partial(as_in_the_account, history),
        min_collection_interval=POLL_SECONDS,
        collect_transition_logs=True,
        estimate_cost=bool(history.prices),
    )
    last: Simulation | None = None
    remarks = []
    try:
        with step('Playing', 'polls', console, clock) as told:
            for number, simulation in enumerate(simulations, 1):
                last = simulation
                told(number, number / len(polls))
    except PollError as error:
        remarks.append(str(error))
    except KeyboardInterrupt:
        remarks.append(f'Ctrl+C: the last poll is of {last.ended_at:%F %H:%M}.' if last else 'Ctrl+C before any poll.')
    return (last.recording if last else None), remarks


def as_in_the_account(history: History, aws: SimulatedAws) -> None:
    """What could not be described cannot be in the simulation either, and no price counts but those that were read."""
    aws.prices.listed = history.prices
    for summary in history.undescribed:
        _, _, _, region, account, _ = summary['TrainingJobArn'].split(':')
        aws.fail(
            'AccessDeniedException',
            'not authorized',
            operation='DescribeTrainingJob',
            account=account,
            region=region,
            name=summary['TrainingJobName'],
        )


def replay_polls(since: datetime, until: datetime) -> list[datetime]:
    """When to poll: each minute of the last day, each five before, and once when nothing more is known."""
    coarse, fine = timedelta(seconds=OLDER_POLL_SECONDS), timedelta(seconds=POLL_SECONDS)
    start, end = _floor(since, coarse), _floor(until, fine) + fine
    recent = max(start, _floor(end - RECENT, coarse))
    return [*every(OLDER_POLL_SECONDS, start, recent), *every(POLL_SECONDS, recent, end), end]


def _floor(moment: datetime, step: timedelta) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
