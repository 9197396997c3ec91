# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The shipped dashboards and monitors, and what they show of a recording."""

import json
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from .filters import kept, tag_filter
from .frames import NOT_AVAILABLE, REDUCERS, Frame, Group, QueryError, Window
from .query import evaluate, evaluate_formula, metrics
from .recording import PREFIX, Recording, ServiceCheck, mapping

ASSETS = Path(__file__).parents[2] / 'assets'

# Widgets that do not query.
STATIC = frozenset({'note', 'manage_status'})
# Widgets that show values over time; all others show one value for each group.
OVER_TIME = frozenset({'timeseries', 'heatmap', 'distribution'})

SECONDS = {'m': 60, 'h': 3_600, 'd': 86_400, 'w': 7 * 86_400}
MONITOR_INTERVAL = 60
METRIC_MONITOR = re.compile(
    r'(?P<method>avg|max|min|sum)\(last_(?P<span>\d+[mhdw])\):(?P<query>.+) (?P<comparison>[<>]=?) (?P<critical>[\d.]+)'
)
CHECK_MONITOR = re.compile(
    r'"(?P<check>[\w.]+)"\.over\("\*"\)\.by\((?P<by>.+)\)\.last\((?P<last>\d+)\)\.count_by_status\(\)'
)
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    '>': operator.gt,
    '>=': operator.ge,
    '<': operator.lt,
    '<=': operator.le,
}

# By the status of a service check: the threshold for so many of it in a row, and what they make of the monitor.
CHECK_STATES = {0: ('ok', 'ok'), 1: ('warning', 'warning'), 2: ('critical', 'alert')}

VARIABLE = re.compile(r'\$([a-z]\w*)(\.value)?')

type Json = dict[str, Any]


class Verdict(NamedTuple):
    """`alert`, `warning` or `ok`, and why: the value that was compared, or the message of the service check."""

    state: str
    value: float | None = None
    message: str = ''


class Widget(NamedTuple):
    """A widget, without its place, and the title of the group it is in."""

    group: str
    definition: Json

    @property
    def name(self) -> str:
        """Its title, or its type where it has none."""
        return self.definition.get('title') or self.definition['type']


def load(kind: str) -> dict[str, Json]:
    """The `dashboards` or the `monitors`, by the names of their files."""
    files = sorted((ASSETS / kind).glob('*.json'))
    return {file.stem: json.loads(file.read_text(encoding='utf-8')) for file in files}


def widgets(dashboard: Json) -> Iterator[Widget]:
    """All that are not groups."""
    for outer in dashboard['widgets']:
        definition = outer['definition']
        if definition['type'] == 'group':
            yield from (Widget(definition['title'], inner['definition']) for inner in definition['widgets'])
        else:
            yield Widget('', definition)


def queries(definition: Json) -> Iterator[str]:
    """The metric queries of a widget."""
    for request in definition.get('requests', ()):
        for query in _queries(request):
            if query['data_source'] == 'metrics':
                yield query['query']


def filled(text: str, variables: list[Json], chosen: Mapping[str, str]) -> str:
    """The text with the chosen values of a dashboard's template variables; one that has none has its default.

    A variable without prefix has whole tags as values; those of a variable to group by are names of tags.
    """
    defined = {variable['name']: variable for variable in variables}

    def value(match: re.Match[str]) -> str:
        name, is_bare = match.groups()
        if name not in defined:
            raise QueryError(f'no template variable is named {name}')
        [default] = defined[name]['defaults']
        value, prefix = chosen.get(name, default), defined[name].get('prefix')
        if is_group(defined[name]):
            return value
        return value if is_bare or not prefix or value == '*' else f'{prefix}:{value}'

    return VARIABLE.sub(value, text)


def is_group(variable: Json) -> bool:
    """Whether the template variable is one to group by, which filters nothing."""
    return bool(variable.get('type') == 'group')


def window_of(definition: Json, window: Window) -> Window:
    """The widget's own time frame up to the window's end, if it has one."""
    span = definition.get('time', {}).get('live_span')
    if span == 'month_to_date':
        last = datetime.fromtimestamp(window.end - 1, UTC)
        return window._replace(start=last.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp())
    return window._replace(start=window.end - seconds(span)) if span else window


def frames(definition: Json, recording: Recording, window: Window, fill: Callable[[str], str] = str) -> list[Frame]:
    """What the formulas of a widget make of its metric queries, in their order. `fill` fills in template variables."""
    window = window_of(definition, window)
    found = []
    for request in definition.get('requests', ()):
        asked = {name: (fill(text), method) for name, (text, method) in named_queries(definition, request).items()}
        found += [evaluate_formula(each['formula'], recording, window, asked) for each in formulas(request)]
    return found


def named_queries(definition: Json, request: Json) -> dict[str, tuple[str, str | None]]:
    """The metric queries of a widget's request: text, and how to reduce the values to one over all time, if at all."""
    return {
        query['name']: (query['query'], None if definition['type'] in OVER_TIME else query.get('aggregator', 'avg'))
        for query in _queries(request)
        if query['data_source'] == 'metrics'
    }


def formulas(request: Json) -> list[Json]:
    """What a request shows of its metric queries: these themselves, if it does not say."""
    names = [query['name'] for query in _queries(request) if query['data_source'] == 'metrics']
    return names and (request.get('formulas') or [{'formula': name} for name in names])


def streamed(definition: Json, recording: Recording, fill: Callable[[str], str] = str) -> list[Json]:
    """The events or logs that a stream shows."""
    found = []
    for request in definition['requests']:
        source, text = request['query']['data_source'], request['query']['query_string']
        wanted = tag_filter(' AND '.join(re.sub('^-', 'NOT ', word) for word in fill(text).split()))
        found += [item for tags, item in STREAMS[source](recording) if wanted.matches(tags)]
    return found


def verdicts(definition: Json, recording: Recording, at: float) -> dict[Group, Verdict]:
    """What a monitor says of each group that it has data of at that time."""
    if match := CHECK_MONITOR.fullmatch(definition['query']):
        return _check_verdicts(definition, match, recording, at)
    match = metric_monitor(definition)
    query, options = match['query'], definition['options']
    span = seconds(match['span'])
    window = Window(at - span + MONITOR_INTERVAL, at + MONITOR_INTERVAL, MONITOR_INTERVAL)
    is_total = '.as_count()' in query
    frame = evaluate(query, recording, window, total=match['method'] if is_total else None)
    is_beyond = COMPARISONS[match['comparison']]
    values = {group: REDUCERS[match['method']](list(line.values())) for group, line in frame.lines.items()}
    delay = options.get('new_group_delay', 0)
    judged = _judged_groups(query, recording, at, delay) if delay else frame.lines
    return {
        group: Verdict(state_of(value, options['thresholds'], is_beyond), value)
        for group, value in values.items()
        if NOT_AVAILABLE not in group and group in judged
    }


def _judged_groups(query: str, recording: Recording, at: float, delay: float) -> set[Group]:
    """Those that are not new: https://docs.datadoghq.com/monitors/configuration/#new-group-delay."""
    before = Window(at - SECONDS['d'], at - delay + MONITOR_INTERVAL, SECONDS['d'])
    return {group for metric in metrics(query) for group in metric.frame(recording, before).lines}


def grouped_by(definition: Json) -> tuple[str, ...]:
    """The tags whose values make the groups of a monitor."""
    if match := CHECK_MONITOR.fullmatch(definition['query']):
        return tuple(key.strip('" ') for key in match['by'].split(','))
    return max((metric.by for metric in metrics(metric_monitor(definition)['query'])), key=len)


def metric_monitor(definition: Json) -> re.Match[str]:
    """The parts of a metric monitor's query: `method`, `span`, `query`, `comparison` and `critical`."""
    if match := METRIC_MONITOR.fullmatch(definition['query']):
        return match
    raise QueryError(f'no query of a monitor: {definition["query"]}')


def seconds(span: str) -> int:
    """Of a time frame such as `15m` or `1d`."""
    return int(span[:-1]) * SECONDS[span[-1]]


def _queries(request: Json) -> list[Json]:
    """A histogram has one query, everything else several."""
    return request['queries'] if 'queries' in request else [request['query']]


def state_of(value: float, thresholds: Mapping[str, float], is_beyond: Callable[[float, float], bool]) -> str:
    """What a value makes of a monitor with these thresholds."""
    if is_beyond(value, thresholds['critical']):
        return 'alert'
    return 'warning' if 'warning' in thresholds and is_beyond(value, thresholds['warning']) else 'ok'


def _check_verdicts(definition: Json, query: re.Match[str], recording: Recording, at: float) -> dict[Group, Verdict]:
    """Of each group: what its last run of the same status says that was long enough for that status's threshold.

    https://docs.datadoghq.com/monitors/types/service_check/
    """
    by = grouped_by(definition)
    checks: defaultdict[Group, list[ServiceCheck]] = defaultdict(list)
    for check in recording.service_checks:
        if check.at <= at and query['check'] == f'{PREFIX}can_connect':
            checks[tuple(check.tags.get(key, NOT_AVAILABLE) for key in by)].append(check)
    thresholds = definition['options']['thresholds']
    found = {}
    for group, past in checks.items():
        found[group] = Verdict('ok')
        for status, run in groupby(past, key=lambda check: check.status):
            threshold, state = CHECK_STATES[status]
            *_, last = together = list(run)
            if threshold in thresholds and len(together) >= thresholds[threshold]:
                found[group] = Verdict(state, message=last.message)
    return found


def _tagged_events(recording: Recording) -> Iterator[tuple[Mapping[str, str], Json]]:
    """Without `source`: of that, Datadog knows the names of its own integrations only."""
    for event in recording.events:
        yield {'status': event['alert_type'], **_tags(event['tags'])}, event


def _tagged_logs(recording: Recording) -> Iterator[tuple[Mapping[str, str], Json]]:
    for log in recording.logs:
        attributes = {f'@{name}': str(value) for name, value in log.items() if name != 'ddtags'}
        yield {'source': PREFIX.rstrip('.'), **attributes, **_tags(log['ddtags'].split(','))}, log


def _tags(tags: list[str]) -> Mapping[str, str]:
    return kept(mapping(tags))


STREAMS = {'event_stream': _tagged_events, 'logs_stream': _tagged_logs}
