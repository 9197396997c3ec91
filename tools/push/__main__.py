# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Pushes the dashboards and monitors of assets/ to your Datadog organisation; run again, it updates what differs."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from datadog_api_client.rest import ClientRetry
from rich.console import Console
from rich.markup import escape

from tools.datadog.thresholds import threshold

from .organisation import APP_HOSTS, DEFAULT_SITE, KEYS, PATIENCE, PERMISSIONS, connect
from .upsert import Outcome, upsert
from .wanted import DOCS_URL, HANDLE, STATES, TAG, PushError, load, tried

ASSETS = Path(__file__).parents[2] / 'assets'
PLANNED = {'created': 'create', 'updated': 'update'}
COLOURS = {'created': 'green', 'updated': 'yellow', 'unchanged': 'dim', 'failed': 'red'}

HELP = f"""
DD_API_KEY, DD_APP_KEY and DD_SITE (default: {DEFAULT_SITE}) are read from the environment. The application key, if it
is a scoped one, needs {', '.join(sorted(set(PERMISSIONS.values())))}.

What the files and options say is what is there afterwards. Edits made by hand in Datadog are overwritten, and so are
the links and thresholds of an earlier --docs-url and --threshold if this run has none: say them each time. Handles at
the end of a message stay, unless a --notify... says otherwise. --dry-run shows all of it before it happens.

A dashboard is found again by the marker [sagemaker-training:...] at the end of its description, a monitor by its name
and its tag {TAG}. For a version of your own, clone a dashboard and take the marker out of the
clone's description; clone a monitor under another name. Nothing is ever deleted.
"""


def main(
    arguments: Sequence[str] | None = None,
    *,
    assets: Path = ASSETS,
    host: str | None = None,
    retries: ClientRetry = PATIENCE,
) -> int:
    """The exit code: 0, 1 if an asset was not pushed, 2 if the run could not begin or go on."""
    parser = argparse.ArgumentParser(
        prog='python -m tools.push',
        description=__doc__,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--dry-run', action='store_true', help='show what would change, and change nothing')
    parser.add_argument(
        '--prefix',
        default='',
        metavar='TEXT',
        help='begin every title and name with this: a set of its own, such as "Staging "',
    )
    for state, when in STATES.items():
        parser.add_argument(
            '--notify' if state == 'alert' else f'--notify-{state}',
            action='extend',
            nargs='*',
            dest=state,
            type=_handle,
            metavar='HANDLE',
            help=f'whom every monitor notifies when it {when}, such as @slack-ml-oncall; nobody, if none is named',
        )
    parser.add_argument(
        '--threshold',
        type=threshold,
        action='append',
        default=[],
        metavar='MONITOR=VALUE',
        help='another alert threshold, such as warm_pool_idle=3600, as make dry-run has tried it; may be repeated',
    )
    parser.add_argument(
        '--docs-url',
        type=_docs_url,
        metavar='URL',
        help='where the folder docs/ is read, so that runbooks are links: https://git.example.com/ml/it/blob/main/docs/',
    )
    parser.add_argument(
        '--only', action='extend', nargs='+', metavar='NAME', help='push just these, such as overview or job_failed'
    )
    options = parser.parse_args(arguments)
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    keys = {variable: os.environ.get(variable, '').strip() for variable in KEYS}
    done: Counter[str] = Counter()

    def redacted(text: str) -> str:
        for key in filter(None, keys.values()):
            text = text.replace(key, '<redacted>')
        return text

    try:
        notify = {state: getattr(options, state) or () for state in STATES}
        everything = tried(load(assets, options.prefix, notify, options.docs_url), dict(options.threshold))
        names = {asset.name for asset in everything}
        if unknown := sorted(set(options.only or ()) - names):
            parser.error(f'no asset is named {", ".join(unknown)}; there are {", ".join(sorted(names))}')
        site = os.environ.get('DD_SITE', '').strip() or DEFAULT_SITE
        organisation = connect(keys, site, host, retries, dry_run=options.dry_run)
        if options.dry_run and not all(keys.values()):
            missing = ' and '.join(variable for variable, key in keys.items() if not key)
            console.print(f'No keys ({missing}): the organisation was not asked, so this is as if nothing were there.')
        keep = all(getattr(options, state) is None for state in STATES)
        for outcome in upsert(everything, options.only or names, organisation, APP_HOSTS[site], keep_handles=keep):
            done[outcome.what] += 1
            told = outcome._replace(note=redacted(outcome.note))
            _tell(told, console, APP_HOSTS[site], dry_run=options.dry_run)
    except PushError as error:
        print(redacted(str(error)), file=sys.stderr)
        if done and not options.dry_run:
            print(f'Before that: {_sum(done)}. Run it again to go on; nothing is made twice.', file=sys.stderr)
        return 2
    console.print(f'{"Nothing was changed. Without --dry-run: " if options.dry_run else ""}{_sum(done)}')
    return 1 if done['failed'] else 0


def _handle(text: str) -> str:
    if not HANDLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f'{text!r} does not look like @somebody')
    return text


def _docs_url(text: str) -> str:
    if not DOCS_URL.fullmatch(text):
        raise argparse.ArgumentTypeError(f'{text!r} does not look like https://git.example.com/ml/it/blob/main/docs/')
    return text


def _tell(outcome: Outcome, console: Console, app_host: str, *, dry_run: bool) -> None:
    asset = outcome.asset
    word = PLANNED.get(outcome.what, outcome.what) if dry_run else outcome.what
    file = f'assets/{asset.kind}s/{asset.name}.json:' if outcome.what == 'failed' else ''
    url = f'https://{app_host}/{asset.kind}{"s" * (asset.kind == "monitor")}/{outcome.id}' if outcome.id else ''
    title = asset.body.get('title') or asset.body.get('name')
    rest = ' '.join(filter(None, (file or url or title, outcome.note)))
    console.print(f'[{COLOURS[outcome.what]}]{word:9}[/]  {asset.kind:9}  {asset.name:20}  {escape(rest)}'.rstrip())
    if dry_run:
        for line in outcome.diff:
            style = {'+': 'green', '-': 'red'}.get(line[0])
            console.print(f'    {line}', style=style, markup=False)


def _sum(done: Mapping[str, int]) -> str:
    return ', '.join(f'{number} {what}' for what, number in done.items()) or 'no assets'


if __name__ == '__main__':
    sys.exit(main())
