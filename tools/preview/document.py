# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""One page that draws the shipped dashboards and monitors from a recording, and needs no network to do so.

Queries are read here, and their values aggregated over time. What a viewer may choose is left to the page: it filters
by template variables, aggregates over series, and computes formulas, as `frames` does.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from tools.datadog.alerts import histories
from tools.datadog.assets import Json, frames, grouped_by, is_group, load, streamed, window_of
from tools.datadog.filters import tag_filter
from tools.datadog.frames import QueryError, Window
from tools.datadog.recording import PREFIX, Recording, ServiceCheck, mapping, normalized

from . import prose
from .blocks import Source, block_of, numbers, request_of, variables_in

NOTICE = "A preview, drawn from what the check has just sent of the demo's simulated AWS. It is not Datadog."

# Of a log, what is shown elsewhere than among its fields, or not at all.
LOG_FRAME = frozenset({'ddtags', 'message', 'status', 'timestamp', 'training_job_arn'})
STATUSES = ('ok', 'warning', 'critical', 'unknown')
STATES = ('ok', 'warning', 'alert')
NO_DATA = 'n'

type Monitors = Mapping[str, Json] | None


def document(recording: Recording, window: Window, notice: str = NOTICE, monitors: Monitors = None) -> Json:
    """All that the page shows; the monitors are the shipped ones, if none are given."""
    return drawn(load('dashboards'), monitors or load('monitors'), recording, window) | {'notice': notice}


def drawn(dashboards: Mapping[str, Json], monitors: Mapping[str, Json], recording: Recording, window: Window) -> Json:
    """What the assets show of the recording."""
    variables = {each['name']: each for dashboard in dashboards.values() for each in dashboard['template_variables']}
    source = Source(recording, window, variables, tuple(sorted(_preset_tags(dashboards))), {}, {})
    shown = [_dashboard(name, dashboard, source) for name, dashboard in dashboards.items()]
    interned: dict[str, int] = {}
    return {
        'title': 'Amazon SageMaker Training',
        'start': int(window.buckets[0]),
        'interval': int(window.interval),
        'count': len(window.buckets),
        'variables': _choices(source),
        'blocks': [block_of(block, source, interned) for block in source.blocks.values()],
        'tags': list(interned),
        'streams': list(source.streams.values()),
        'dashboards': shown,
        'monitors': [_monitor(name, monitor['definition'], recording, window) for name, monitor in monitors.items()],
    }


def _preset_tags(dashboards: Mapping[str, Json]) -> set[str]:
    """The tags of the values that presets give variables which take any tag."""
    values = [
        value
        for dashboard in dashboards.values()
        for preset in dashboard.get('template_variable_presets', ())
        for variable in preset['template_variables']
        for value in variable['values']
    ]
    return {value.partition(':')[0] for value in values if ':' in value}


def _choices(source: Source) -> dict[str, list[str]]:
    """The values of each template variable: those it lists, else all that something within the window has."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    for _, series in source.recording.all_series():
        if series.within(source.window.start, source.window.end).times:
            for key, value in series.tags.items():
                values[key].add(normalized(value))
    return {
        name: variable['available_values']
        or sorted(
            value if variable.get('prefix') else f'{key}:{value}' for key in source.keys(name) for value in values[key]
        )
        for name, variable in source.variables.items()
    }


def _dashboard(name: str, dashboard: Json, source: Source) -> Json:
    groups = []
    for outer in dashboard['widgets']:
        definition = outer['definition']
        is_group = definition['type'] == 'group'
        inner = definition['widgets'] if is_group else [outer]
        groups.append(
            {
                'title': definition['title'] if is_group else '',
                'color': definition.get('background_color', '') if is_group else '',
                **outer['layout'],
                'widgets': [_widget(each, source) for each in inner],
            }
        )
    return {
        'name': name,
        'title': dashboard['title'],
        'description': dashboard['description'],
        'template_variables': dashboard['template_variables'],
        'presets': dashboard.get('template_variable_presets', []),
        'groups': groups,
    }


def _widget(widget: Json, source: Source) -> Json:
    definition = widget['definition']
    window = window_of(definition, source.window)
    shown = {
        'id': widget['id'],
        'type': definition['type'],
        'title': definition.get('title', ''),
        **widget['layout'],
        'definition': _without_queries(definition),
        'window': numbers(window, source.window),
    }
    try:
        if definition['type'] not in CONTENTS:
            raise QueryError(f'it knows no widgets of the type {definition["type"]}')
        return shown | CONTENTS[definition['type']](definition, source, window)
    except (QueryError, LookupError) as error:
        return shown | {'undrawn': f'The preview cannot draw this: {error}'}


def _without_queries(definition: Json) -> Json:
    """What is left to the page: how to show what was queried."""
    kept = {key: value for key, value in definition.items() if key not in ('content', 'requests')}
    requests = [
        {key: value for key, value in request.items() if key not in ('formulas', 'queries', 'query')}
        for request in definition.get('requests', ())
    ]
    return kept | {'requests': requests}


def _note(definition: Json, source: Source, window: Window) -> Json:
    return {'html': prose.note(definition['content'])}


def _no_contents(definition: Json, source: Source, window: Window) -> Json:
    return {'filters': []}


def _stream(definition: Json, source: Source, window: Window) -> Json:
    """The number of the stream, as dashboards show the same ones, and the template variables that filter it."""
    key = json.dumps([definition['requests'], window])
    if key not in source.streams:
        within = [
            item
            for item in streamed(definition, source.recording, source.fill)
            if window.start <= _time(item) < window.end
        ]
        source.streams[key] = [_streamed_item(item, source) for item in sorted(within, key=_time, reverse=True)]
    return {'stream': list(source.streams).index(key), 'filters': variables_in(key)}


def _time(item: Json) -> float:
    """When an event or a log is of, in epoch seconds."""
    return item['timestamp'] / 1000 if 'ddtags' in item else item['timestamp']


def _streamed_item(item: Json, source: Source) -> Json:
    """An event or a log, with the tags that template variables filter by."""
    is_log = 'ddtags' in item
    tags = mapping(item['ddtags'].split(',') if is_log else item['tags'])
    filters = [name for name, variable in source.variables.items() if not is_group(variable)]
    kept = {key: normalized(tags[key]) for name in filters for key in source.keys(name) if key in tags}
    shown = {'time': _time(item), 'tags': kept}
    if is_log:
        fields = {key: value for key, value in item.items() if key not in LOG_FRAME}
        return shown | {'title': item['message'], 'status': item.get('status', 'info'), 'fields': fields}
    html = prose.event(item['msg_text'])
    return shown | {'title': item['msg_title'], 'status': item['alert_type'], 'html': html}


def _checks(definition: Json, source: Source, window: Window) -> Json:
    """The last status of each set of tags."""
    wanted = [tag_filter(source.fill(tag)).matches for tag in definition.get('tags', ())]
    last: dict[Any, ServiceCheck] = {
        tuple(sorted(check.tags.items())): check
        for check in source.recording.service_checks
        if definition['check'] == f'{PREFIX}can_connect'
        and window.start <= check.at < window.end
        and all(matches(check.tags) for matches in wanted)
    }
    return {
        'filters': variables_in(json.dumps(definition.get('tags', []))),
        'checks': [
            {'tags': dict(check.tags), 'status': STATUSES[check.status], 'message': check.message}
            for _, check in sorted(last.items())
        ],
    }


def _requests(definition: Json, source: Source, window: Window) -> Json:
    # On nothing, for the errors of what does not go together.
    frames(definition, Recording(), source.window, source.fill)
    return {'requests': [request_of(definition, request, source, window) for request in definition['requests']]}


def _monitor(name: str, definition: Json, recording: Recording, window: Window) -> Json:
    """The worst state of each interval, and the message for the worst one of all, as of when it began."""
    moments = [at for at in recording.polled_at if window.start <= at < window.end]
    asked, said = histories(definition, recording, moments)
    together = [list(times) for _, times in groupby(asked, key=lambda at: at // window.interval)]
    by = grouped_by(definition)
    groups = []
    for group, past in sorted(said.items()):
        began, worst = max(past.items(), key=lambda item: STATES.index(item[1].state))
        tags = dict(zip(by, group, strict=True))
        states = (max((STATES.index(past[at].state) for at in times if at in past), default=None) for times in together)
        groups.append(
            {
                'group': tags,
                'states': ''.join(NO_DATA if state is None else STATES[state][0] for state in states),
                'message': '' if worst.state == 'ok' else prose.message(definition, tags, worst, began),
            }
        )
    return {
        'name': name,
        'title': definition['name'],
        'query': definition['query'],
        'thresholds': definition['options']['thresholds'],
        'evaluated': [int(times[-1]) for times in together],
        'groups': groups,
    }


# What there is to show, by type of widget.
CONTENTS: dict[str, Callable[[Json, Source, Window], Json]] = {
    'check_status': _checks,
    'list_stream': _stream,
    'manage_status': _no_contents,
    'note': _note,
    **dict.fromkeys(
        (
            'change',
            'distribution',
            'heatmap',
            'query_table',
            'query_value',
            'sunburst',
            'timeseries',
            'toplist',
            'treemap',
        ),
        _requests,
    ),
}
