# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Runs the check, and shows what it submits: on a simulated AWS over a simulated day, or once on your own account."""

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track

from datadog_checks.base.stubs import aggregator
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.aws import PAGE_SIZE
from datadog_checks.sagemaker_training.check import LISTING_SHARE

from . import preview
from .fleet import Job
from .frames import Window
from .recording import Recording
from .report import duration, render
from .scenario import ACCOUNTS, REGIONS, living_fleet
from .serve import LIVE_SECONDS, PageServer, pages
from .simulation import POLL_SECONDS, START, PollError, every, message, simulate, week_before

# The one poll of a dry run may take this long; the check ends it at 80 %, and the listing at 40 %.
DRY_RUN_SECONDS = 600
OUT_OF_TIME_SECONDS = LISTING_SHARE * DRY_RUN_SECONDS
DRY_RUN_HOURS = 24
DRY_RUN_NOTICE = 'A preview, drawn from one poll of your account. It is not Datadog, and nothing was sent there.'


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 if a poll went wrong, 2 if AWS could not be read."""
    parser = argparse.ArgumentParser(prog='python -m demo', description=__doc__)
    parser.add_argument(
        '--hours', type=simulated_hours, default=24, help='how much simulated time to run through (default: 24)'
    )
    parser.add_argument(
        '--dry-run',
        metavar='REGION',
        help="poll this region once, read-only, with the AWS SDK's own credentials, and send nothing to Datadog",
    )
    parser.add_argument(
        '--profile',
        action='append',
        metavar='NAME',
        help='an AWS profile for the dry run, instead of the default one; may be repeated',
    )
    parser.add_argument(
        '--page',
        type=Path,
        default=Path('build', 'preview.html'),
        metavar='FILE',
        help='where to write the page that draws the dashboards (default: %(default)s)',
    )
    parser.add_argument(
        '--serve',
        type=int,
        nargs='?',
        const=8125,
        metavar='PORT',
        help='then let the fleet live on, and show the page on this port of this machine alone (default: %(const)s)',
    )
    parser.add_argument('--verbose', action='store_true', help='show the log of the check')
    options = parser.parse_args(arguments)
    if options.profile and not options.dry_run:
        parser.error('--profile goes with --dry-run')
    if options.dry_run and options.serve is not None:
        parser.error('--serve goes without --dry-run')
    logging.disable(logging.NOTSET if options.verbose else logging.CRITICAL)
    # Users may give their jobs tags like `env`, which the stub keeps integrations from making up.
    os.environ['DDEV_SKIP_GENERIC_TAGS_CHECK'] = 'true'
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False, emoji=False)
    aggregator.reset()
    if options.dry_run:
        return dry_run(options.dry_run, options.profile or [None], options.page, console)
    _forget_aws_setup()
    if options.serve is not None:
        return live(options.hours, options.serve, console)
    return simulated_day(options.hours, options.page, console)


def simulated_day(hours: float, page: Path, console: Console) -> int:
    """Run an instance for each simulated account, over HTTP, and report.

    Before, the week is polled a few times, so that there is something to compare the day with.
    """
    began = time.monotonic()
    fleet = living_fleet(START, hours)
    week = week_before(START)
    day = every(POLL_SECONDS, START, START + timedelta(hours=hours))
    console.print(
        f'{len(fleet):,} training jobs in {len(ACCOUNTS)} accounts and {len(REGIONS)} regions: '
        f'{duration(hours * 3600)} of a simulated AWS, polled every {duration(POLL_SECONDS)}, '
        'after a week that is polled now and then'
    )
    try:
        polls = _progress(console, [*week, *day])
        simulation = simulate(fleet, polls, restart_at=day[len(day) // 2], collect_transition_logs=True)
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
    window = Window(START.timestamp(), day[-1].timestamp() + POLL_SECONDS, POLL_SECONDS)
    draw(simulation.recording, window, page, console)
    console.print(f'Done in {duration(time.monotonic() - began)}. Next: make dry-run REGION=us-east-1, or the README.')
    return min(recording.worst_status + (counted != truth), 1)


def live(hours: float, port: int, console: Console) -> int:
    """Show the page while the fleet lives on, a quarter of an hour in every few seconds; until it is interrupted."""
    try:
        server = PageServer(port)
    except (OSError, OverflowError) as error:
        print(f'The page cannot be shown on port {port}: {error}', file=sys.stderr)
        return 2
    with server:
        console.print(f'Simulating {duration(hours * 3600)} first. Then the page is at {server.url}; Ctrl+C ends it.')
        try:
            for page in pages(hours):
                server.page = page
                time.sleep(LIVE_SECONDS)
        except PollError as error:
            console.print(str(error), markup=False)
            return 1
        except KeyboardInterrupt:
            console.print('Ended.')
    return 0


def dry_run(region: str, profiles: Sequence[str | None], page: Path, console: Console) -> int:
    """Poll the region once with each profile, in real time and with real credentials, and report."""
    instance: dict[str, Any] = {
        'regions': [region],
        'min_collection_interval': DRY_RUN_SECONDS,
        'history_hours': DRY_RUN_HOURS,
        'job_metrics_hours': DRY_RUN_HOURS,
        'collect_environment_values': False,
    }
    failures = []
    began = time.monotonic()
    with console.status(f'Polling {region}: listing 30 days of jobs, 100 a second ...'):
        for profile in profiles:
            check = SagemakerTrainingCheck('sagemaker_training', {}, [instance | {'aws_profile': profile}])
            if error := check.run():
                failures.append(message(error))
    recording = Recording()
    recording.take(time.time())
    connections = recording.service_checks
    critical = [each.message for each in connections if each.status == SagemakerTrainingCheck.CRITICAL]
    failures += [message for message in critical if not any(message in failure for failure in failures)]
    for failure in failures:
        print(failure, file=sys.stderr)
    if len(failures) == len(profiles):
        return 2
    console.print(
        f'One poll of {region}, read-only, nothing sent: what runs, and what ended in the last {DRY_RUN_HOURS} hours'
    )
    render(recording, console)
    end = (recording.polled_at[-1] // POLL_SECONDS + 1) * POLL_SECONDS
    draw(recording, Window(end - DRY_RUN_HOURS * 3600, end, POLL_SECONDS), page, console, DRY_RUN_NOTICE)
    console.print(f'Done in {duration(time.monotonic() - began)}.')
    if any(point.metric == 'poll.duration' and point.value >= OUT_OF_TIME_SECONDS for point in recording.points):
        console.print('That is long: jobs that one poll had no time for may be missing. The next poll would go on.')
    return min(recording.worst_status + len(failures), 1)


def draw(recording: Recording, window: Window, page: Path, console: Console, notice: str = preview.NOTICE) -> None:
    """Write the page, and say where it is."""
    page.parent.mkdir(parents=True, exist_ok=True)
    preview.write(recording, window, page, notice)
    console.print(f'\nThe dashboards and monitors, drawn from this:\n{page.resolve()}', soft_wrap=True)


class JobCounts(NamedTuple):
    """How many jobs were created, ended, and lost their spot instances."""

    created: int
    finished: int
    interrupted: int

    def __str__(self) -> str:
        return f'{self.created} jobs created, {self.finished} finished, {self.interrupted} interruptions'


def counted_jobs(recording: Recording) -> JobCounts:
    return JobCounts(
        *(
            int(sum(count.value for count in recording.totals if count.metric == f'jobs.{what}'))
            for what in JobCounts._fields
        )
    )


def true_counts(fleet: Iterable[Job], after: datetime, until: datetime) -> JobCounts:
    """What the scripts of the jobs say happened after the first poll, up to the last."""
    happened = Counter(
        what
        for job in fleet
        for what, time in (('created', job.created), ('finished', job.end), *_interruptions(job))
        if after < time <= until
    )
    return JobCounts(*(happened[what] for what in JobCounts._fields))


def _interruptions(job: Job) -> list[tuple[str, datetime]]:
    return [('interrupted', step.start) for step in job.steps if step.status == 'Interrupted']


def calls_of_listing_and_describing_all(fleet: Iterable[Job], now: datetime) -> int:
    """What one poll costs a collector that keeps nothing in mind."""
    sizes: dict[tuple[str, str], int] = {}
    for job in fleet:
        if job.created <= now:
            sizes[job.account, job.region] = sizes.get((job.account, job.region), 0) + 1
    return sum(ceil(size / PAGE_SIZE) + size for size in sizes.values())


def simulated_hours(text: str) -> float:
    """The value of `--hours`; ValueError if it is not above 0, or is more than a year."""
    hours = float(text)
    if not 0 < hours <= 24 * 365:
        raise ValueError(text)
    return hours


def _forget_aws_setup() -> None:
    """Whoever runs the demo may have profiles, regions and endpoints set that have nothing to do with it."""
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        del os.environ[name]
    os.environ |= {'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull}


def _progress(console: Console, polls: Sequence[datetime]) -> Iterator[datetime]:
    """The polls; a bar on a terminal, elsewhere a line for each quarter."""
    if console.is_terminal:
        yield from track(polls, description='Polling', console=console, transient=True)
        return
    for number, poll in enumerate(polls):
        if number and number % ceil(len(polls) / 4) == 0:
            console.print(f'{number} of {len(polls)} polls done')
        yield poll


if __name__ == '__main__':
    sys.exit(main())
