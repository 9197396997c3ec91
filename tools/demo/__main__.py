# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Runs the check, and shows what it submits: on a simulated AWS over a simulated day, or over your own last days."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from datadog_checks.base.stubs import aggregator
from tools.datadog.assets import load
from tools.datadog.thresholds import not_to_be_tried, threshold

from .day import simulated_day
from .dry_run import DryRun, dry_run
from .live import live
from .simulation import forget_aws_setup

# As shells have it: 128, and the number of the signal.
INTERRUPTED = 130

# Neither overwrites the other.
DEMO_PAGE, DRY_RUN_PAGE = Path('build', 'demo.html'), Path('build', 'dry-run.html')


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 if a poll went wrong, 2 if AWS could not be read."""
    parser = argparse.ArgumentParser(prog='python -m tools.demo', description=__doc__)
    parser.add_argument(
        '--hours', type=simulated_hours, default=24, help='how much simulated time to run through (default: 24)'
    )
    parser.add_argument(
        '--dry-run',
        nargs='*',
        metavar='REGION',
        help="read the last days of these regions, read-only, with the AWS SDK's own credentials, let the check live "
        'through them, and send nothing to Datadog',
    )
    _add_dry_run_options(parser)
    parser.add_argument(
        '--page',
        type=Path,
        metavar='FILE',
        help=f'where to write the page that draws the dashboards (default: {DEMO_PAGE}, of a dry run {DRY_RUN_PAGE})',
    )
    parser.add_argument(
        '--serve',
        type=int,
        nargs='?',
        const=8480,
        metavar='PORT',
        help='then let the fleet live on, and show the page on this port of this machine alone (default: %(const)s)',
    )
    parser.add_argument('--verbose', action='store_true', help='show the log of the check')
    options = parser.parse_args(arguments)
    asked = _dry_run_asked(options, parser)
    if asked and options.serve is not None:
        parser.error('--serve goes without --dry-run')
    logging.disable(logging.NOTSET if options.verbose else logging.CRITICAL)
    # Users may give their jobs tags like `env`, which the stub keeps integrations from making up.
    os.environ['DDEV_SKIP_GENERIC_TAGS_CHECK'] = 'true'
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False, emoji=False)
    aggregator.reset()
    if asked:
        try:
            return dry_run(asked, options.page or DRY_RUN_PAGE, console)
        except KeyboardInterrupt:  # within no step that could be ended
            print('Ended by Ctrl+C.', file=sys.stderr)
            return INTERRUPTED
    forget_aws_setup()
    if options.serve is not None:
        return live(options.hours, options.serve, console)
    return simulated_day(options.hours, options.page or DEMO_PAGE, console)


def simulated_hours(text: str) -> float:
    """The value of `--hours`; ValueError if it is not above 0, or is more than a year."""
    hours = float(text)
    if not 0 < hours <= 24 * 365:
        raise ValueError(text)
    return hours


def _add_dry_run_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('with --dry-run')
    group.add_argument(
        '--profile', action='append', metavar='NAME', help='an AWS profile, instead of the default one; may be repeated'
    )
    group.add_argument('--days', type=days, default=7, help='how many days to look back (default: %(default)s)')
    group.add_argument('--save', type=Path, metavar='FILE', help='keep what was read, without secrets')
    group.add_argument(
        '--from', type=Path, dest='load', metavar='FILE', help='play what --save has kept, without AWS, and no REGION'
    )
    group.add_argument(
        '--threshold',
        type=threshold,
        action='append',
        default=[],
        metavar='MONITOR=VALUE',
        help='try another alert threshold, such as warm_pool_idle=3600; may be repeated',
    )
    group.add_argument(
        '--find-regions', action='store_true', help='if there are no jobs, ask each region once which ones have some'
    )


def _dry_run_asked(options: argparse.Namespace, parser: argparse.ArgumentParser) -> DryRun | None:
    """None if there is to be no dry run."""
    if options.dry_run is None:
        for name in ('profile', 'save', 'load', 'threshold', 'find_regions'):
            if getattr(options, name):
                parser.error(f'--{"from" if name == "load" else name.replace("_", "-")} goes with --dry-run')
        return None
    if bool(options.dry_run) == bool(options.load):
        parser.error('--dry-run takes the regions to read, or else --from a file')
    thresholds = dict(options.threshold)
    shipped = {name: monitor['definition'] for name, monitor in load('monitors').items()}
    if refused := not_to_be_tried(shipped, thresholds):
        parser.error(f'--threshold: {refused}')
    return DryRun(
        regions=options.dry_run,
        profiles=options.profile or [None],
        days=options.days,
        save_to=options.save,
        load_from=options.load,
        thresholds=thresholds,
        find_regions=options.find_regions,
    )


def days(text: str) -> float:
    """The value of `--days`; ValueError if it is not above 0, or is more than AWS's longest job."""
    number = float(text)
    if not 0 < number <= 30:
        raise ValueError(text)
    return number


if __name__ == '__main__':
    sys.exit(main())
