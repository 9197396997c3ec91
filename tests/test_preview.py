# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The preview's document has what each widget and monitor shows of a recording, and nothing of it can do harm."""

import base64
import gzip
import json
import re
from datetime import UTC, datetime
from graphlib import CycleError
from pathlib import Path
from typing import Any

import pytest

from tools.datadog.assets import Json, filled, load, window_of
from tools.datadog.recording import Recording, ServiceCheck
from tools.preview.document import document, drawn
from tools.preview.page import joined, page

from .test_query import FOUR_HOURS, HOUR, START, recording

VARIABLES = [
    {'name': 'scope', 'available_values': [], 'defaults': ['*']},
    {'name': 'region', 'prefix': 'region', 'available_values': [], 'defaults': ['*']},
]
PRESET = {'name': 'Production', 'template_variables': [{'name': 'scope', 'values': ['env:prod']}]}
SCRIPT = '<script>alert(1)</script>'
OPEN = 'sum:sagemaker_training.jobs.open{%s}'
CREATED = 'sum:sagemaker_training.jobs.created{%s}.as_count()'


def shown(definition: Json, recorded: Recording, variables: list[Json] = VARIABLES) -> tuple[Json, Json]:
    """The only widget of a dashboard, and the document it is in."""
    dashboard = {
        'title': 'One widget',
        'description': '',
        'template_variables': variables,
        'template_variable_presets': [PRESET],
        'widgets': [{'id': 1, 'layout': {'x': 0, 'y': 0, 'width': 12, 'height': 2}, 'definition': definition}],
    }
    whole = drawn({'one': dashboard}, {}, recorded, FOUR_HOURS)
    return whole['dashboards'][0]['groups'][0]['widgets'][0], whole


def timeseries(formula: str, *texts: str) -> Json:
    queries = [
        {'data_source': 'metrics', 'name': f'query{number}', 'query': text} for number, text in enumerate(texts, 1)
    ]
    return {'type': 'timeseries', 'requests': [{'queries': queries, 'formulas': [{'formula': formula, 'alias': 'a'}]}]}


def rows(whole: Json, query: Json) -> list[Any]:
    """Those of a query's block, with their tags by name."""
    block = whole['blocks'][query['block']]
    return [
        ({key: whole['tags'][tag] for key, tag in zip(block['keys'], tags, strict=True) if tag >= 0}, first, values)
        for tags, first, values in block['rows']
    ]


def test_static_filters_are_applied_and_those_of_variables_left_to_the_page() -> None:
    recorded = recording(
        ('jobs.open', 'team:A region:x env:prod', {0: 1, 0.5: 2, 3: 7}),
        ('jobs.open', 'team:a region:Y', {1: 1.23456789}),
        ('jobs.open', 'team:b region:x', {0: 9}),
    )
    widget, whole = shown(timeseries('query1', OPEN % 'team:a,$scope,$region' + ' by {team}'), recorded)
    (query,) = widget['requests'][0]['queries']
    assert (query['space'], query['by'], query['reduce'], query['window']) == ('sum', ('team',), None, [0, 4])
    assert query['filters'] == ['scope', 'region']
    assert rows(whole, query) == [
        ({'region': 'y', 'team': 'a'}, 1, [1.23457]),
        ({'env': 'prod', 'region': 'x', 'team': 'a'}, 0, [1.5, None, None, 7]),
    ]
    assert whole['variables'] == {'scope': ['env:prod'], 'region': ['x', 'y']}


def test_series_that_the_page_cannot_tell_apart_are_one_row_unless_they_are_averaged() -> None:
    recorded = recording(('jobs.open', 'team:a', {0: 1}), ('jobs.open', 'team:b', {0: 2}))
    for aggregator, expected in (('sum', [[3]]), ('max', [[2]]), ('avg', [[1], [2]])):
        widget, whole = shown(timeseries('query1', f'{aggregator}:sagemaker_training.jobs.open{{*}}'), recorded)
        assert sorted(values for _, _, values in rows(whole, widget['requests'][0]['queries'][0])) == expected


def test_queries_of_the_same_series_share_a_block() -> None:
    recorded = recording(('jobs.open', 'team:a region:x', {0: 1}))
    texts = [OPEN % '*' + ' by {team}', OPEN % '$region', OPEN % 'team:nobody']
    widget, whole = shown(timeseries('query1 + query2 + query3', *texts), recorded)
    assert [query['block'] for query in widget['requests'][0]['queries']] == [0, 0, 1]
    assert whole['blocks'][0]['keys'] == ['region', 'team']


def test_a_formula_is_a_tree() -> None:
    recorded = recording(('jobs.open', 'team:a', {0: 1}))
    formula = "100 * top(default_zero(query1), 5, 'max', 'desc') / (query1 + 0.5)"
    widget, _ = shown(timeseries(formula, OPEN % '*'), recorded)
    assert widget['requests'][0]['formulas'] == [
        {
            'formula': formula,
            'alias': 'a',
            'tree': ['/', ['*', 100, ['top', ['default_zero', 'query1'], 5, 'max', 'desc']], ['+', 'query1', 0.5]],
        }
    ]


def test_what_was_never_sent_is_no_zero() -> None:
    recorded = recording(('jobs.open', 'team:a', {0: 1}))
    texts = [OPEN % 'team:b', CREATED % '*']
    for formula, tree in (
        ('default_zero(query1)', ['default_zero', 'query1']),
        ('default_zero(query2)', 'query2'),
        ('default_zero(query1 + query2)', ['default_zero', ['+', 'query1', 'query2']]),
    ):
        widget, _ = shown(timeseries(formula, *texts), recorded)
        assert widget['requests'][0]['formulas'][0]['tree'] == tree


def test_another_time_is_a_query_of_its_own() -> None:
    created = recording(('jobs.created', 'team:a', {-7 * 24: 4, -1: 2, 1: 1}))
    formula = 'query1 - week_before(query1) - timeshift(query1, -3600)'
    widget, whole = shown(timeseries(formula, CREATED % '*'), created)
    (request,) = widget['requests']
    assert request['formulas'][0]['tree'] == ['-', ['-', 'query1', 'query1@week_before'], 'query1@3600']
    assert {query['name']: rows(whole, query) for query in request['queries']} == {
        'query1': [({}, 1, [1])],
        'query1@week_before': [({}, 0, [4])],
        'query1@3600': [({}, 0, [2, None, 1])],
    }


def test_a_widget_has_its_own_time_and_intervals_and_what_it_is_compared_with() -> None:
    created = recording(('jobs.created', 'team:a', {-3: 1, -1: 2, 3.5: 4}))
    definition = timeseries('query1', CREATED % '*' + '.rollup(sum, 7200)') | {
        'type': 'query_value',
        'time': {'live_span': '2h'},
    }
    definition['requests'][0]['comparison'] = {'duration': {'type': 'previous_timeframe'}}
    definition['requests'][0]['queries'][0]['aggregator'] = 'sum'
    widget, whole = shown(definition, created)
    (request,) = widget['requests']
    assert widget['window'] == [2, 4]
    assert request['formulas'][0]['previous'] == 'query1@previous'
    assert [query['window'] for query in request['queries']] == [[1, 2], [1, 2]]
    assert rows(whole, request['queries'][0]) == [({}, 1, [4])]
    long = definition | {'time': {'live_span': '1d'}}
    widget, whole = shown(long, created)
    assert widget['window'] == [-20, 4]
    assert rows(whole, widget['requests'][0]['queries'][0]) == [({}, -2, [1, 2, None, 4])]


def test_a_variable_with_a_default_leaves_the_choice_to_the_page() -> None:
    variable = {'name': 'currency', 'prefix': 'currency', 'available_values': ['usd', 'cny'], 'defaults': ['usd']}
    recorded = recording(('jobs.cost_rate', 'currency:usd', {0: 1}), ('jobs.cost_rate', 'currency:cny', {0: 2}))
    text = 'sum:sagemaker_training.jobs.cost_rate{$currency}'
    widget, whole = shown(timeseries('query1', text), recorded, [variable])
    [query] = widget['requests'][0]['queries']
    assert query['filters'] == ['currency']
    assert rows(whole, query) == [({'currency': 'cny'}, 0, [2]), ({'currency': 'usd'}, 0, [1])]
    assert whole['variables'] == {'currency': ['usd', 'cny']}
    asked = [filled(text, [variable], chosen).partition('{')[2] for chosen in ({}, {'currency': 'cny'})]
    assert asked == ['currency:usd}', 'currency:cny}']


def test_a_day_is_compared_with_that_of_a_week_ago_and_a_month_begins_with_its_first_day() -> None:
    created = recording(('jobs.created', 'team:a', {-7 * 24 + 1: 4, 1: 1}))
    definition = timeseries('query1', CREATED % '*') | {'type': 'query_value', 'time': {'live_span': '1d'}}
    definition['requests'][0]['comparison'] = {'duration': {'type': 'previous_week'}}
    definition['requests'][0]['queries'][0]['aggregator'] = 'sum'
    widget, whole = shown(definition, created)
    now, before = widget['requests'][0]['queries']
    assert [rows(whole, query) for query in (now, before)] == [[({}, 1, [1])], [({}, 1, [4])]]
    month = window_of({'time': {'live_span': 'month_to_date'}}, FOUR_HOURS)
    assert (datetime.fromtimestamp(month.start, UTC), month.end) == (datetime(2024, 10, 1, tzinfo=UTC), FOUR_HOURS.end)


def test_a_variable_to_group_by_leaves_the_tags_to_choose_from() -> None:
    variable = {'name': 'by', 'type': 'group', 'available_values': ['team', 'region'], 'defaults': ['team']}
    recorded = recording(('jobs.open', 'team:a region:x', {0: 1}), ('jobs.open', 'team:a region:y', {0: 2}))
    text = OPEN % '*' + ' by {$by}'
    widget, whole = shown(timeseries('query1', text), recorded, [variable])
    [query] = widget['requests'][0]['queries']
    assert (query['by'], query['filters']) == (('$by',), [])
    assert whole['blocks'][query['block']]['keys'] == ['region', 'team']
    assert whole['variables'] == {'by': ['team', 'region']}
    assert [filled(text, [variable], chosen).split()[-1] for chosen in ({}, {'by': 'region'})] == ['{team}', '{region}']


@pytest.mark.parametrize(
    ('definition', 'reason'),
    [
        ({'type': 'geomap'}, 'geomap'),
        (timeseries("moving_rollup(query1, 60, 'max')", OPEN % '*'), 'moving_rollup'),
        (timeseries('forecast(query1)', OPEN % '*'), 'forecast'),
        (timeseries('query2', OPEN % '*'), 'query2'),
        (timeseries('timeshift(query1, -100)', OPEN % '*'), '100 seconds'),
        (timeseries('query1', 'week_before(' + OPEN % '*' + ')'), 'queries of one metric'),
        (timeseries('query1', OPEN % 'NOT $region'), 'template variables'),
        (timeseries('query1', OPEN % '$country'), 'country'),
        ({'type': 'list_stream', 'requests': [{'query': {'data_source': 'rum', 'query_string': '*'}}]}, 'rum'),
    ],
)
def test_what_cannot_be_drawn_is_named(definition: Json, reason: str) -> None:
    widget, _ = shown(definition, recording(('jobs.open', 'team:a', {0: 1})))
    assert reason in widget['undrawn']
    assert 'requests' not in widget


def test_all_that_is_shipped_can_be_drawn() -> None:
    whole = document(Recording(), FOUR_HOURS)
    widgets = [
        widget for dashboard in whole['dashboards'] for group in dashboard['groups'] for widget in group['widgets']
    ]
    assert [widget for widget in widgets if 'undrawn' in widget] == []
    assert {dashboard['name'] for dashboard in whole['dashboards']} == load('dashboards').keys()
    assert {monitor['name'] for monitor in whole['monitors']} == load('monitors').keys()


def test_events_are_those_of_the_time_latest_first_with_the_tags_to_filter_by() -> None:
    recorded = Recording()
    for hours, text in ((-1, 'early'), (1, f'%%%\n**bold** {SCRIPT} ![pixel](http://x/y.png) 50%\n%%%'), (2, SCRIPT)):
        recorded.events.append(
            {
                'timestamp': START + hours * HOUR,
                'msg_title': SCRIPT,
                'msg_text': text,
                'alert_type': 'error',
                'source_type_name': 'sagemaker_training',
                'tags': ['region:X', 'env:prod', 'team:a'],
            }
        )
    recorded.events.append(recorded.events[-1] | {'tags': ['region:x', 'env:prod', 'team:b']})
    request = {'query': {'data_source': 'event_stream', 'query_string': 'team:* -team:b $scope $region'}}
    widget, whole = shown({'type': 'list_stream', 'requests': [request]}, recorded)
    late, early = whole['streams'][widget['stream']]
    assert late == {
        'time': START + 2 * HOUR,
        'title': SCRIPT,
        'html': '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>',
        'status': 'error',
        'tags': {'region': 'x', 'env': 'prod'},
    }
    assert '<strong>bold</strong> &lt;script&gt;' in early['html']
    assert '50%</p>' in early['html']
    assert '%%%' not in early['html']
    assert '<img' not in early['html']


def test_logs_keep_their_fields() -> None:
    recorded = Recording()
    recorded.logs.append(
        {
            'timestamp': (START + HOUR) * 1000,
            'message': 'Waiting',
            'ddtags': 'region:x',
            'secondary_status': 'pending',
            'training_job_name': 'A-job',
        }
    )
    request = {'query': {'data_source': 'logs_stream', 'query_string': 'source:sagemaker_training $region'}}
    widget, whole = shown({'type': 'list_stream', 'requests': [request]}, recorded)
    (log,) = whole['streams'][widget['stream']]
    assert (log['time'], log['title']) == (START + HOUR, 'Waiting')
    assert log['fields'] == {'secondary_status': 'pending', 'training_job_name': 'A-job'}


def test_a_check_status_is_the_last_of_each_place() -> None:
    recorded = Recording()
    for hours, status, region in ((0, 2, 'x'), (1, 0, 'x'), (1, 2, 'y'), (-1, 0, 'z')):
        recorded.service_checks.append(ServiceCheck(status, {'region': region}, '', START + hours * HOUR))
    widget, _ = shown(
        {'type': 'check_status', 'check': 'sagemaker_training.can_connect', 'tags': ['$region']}, recorded
    )
    assert [(check['tags']['region'], check['status']) for check in widget['checks']] == [
        ('x', 'ok'),
        ('y', 'critical'),
    ]


def test_a_note_leaves_places_for_template_variables() -> None:
    content = f'**Job** in $region: [there](https://$region.value.x.com/?a=$scope.value) {SCRIPT} [no](javascript:x)'
    html = shown({'type': 'note', 'content': content}, Recording())[0]['html']
    assert '<strong>Job</strong> in <span data-var="region"></span>:' in html
    assert '<a href="https://$region.value.x.com/?a=$scope.value" target="_blank" rel="noopener">there</a>' in html
    assert '<script' not in html
    assert 'href="javascript' not in html


def monitor(message: str) -> Json:
    return {
        'name': 'Jobs are open',
        'query': 'max(last_1h):sum:sagemaker_training.jobs.open{*} by {region} > 10',
        'message': message,
        'options': {'thresholds': {'critical': 10, 'warning': 5}},
    }


def test_a_monitor_has_its_states_and_the_message_of_the_worst() -> None:
    recorded = recording(
        ('jobs.open', 'region:x', {0: 1, 1: 6, 2: 20.125, 3: 30}),
        ('jobs.open', 'region:y', {1: 7, 3: 2}),
        ('jobs.open', 'region:z', {0: 1}),
    )
    recorded.polled_at = [START + hours * HOUR for hours in (-1, 0, 1, 2, 3)]
    text = (
        '{{#is_alert}}`{{region.name}}` has {{value}} > {{threshold}}{{/is_alert}}'
        '{{#is_warning}}{{region.name}} has {{value}} > {{warn_threshold}}{{/is_warning}}'
        '{{^is_recovery}} *act* {{eval "round(100*value/threshold)"}} %{{/is_recovery}}'
        '{{#is_recovery}}over{{/is_recovery}}'
        '{{#is_alert}} since {{eval "last_triggered_at_epoch-2*3600*1000"}}{{/is_alert}}'
    )
    whole = drawn({}, {'open': {'definition': monitor(text)}}, recorded, FOUR_HOURS)
    (shown,) = whole['monitors']
    assert shown['evaluated'] == recorded.polled_at[1:]
    assert [(group['group'], group['states'], group['message']) for group in shown['groups']] == [
        (
            {'region': 'x'},
            'owaa',
            f'<p><code>x</code> has 20.12 &gt; 10 <em>act</em> 201 % since {START * 1000:.0f}</p>\n',
        ),
        ({'region': 'y'}, 'nwno', '<p>y has 7 &gt; 5 <em>act</em> 70 %</p>\n'),
        ({'region': 'z'}, 'onnn', ''),
    ]


def test_the_message_of_a_service_check_is_sent_as_text() -> None:
    recorded = Recording(polled_at=[START])
    recorded.service_checks.append(ServiceCheck(2, {'region': 'x'}, f'{SCRIPT} {{{{value}}}}', START))
    definition = {
        'name': 'Unreachable',
        'query': '"sagemaker_training.can_connect".over("*").by("region").last(2).count_by_status()',
        'message': '{{{check_message}}}',
        'options': {'thresholds': {'critical': 1}},
    }
    (shown,) = drawn({}, {'unreachable': {'definition': definition}}, recorded, FOUR_HOURS)['monitors']
    (group,) = shown['groups']
    assert (group['states'], group['message']) == (
        'a',
        '<p>&lt;script&gt;alert(1)&lt;/script&gt; {{value}}</p>\n',
    )


def test_the_page_carries_all_it_needs_and_no_user_text_that_a_browser_would_read(tmp_path: Path) -> None:
    (tmp_path / 'page.html').write_text(
        '<style>/*style*/</style><script>/*plotly*/</script>'
        '<script type="application/json" id="data">/*data*/</script><script>/*script*/</script>'
    )
    (tmp_path / 'page.css').write_text('body {}')
    (tmp_path / 'page.js').write_text('draw("/*data*/")')
    recorded = recording(('jobs.open', f'region:x team:{SCRIPT}', {0: 1}))
    _, whole = shown(timeseries('query1', OPEN % '*' + ' by {team}'), recorded)
    text = page(whole, tmp_path)
    assert text.startswith('<style>body {}</style><script>/**\n* plotly.js')
    assert text.endswith('<script>draw("/*data*/")</script>')
    assert SCRIPT not in text
    match = re.search(r'<script type="application/json" id="data">([\w+/=]+)</script>', text)
    assert match
    assert json.loads(gzip.decompress(base64.b64decode(match[1])))['tags'] == whole['tags']


def test_scripts_are_joined_each_after_those_that_it_imports() -> None:
    scripts = {
        'a': "import { two } from './c.js';\n\nexport const three = two + 1;\n",
        'b': 'const one = 1;\n',
        'c': "import { one } from './b.js';\nexport const two = one + 1;\n",
    }
    statements = [line for line in joined(scripts).splitlines() if line]
    assert statements == ['const one = 1;', 'const two = one + 1;', 'const three = two + 1;']
    with pytest.raises(CycleError):
        joined(scripts | {'b': "import { two } from './c.js';\n"})
