# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The check on a simulated AWS over a simulated day."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tools.aws.scenario import ACCOUNTS, REGIONS, living_fleet
from tools.datadog.frames import Window

from .report import draw, duration, render
from .simulation import POLL_SECONDS, START, WEEK_POLL_SECONDS, PollError, every, simulate_accounts, week_before
from .truth import calls_of_listing_and_describing_all, counted_jobs, true_counts


def simulated_day(hours: float, page: Path, console: Console) -> int:
    """Run an instance for each simulated account, over HTTP, and report.

    Before, the week is polled each hour, so that there is something to compare the day with.
    """
    began = time.monotonic()
    fleet = living_fleet(START, hours)
    week = week_before(START)
    day = every(POLL_SECONDS, START, START + timedelta(hours=hours))
    console.print(
        f'{len(fleet):,} training jobs in {len(ACCOUNTS)} accounts and {len(REGIONS)} regions: '
        f'{duration(hours * 3600)} of a simulated AWS, polled every {duration(POLL_SECONDS)}, '
        f'after a week that is polled every {duration(WEEK_POLL_SECONDS)}'
    )
    try:
        told = partial(_progress, console)
        restart_at = day[len(day) // 2]
        simulation = simulate_accounts(fleet, [*week, *day], told, restart_at=restart_at, collect_transition_logs=True)
    except PollError as error:
        console.print(str(error), markup=False)
        return 1
    recording = simulation.recording.since(START.timestamp())
    render(recording, console)
    counted, truth = counted_jobs(recording), true_counts(fleet, week[-1], simulation.ended_at)
    verdict = 'and so they are counted' if counted == truth else f'but counted are {counted}: this is a bug'
    console.print(f'\nIn truth it is {truth}, {verdict}, although the Agent was restarted half-way.')
    made = sum(call.time >= (START - simulation.began_at).total_seconds() for call in simulation.calls)
    naive = sum(calls_of_listing_and_describing_all(fleet, moment) for moment in day)
    console.print(
        f'\nThat is {made:,} calls. Listing and describing every job at every poll would have been {naive:,} '
        '(computed from the same fleet).'
    )
    window = Window.drawn(START.timestamp(), day[-1].timestamp() + POLL_SECONDS)
    draw(simulation.recording, window, page, console)
    console.print(f'Done in {duration(time.monotonic() - began)}. Next: make dry-run REGION=us-east-1, or the README.')
    return min(recording.worst_status + (counted != truth), 1)


def _progress(console: Console, polls: Sequence[datetime]) -> Iterator[datetime]:
    """The polls; a bar on a terminal, elsewhere a line for each quarter."""
    if console.is_terminal:
        yield from track(polls, description='Polling', console=console, transient=True)
        return
    for number, poll in enumerate(polls):
        if number and number % ceil(len(polls) / 4) == 0:
            console.print(f'{number} of {len(polls)} polls done')
        yield poll
