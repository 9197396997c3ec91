# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Pushes the dashboards and monitors of assets/ to your Datadog organisation; run again, it updates what differs."""

import argparse
import difflib
import json
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.rest import ClientRetry
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from rich.console import Console
from rich.markup import escape
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util import make_headers, parse_url

ASSETS = Path(__file__).parent.parent / 'assets'
TAG = 'integration:sagemaker-training'
PAGE_SIZE = 100
TIMEOUT_SECONDS = 30

# https://docs.datadoghq.com/getting_started/site/
APP_HOSTS = {
    'datadoghq.com': 'app.datadoghq.com',
    'us3.datadoghq.com': 'us3.datadoghq.com',
    'us5.datadoghq.com': 'us5.datadoghq.com',
    'datadoghq.eu': 'app.datadoghq.eu',
    'uk1.datadoghq.com': 'uk1.datadoghq.com',
    'ap1.datadoghq.com': 'ap1.datadoghq.com',
    'ap2.datadoghq.com': 'ap2.datadoghq.com',
    'ddog-gov.com': 'app.ddog-gov.com',
    'us2.ddog-gov.com': 'us2.ddog-gov.com',
}
DEFAULT_SITE = 'datadoghq.com'
# What the client calls a key, and the page of the organisation's settings that makes one.
KEYS = {'DD_API_KEY': ('apiKeyAuth', 'api-keys'), 'DD_APP_KEY': ('appKeyAuth', 'application-keys')}
PERMISSIONS = {
    'list_dashboards': 'dashboards_read',
    'get_dashboard': 'dashboards_read',
    'create_dashboard': 'dashboards_write',
    'update_dashboard': 'dashboards_write',
    'list_monitors': 'monitors_read',
    'create_monitor': 'monitors_write',
    'update_monitor': 'monitors_write',
}
SEARCH_LINK = re.compile(r'https://app\.datadoghq\.com/dashboard/lists\?q=([\w%.~-]*\w)(&?)', re.ASCII)
HANDLE = re.compile(r'(?<![\w.])@[^\s,{}]+')
# What urllib3 begins its texts with.
CONNECTION = re.compile(r'^HTTPS?Connection(Pool)?\([^)]*\): ')
# Datadog itself decides which of the two a monitor is.
SAME_TYPE = {'metric alert', 'query alert'}

HELP = f"""
DD_API_KEY, DD_APP_KEY and DD_SITE (default: {DEFAULT_SITE}) are read from the environment. The application key, if it
is a scoped one, needs {', '.join(sorted(set(PERMISSIONS.values())))}.

What the files and options say is what is there afterwards. Edits made by hand in Datadog are overwritten, and so are
the handles of an earlier --notify if this run has none: say --notify each time. --dry-run shows both before it happens.

A dashboard is found again by the marker [sagemaker-training:...] at the end of its description, a monitor by its name
and its tag {TAG}. For a version of your own, clone a dashboard and take the marker out of the
clone's description; clone a monitor under another name. Nothing is ever deleted.
"""

type Json = dict[str, Any]


class PushError(Exception):
    """Nothing more can be done; the text says why, and what to do about it."""


class Refused(PushError):
    """Datadog does not take this one asset."""


class Retries(ClientRetry):
    """The client's own, but a POST that may have been carried out is not sent again: that would make a second one."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return (method != 'POST' or status_code == 429) and bool(super().is_retry(method, status_code, has_retry_after))


PATIENCE = Retries(total=3, backoff_factor=2, retry_after_max=60)


class Asset(NamedTuple):
    kind: str
    name: str  # of the file
    title: str  # as links name it, without a prefix
    key: str  # what it is found by
    body: Json  # what is pushed, but for the links in it


class Calls(NamedTuple):
    """How an organisation is asked about one kind of asset."""

    page: Callable[[int], list[Json]]
    is_it: Callable[[Json, str], bool]  # an item of a page, and the key of an asset
    whole: Callable[[Json], Json]  # an item of a page
    create: Callable[[Json], Json]
    update: Callable[[Any, Json], Json]


class Outcome(NamedTuple):
    what: str  # created, updated, unchanged or failed
    asset: Asset
    id: Any = None
    note: str = ''
    diff: Sequence[str] = ()


def main(
    arguments: Sequence[str] | None = None,
    *,
    assets: Path = ASSETS,
    host: str | None = None,
    retries: ClientRetry = PATIENCE,
) -> int:
    """The exit code: 0, 1 if an asset was not pushed, 2 if the run could not begin or go on."""
    parser = argparse.ArgumentParser(
        prog='python -m demo.push',
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
    parser.add_argument(
        '--notify',
        action='extend',
        nargs='+',
        default=[],
        type=_handle,
        metavar='HANDLE',
        help='whom every monitor notifies, such as @slack-ml-oncall',
    )
    parser.add_argument(
        '--only', action='extend', nargs='+', metavar='NAME', help='push just these, such as overview or job_failed'
    )
    options = parser.parse_args(arguments)
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    keys = {variable: os.environ.get(variable, '').strip() for variable in KEYS}
    done: Counter[str] = Counter()
    try:
        everything = load(assets, options.prefix, options.notify)
        names = {asset.name for asset in everything}
        if unknown := sorted(set(options.only or ()) - names):
            parser.error(f'no asset is named {", ".join(unknown)}; there are {", ".join(sorted(names))}')
        site = os.environ.get('DD_SITE', '').strip() or DEFAULT_SITE
        organisation = _organisation(keys, site, host, retries, dry_run=options.dry_run)
        if options.dry_run and not all(keys.values()):
            missing = ' and '.join(variable for variable, key in keys.items() if not key)
            console.print(f'No keys ({missing}): the organisation was not asked, so this is as if nothing were there.')
        for outcome in push(everything, options.only or names, organisation, APP_HOSTS[site]):
            done[outcome.what] += 1
            _tell(outcome, console, APP_HOSTS[site], dry_run=options.dry_run)
    except PushError as error:
        text = str(error)
        for key in filter(None, keys.values()):
            text = text.replace(key, '<redacted>')
        print(text, file=sys.stderr)
        if done:
            print(f'Before that: {_sum(done)}. Run it again to go on; nothing is made twice.', file=sys.stderr)
        return 2
    console.print(f'{"Nothing was changed. Without --dry-run: " if options.dry_run else ""}{_sum(done)}')
    return 1 if done['failed'] else 0


def load(folder: Path, prefix: str = '', notify: Sequence[str] = ()) -> list[Asset]:
    """All assets, dashboards first; PushError if a file cannot be read as one."""
    prefix = prefix.lstrip()  # as Datadog does
    assets = []
    for kind, read in (('dashboard', _dashboard), ('monitor', _monitor)):
        for path in sorted(folder.glob(f'{kind}s/*.json')):
            try:
                assets.append(read(path.stem, json.loads(path.read_text(encoding='utf-8')), prefix, notify))
            except (ValueError, KeyError, TypeError) as error:
                raise PushError(f'{path} is not a {kind}: {error!r}') from None
    return assets


def _dashboard(name: str, content: Json, prefix: str, notify: Sequence[str]) -> Asset:
    marker = f'[sagemaker-training:{name}]'
    key = f'[sagemaker-training:{name}:{prefix}]' if prefix else marker
    description = (content.get('description') or '').removesuffix(marker) + key
    title = content['title']
    return Asset('dashboard', name, title, key, content | {'title': prefix + title, 'description': description})


def _monitor(name: str, content: Json, prefix: str, notify: Sequence[str]) -> Asset:
    definition = content['definition']
    title = prefix + definition['name']
    body = definition | {
        'name': title,
        # As Datadog keeps it, or the next run would see a difference.
        'message': '\n\n'.join(filter(None, (definition['message'].strip(), ' '.join(notify)))),
        'tags': sorted({*definition.get('tags', ()), TAG}),
    }
    return Asset('monitor', name, definition['name'], title, body)


def push(
    assets: Sequence[Asset], names: Collection[str], organisation: Mapping[str, Calls], app_host: str
) -> Iterator[Outcome]:
    """Create or update the named assets, dashboards before the monitors that link to them; tell of each when done."""
    ids: dict[str, Any] = {}
    for kind, calls in organisation.items():
        of_kind = [asset for asset in assets if asset.kind == kind]
        chosen = [asset for asset in of_kind if asset.name in names]
        # Links lead to dashboards that are not pushed this time, too.
        items = _listed(calls.page) if chosen or kind == 'dashboard' else []
        found = {asset.name: [item for item in items if calls.is_it(item, asset.key)] for asset in of_kind}
        ids |= {asset.title: each[0]['id'] for asset in of_kind if len(each := found[asset.name]) == 1}
        sent: dict[str, Json] = {}
        for asset in chosen:
            if not found[asset.name]:
                sent[asset.name] = linked(asset.body, ids, app_host)
                outcome = _tried(_created, asset, sent[asset.name], calls)
                if outcome.id:
                    ids[asset.title] = outcome.id
                yield outcome
        for asset in chosen:
            wanted = linked(asset.body, ids, app_host)
            if found[asset.name]:
                yield _tried(_updated, asset, wanted, calls, found[asset.name])
            elif asset.title in ids and wanted != sent[asset.name]:
                # It was created before a dashboard that it links to.
                calls.update(ids[asset.title], wanted)


def _tried(step: Callable[..., Outcome], asset: Asset, *arguments: Any) -> Outcome:
    try:
        return step(asset, *arguments)
    except Refused as error:
        return Outcome('failed', asset, note=str(error))
    except PushError as error:
        raise PushError(f'{asset.kind} {asset.name}: {error}') from None


def _created(asset: Asset, wanted: Json, calls: Calls) -> Outcome:
    return Outcome('created', asset, calls.create(wanted).get('id'))


def _updated(asset: Asset, wanted: Json, calls: Calls, found: Sequence[Json]) -> Outcome:
    """Make the one that was found what is wanted; Refused if more than one was found."""
    if len(found) > 1:
        several = ', '.join(f'{item.get("title") or item.get("name")} ({item["id"]})' for item in found)
        how = (
            f'take {asset.key} out of the descriptions' if asset.kind == 'dashboard' else 'delete or rename the copies'
        )
        raise Refused(f'there are {len(found)} of it, so none was touched: {several}; {how} of all but one')
    id_ = found[0]['id']
    there = said(wanted, calls.whole(found[0]))
    if there == wanted:
        return Outcome('unchanged', asset, id_)
    calls.update(id_, wanted)
    lost = sorted(_handles(there) - _handles(wanted))
    note = f'no longer notifies {" ".join(lost)}' if lost else ''
    return Outcome('updated', asset, id_, note, difference(there, wanted))


def linked(body: Json, ids: Mapping[str, Any], app_host: str) -> Json:
    """The body with its links to dashboards of these titles made direct, and with all links made the site's own."""

    def direct(link: re.Match[str]) -> str:
        title = unquote(link[1])
        return f'https://{app_host}/dashboard/{ids[title]}{link[2] and "?"}' if title in ids else link[0]

    text = SEARCH_LINK.sub(direct, json.dumps(body))
    with_links: Json = json.loads(text.replace('https://app.datadoghq.com/', f'https://{app_host}/'))
    return with_links


def said(wanted: Any, there: Any) -> Any:
    """What is there, as far as `wanted` says anything about it: equal to `wanted` if nothing needs to change.

    Datadog adds fields and defaults, gives ids of its own to widgets, and leaves out or nulls what is empty.

    >>> said({'title': 'Cost', 'tags': [], 'widgets': [{'id': 1}]}, {'title': 'Price', 'widgets': [{'id': 7, 'x': 0}]})
    {'title': 'Price', 'tags': [], 'widgets': [{'id': 1}]}
    """
    if not wanted and not there:
        return wanted
    match wanted, there:
        case dict(), dict():
            return {
                key: value if key == 'id' else said(value, there.get(key))
                for key, value in wanted.items()
                if key in there or key == 'id' or not value
            }
        case list(), list():
            return [*map(said, wanted, there), *there[len(wanted) :]]
    return wanted if {str(wanted), str(there)} == SAME_TYPE else there


def difference(there: Json, wanted: Json) -> list[str]:
    """A unified diff of the two as JSON, in which texts of several lines are lists of lines."""
    before, after = (json.dumps(_in_lines(each), indent=2).splitlines() for each in (there, wanted))
    return list(difflib.unified_diff(before, after, 'in Datadog', 'in assets', lineterm=''))


def _in_lines(value: Any) -> Any:
    match value:
        case dict():
            return {key: _in_lines(each) for key, each in value.items()}
        case list():
            return list(map(_in_lines, value))
        case str() if '\n' in value:
            return value.split('\n')
    return value


def _handles(body: Json) -> set[str]:
    return set(HANDLE.findall(body.get('message') or ''))


def _listed(page: Callable[[int], list[Json]]) -> list[Json]:
    """The items of all pages, each once although pages move when something is created in between."""
    items: dict[Any, Json] = {}
    for number in count():
        more = {item['id']: item for item in page(number)}
        if more.keys() <= items.keys():
            break
        items |= more
    return list(items.values())


def _organisation(
    keys: Mapping[str, str], site: str, host: str | None, retries: ClientRetry, *, dry_run: bool
) -> dict[str, Calls]:
    """How to ask the organisation; a dry run only reads, and finds nothing if there are no keys."""
    if site not in APP_HOSTS:
        raise PushError(f'DD_SITE is {site!r}, which is no site of Datadog; there are {", ".join(APP_HOSTS)}')
    for variable, key in keys.items():
        if not key and not dry_run:
            page = f'https://{APP_HOSTS[site]}/organization-settings/{KEYS[variable][1]}'
            raise PushError(f'{variable} is not set. Make a key at {page}, or add --dry-run, which needs none.')
        if not re.fullmatch('[!-~]*', key):
            raise PushError(f'{variable} has characters in it that no key has')
    configuration = Configuration(
        host=host or f'https://api.{site}',
        api_key={KEYS[variable][0]: key for variable, key in keys.items()},
        retry_policy=retries,
        request_timeout=TIMEOUT_SECONDS,
        # Neither what is sent nor what is answered goes through the client's models, which know less than the API.
        check_input_type=False,
        preload_content=False,
    )
    address = urlsplit(configuration.host)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.netloc):
        configuration.proxy = proxy
        configuration.proxy_headers = make_headers(proxy_basic_auth=unquote(parse_url(proxy).auth or '') or None)
    logging.getLogger('urllib3').setLevel(logging.ERROR)  # of retries it would warn
    organisation = calls(ApiClient(configuration))
    if not dry_run:
        return organisation
    readable = {kind: each._replace(create=dict, update=lambda _, body: body) for kind, each in organisation.items()}
    if all(keys.values()):
        return readable
    return {kind: each._replace(page=lambda _: []) for kind, each in readable.items()}


def calls(client: ApiClient) -> dict[str, Calls]:
    """By kind, in the order in which they are to be pushed."""
    dashboards, monitors = DashboardsApi(client), MonitorsApi(client)
    return {
        'dashboard': Calls(
            lambda number: _answer(dashboards.list_dashboards, count=PAGE_SIZE, start=number * PAGE_SIZE)['dashboards'],
            lambda item, key: key in (item.get('description') or ''),
            lambda item: _answer(dashboards.get_dashboard, item['id']),
            lambda body: _answer(dashboards.create_dashboard, body=body),
            lambda id_, body: _answer(dashboards.update_dashboard, id_, body=body),
        ),
        'monitor': Calls(
            lambda number: _answer(monitors.list_monitors, monitor_tags=TAG, page=number, page_size=PAGE_SIZE),
            lambda item, key: item['name'] == key,
            lambda item: item | {'tags': sorted(item['tags'])},
            lambda body: _answer(monitors.create_monitor, body=body),
            lambda id_, body: _answer(monitors.update_monitor, id_, body=body),
        ),
    }


def _answer(method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What Datadog answers; Refused if another request may fare better, PushError if none would."""
    try:
        return json.loads(method(*arguments, **named).data)
    except ApiException as error:
        raise _explained(method.__name__, error) from None
    except HTTPError as error:
        reason = error.reason if isinstance(error, MaxRetryError) else error
        raise PushError(f'Datadog cannot be reached: {CONNECTION.sub("", str(reason))}') from None
    except ValueError:
        raise PushError('What answers is not the API of Datadog: its answer is not JSON. Is it a proxy?') from None


def _explained(operation: str, error: ApiException) -> PushError:
    what = operation.replace('_', ' ')
    answer = f'{error.status} {_text(error)}'
    if error.status in (401, 403):
        return PushError(
            f'Datadog refuses to {what} ({answer}): DD_API_KEY or DD_APP_KEY is not one of this organisation on this '
            f'DD_SITE, or the application key or its owner lacks the permission {PERMISSIONS[operation]}'
            f'{" or, if it is restricted, the right to edit it" if operation.startswith("update") else ""}.'
        )
    if error.status == 429:
        seconds = {name.lower(): value for name, value in error.headers.items()}.get('x-ratelimit-reset', 'some')
        return PushError(f'Datadog limits how often it can be asked ({answer}): try again in {seconds} seconds.')
    if error.status >= 500:
        return PushError(f'Datadog fails to {what} ({answer}); see https://status.datadoghq.com')
    if not error.status:
        return PushError(f'Datadog cannot be reached: {answer}')
    return Refused(f'Datadog refuses to {what}: {answer}')


def _text(error: ApiException) -> str:
    """What Datadog says is wrong, in one line."""
    errors = error.body.get('errors') if isinstance(error.body, dict) else None
    return ' '.join(' '.join(map(str, errors or [error.reason])).split())[:500]


def _handle(text: str) -> str:
    if not HANDLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f'{text!r} does not look like @somebody')
    return text


PLANNED = {'created': 'create', 'updated': 'update'}
COLOURS = {'created': 'green', 'updated': 'yellow', 'unchanged': 'dim', 'failed': 'red'}


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
