# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is wanted in an organisation: the assets as they are pushed, and how what is there differs from them."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from tools.datadog.thresholds import not_to_be_tried, with_threshold

TAG = 'integration:sagemaker-training'
SEARCH_LINK = re.compile(r'https://app\.datadoghq\.com/dashboard/lists\?q=([\w%.~-]*\w)(&?)', re.ASCII)
HANDLE = re.compile(r'(?<![\w.])@[^\s,{}]+')
# What stands around handles that are for some states of a monitor only.
MARKS = re.compile(r'\{\{[#^/]\w+\}\}')
# A page of docs/, as assets name it, and where that folder may be read. Neither needs escapes in JSON.
DOCS_PATH = re.compile(r'`docs/([\w.-]+\.md(?:#[\w-]+)?)`', re.ASCII)
DOCS_URL = re.compile(r'https://[^\s#()"\\<>`$]+')
# Datadog itself decides which of the two a monitor is.
SAME_TYPE = {'metric alert', 'query alert'}
# In which of a monitor's states one may be notified, and when that is.
STATES = {'alert': 'alerts, or has no data', 'recovery': 'recovers', 'warning': 'warns'}

type Json = dict[str, Any]


class PushError(Exception):
    """Nothing more can be done; the text says why, and what to do about it."""


class Asset(NamedTuple):
    kind: str
    name: str  # of the file
    title: str  # as links name it, without a prefix
    key: str  # what it is found by
    body: Json  # what is pushed, but for the links in it


def load(
    folder: Path, prefix: str = '', notify: Mapping[str, Sequence[str]] | None = None, docs_url: str | None = None
) -> list[Asset]:
    """All assets, dashboards first; PushError if a file cannot be read as one. `notify` has handles by `STATES`."""
    prefix = prefix.lstrip()  # as Datadog does
    assets = []
    for kind, read in (('dashboard', _dashboard), ('monitor', _monitor)):
        for path in sorted(folder.glob(f'{kind}s/*.json')):
            try:
                content = json.loads(documented(path.read_text(encoding='utf-8'), docs_url))
                assets.append(read(path.stem, content, prefix, notify or {}))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise PushError(f'{path} is not a {kind}: {error!r}') from None
    return assets


def tried(assets: Sequence[Asset], thresholds: Mapping[str, float]) -> list[Asset]:
    """The assets, some monitors with another alert threshold; PushError if one has none, or there is no such one."""
    monitors = {asset.name: asset.body for asset in assets if asset.kind == 'monitor'}
    if refused := not_to_be_tried(monitors, thresholds):
        raise PushError(f'--threshold: {refused}')
    bodies = {name: with_threshold(monitors[name], value) for name, value in thresholds.items()}
    return [asset._replace(body=bodies.get(asset.name, asset.body)) for asset in assets]


def documented(text: str, docs_url: str | None) -> str:
    """The text of an asset, in which the pages of docs/ that it names are links to where they are read, if anywhere."""
    if not docs_url:
        return text
    return DOCS_PATH.sub(lambda path: f'[docs/{path[1]}]({docs_url.rstrip("/")}/{path[1]})', text)


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


def handles(body: Json) -> set[str]:
    """Whom a monitor notifies."""
    return set(HANDLE.findall(body.get('message') or ''))


def with_handles_of(there: Json, wanted: Json) -> Json:
    """What is wanted, with the paragraph of nothing but handles that ends the message there, if it is another one."""
    last = (there.get('message') or '').rstrip().rpartition('\n\n')[2]
    if not HANDLE.search(last) or HANDLE.sub('', MARKS.sub('', last)).strip():
        return wanted
    return wanted | {'message': f'{wanted["message"]}\n\n{last}'}


def notified(definition: Json, notify: Mapping[str, Sequence[str]]) -> str:
    """Whom a monitor notifies in each of its states: https://docs.datadoghq.com/monitors/notify/variables/.

    Who hears of alerts also hears that a service check, which means the Agent, is silent.
    """
    by_state = {'no_data': notify.get('alert', ()) if definition.get('type') == 'service check' else (), **notify}
    blocks = ((f'is_{state}', ' '.join(by_state[state])) for state in sorted(by_state) if by_state[state])
    return ' '.join(f'{{{{#{block}}}}} {whom} {{{{/{block}}}}}' for block, whom in blocks)


def _dashboard(name: str, content: Json, prefix: str, notify: Mapping[str, Sequence[str]]) -> Asset:
    marker = f'[sagemaker-training:{name}]'
    key = f'[sagemaker-training:{name}:{prefix}]' if prefix else marker
    description = (content.get('description') or '').removesuffix(marker) + key
    title = content['title']
    return Asset('dashboard', name, title, key, content | {'title': prefix + title, 'description': description})


def _monitor(name: str, content: Json, prefix: str, notify: Mapping[str, Sequence[str]]) -> Asset:
    definition = content['definition']
    title = prefix + definition['name']
    body = definition | {
        'name': title,
        # As Datadog keeps it, or the next run would see a difference.
        'message': '\n\n'.join(filter(None, (definition['message'].strip(), notified(definition, notify)))),
        'tags': sorted({*definition.get('tags', ()), TAG}),
    }
    return Asset('monitor', name, definition['name'], title, body)


def _in_lines(value: Any) -> Any:
    match value:
        case dict():
            return {key: _in_lines(each) for key, each in value.items()}
        case list():
            return list(map(_in_lines, value))
        case str() if '\n' in value:
            return value.split('\n')
    return value
