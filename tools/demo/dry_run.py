# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The last days of a real account, read once and read-only, and lived through again by the check: a backtest."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape

from datadog_checks.base import ConfigurationError
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.aws import Account, Region
from datadog_checks.sagemaker_training.aws.errors import AwsError
from datadog_checks.sagemaker_training.aws.pace import Clock
from datadog_checks.sagemaker_training.listing import LONGEST_LIFE
from datadog_checks.sagemaker_training.scrub import Scrubber
from tools.backtest.history import History, HistoryError, load, save, try_to_write
from tools.backtest.reading import (
    Listing,
    Reader,
    calls_to_describe,
    listed,
    read_prices,
    regions_with_jobs,
    sagemaker_regions,
)
from tools.datadog.assets import Json
from tools.datadog.assets import load as load_assets
from tools.datadog.frames import Window
from tools.datadog.recording import Recording
from tools.datadog.thresholds import with_threshold

from .advice import at_a_terminal, unknown_region
from .progress import step
from .replay import play
from .report import draw, duration, render
from .simulation import POLL_SECONDS
from .verdict import monitors_section, verdict_section

DRY_RUN_NOTICE = 'A preview: the check has lived through the last days of your account again. It is not Datadog.'
NO_DOLLARS = 'There are no dollars in it, as the list prices could not be read: the terminal says why.'
# What Datadog draws a week in is an hour, in which what runs now is not to be told from what has just ended.
SHOWN_SECONDS = 900
# What a first poll looks back by default, as `history_hours`: for resources, and for what a family usually takes.
MARGIN = timedelta(hours=24)
INCOMPLETE, NOT_READ = 1, 2


class DryRun(NamedTuple):
    """What is asked for on the command line."""

    regions: Sequence[str]
    profiles: Sequence[str | None]
    days: float
    save_to: Path | None = None
    load_from: Path | None = None
    thresholds: Mapping[str, float] = {}
    find_regions: bool = False


class Connected(NamedTuple):
    """An account that can be asked, and the profile that it is asked with."""

    profile: str | None
    account: Account
    rate: float  # Describes a second


def dry_run(asked: DryRun, page: Path, console: Console, clock: Clock = time) -> int:
    """Read or load the history, play it, and report; the exit code: 0, 1 if something is missing, 2 if nothing is."""
    began = clock.monotonic()
    monitors = {name: _tried(name, monitor, asked.thresholds) for name, monitor in load_assets('monitors').items()}
    failures: list[str] = []
    try:
        if asked.save_to:
            try_to_write(asked.save_to)  # before much is read that cannot be kept
        history = load(asked.load_from) if asked.load_from else read(asked, failures, console, clock)
        if history and asked.save_to:
            save(history, asked.save_to)
            console.print(f'Kept: --from {asked.save_to} plays it again, without AWS.', markup=False)
    except HistoryError as error:
        history, failures = None, [str(error)]
    print(*failures, sep='\n', end='\n' * bool(failures), file=sys.stderr)
    if history is None:
        return NOT_READ
    remarks = [*failures, *history.remarks]
    if history.jobs or history.undescribed:
        recording, more = play(history, console, clock)
        remarks += more
        if recording:
            render(recording, console)
            _report(recording, history, monitors, page, console)
            remarks += ['See the service check above.'] if recording.worst_status and not remarks else []
    else:
        _tell_of_no_jobs(asked, history, failures, console, clock)
    console.print(f'\nDone in {duration(clock.monotonic() - began)}. Nothing was sent to Datadog.')
    for remark in remarks:
        console.print(f'[yellow]warning[/] {escape(at_a_terminal(remark))}')
    return INCOMPLETE if remarks else 0


def _report(recording: Recording, history: History, monitors: Mapping[str, Json], page: Path, console: Console) -> None:
    end = recording.polled_at[-1] + POLL_SECONDS
    # In whole intervals, so that it can be compared with the time before.
    start = end - ceil((end - history.since.timestamp()) / SHOWN_SECONDS) * SHOWN_SECONDS
    notice = DRY_RUN_NOTICE if history.prices else f'{DRY_RUN_NOTICE} {NO_DOLLARS}'
    draw(recording, Window(start, end, SHOWN_SECONDS), page, console, notice, monitors)
    console.print('\n[bold]Monitors that would have fired[/]')
    console.print(*monitors_section(recording, monitors), sep='\n')
    console.print('\n[bold]Verdict[/]')
    console.print(*verdict_section(recording, history.days), sep='\n')


def _tried(name: str, monitor: Json, thresholds: Mapping[str, float]) -> Json:
    if name not in thresholds:
        return monitor
    return monitor | {'definition': with_threshold(monitor['definition'], thresholds[name])}


def read(asked: DryRun, failures: list[str], console: Console, clock: Clock) -> History | None:
    """What AWS tells, and why it does not, into `failures`. None if no region of any profile could be read."""
    if problems := list(filter(None, map(unknown_region, asked.regions))):
        failures += problems
        return None
    now = _now(clock)
    history = History(now - timedelta(days=asked.days), now)
    reach = (history.since - MARGIN - LONGEST_LIFE).date()
    console.print(
        f'Reading {", ".join(asked.regions)}, and changing nothing. First all jobs since {reach} are listed, as one '
        'may run for 30 days: a ListTrainingJobs call a second, each for 100 jobs. Ctrl+C ends a step, and what there '
        'is by then is gone on with.',
        markup=False,
    )
    scrubber = Scrubber()
    to_describe: list[tuple[Connected, Listing]] = []
    for connected in _connected(asked, failures, clock):
        for region in connected.account.regions:
            try:
                with step(f'Listing {region.name}', 'jobs', console, clock) as told:
                    listing = listed(region, history.since - MARGIN, now, told)
            except AwsError as error:
                failures.append(_why(error, connected.profile))
                continue
            to_describe.append((connected, listing))
            history.listed[_place(connected.profile, region)] = listing.shown
            history.remarks += [scrubber.text(str(why)) for why in listing.malformed]
            if listing.reached:
                history.remarks.append(
                    f'{region.name}: Ctrl+C: jobs created before {listing.reached:%F %H:%M} are missing.'
                )
            console.print(
                f'{_place(connected.profile, region)}: {listing.shown:,} jobs listed, of which {len(listing.alive):,} '
                f'were alive in the last {asked.days:g} days, or in the one before',
                markup=False,
            )
    if not to_describe:
        return None
    read = _described(to_describe, history, failures, console, clock)
    history.read_at = _now(clock)
    return history if read else None


def _described(
    to_describe: Sequence[tuple[Connected, Listing]],
    history: History,
    failures: list[str],
    console: Console,
    clock: Clock,
) -> int:
    """How many regions could be read; into the history, what they tell."""
    calls, seconds = calls_to_describe((listing for _, listing in to_describe), to_describe[0][0].rate)
    scrubber = Scrubber()
    if calls:
        regions = dict.fromkeys(listing.region.name for _, listing in to_describe if listing.alive)
        console.print(
            f'Describing them, with their tags, takes {calls:,} calls, at most {to_describe[0][0].rate:g} a second: '
            f'about {duration(seconds)}. First, the list prices of {", ".join(regions)}: 1 to 3 calls for each region',
            markup=False,
        )
        priced = (listing.region for _, listing in to_describe if listing.alive)
        for region, why in read_prices(priced, history):
            history.remarks.append(
                f'{region}: the list prices are missing, and with them its dollars. {scrubber.text(why)}'
            )
    read = 0
    for number, (connected, listing) in enumerate(to_describe, 1):
        try:
            with step(f'Describing {listing.region.name}', 'jobs', console, clock) as told:
                Reader(listing, history, scrubber).read(told)
            read += 1
        except AwsError as error:
            failures.append(_why(error, connected.profile))
        except KeyboardInterrupt:
            left = [listing.region.name for _, listing in to_describe[number:]]
            missing = f' and all of {", ".join(left)}' if left else ''
            history.remarks.append(f'Ctrl+C: older jobs of {listing.region.name}{missing} are missing.')
            return read + 1
    return read


def _connected(asked: DryRun, failures: list[str], clock: Clock, regions: Sequence[str] = ()) -> Iterator[Connected]:
    """Each account that there are credentials for."""
    for profile in asked.profiles:
        instance = {'regions': list(regions or asked.regions), 'aws_profile': profile}
        check = SagemakerTrainingCheck('sagemaker_training', {}, [instance])
        try:
            check.load_configuration_models()
            account = Account(check.config, {}, clock)
        except (AwsError, ConfigurationError) as error:
            failures.append(_why(error, profile))
            continue
        yield Connected(profile, account, check.config.describe_requests_per_second)


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.time(), UTC)


def _tell_of_no_jobs(asked: DryRun, history: History, failures: list[str], console: Console, clock: Clock) -> None:
    for place, number in history.listed.items():
        older = f'; {number:,} ended before' if number else ' or the month before'
        console.print(f'{place}: no training job was alive in the last {history.days:.3g} days{older}.', markup=False)
    if not asked.find_regions or asked.load_from:
        console.print('Is it the right account and region? --find-regions asks each region once.')
        return
    for connected in _connected(asked, failures, clock, sagemaker_regions(asked.regions[0])):
        for name, number, is_more in regions_with_jobs(connected.account.regions):
            place = f'{connected.profile} {name}' if connected.profile else name
            console.print(f'{place}: {number}{" or more" if is_more else ""} training jobs', markup=False)


def _place(profile: str | None, region: Region) -> str:
    return f'{profile} {region.name}' if profile else region.name


def _why(error: Exception, profile: str | None) -> str:
    """What went wrong and what to do about it here, in one line, without secrets."""
    return at_a_terminal(' '.join(Scrubber().text(str(error)).split()), profile)
