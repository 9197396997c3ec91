# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Runs the check, and shows what it submits: on a simulated AWS over a simulated day, or once on your own account."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from datadog_checks.base.stubs import aggregator

from .day import simulated_day
from .dry_run import dry_run
from .live import live

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
        return dry_run(options.dry_run, options.profile or [None], options.page or DRY_RUN_PAGE, console)
    _forget_aws_setup()
    if options.serve is not None:
        return live(options.hours, options.serve, console)
    return simulated_day(options.hours, options.page or DEMO_PAGE, console)


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


if __name__ == '__main__':
    sys.exit(main())
