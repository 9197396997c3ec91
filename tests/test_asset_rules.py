# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Each rule for dashboards and monitors is kept, and is seen broken."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tools.datadog.assets import Json, widgets

from .asset_rules import DASHBOARD_RULES
from .assets import DASHBOARDS, MONITORS
from .monitor_rules import MONITOR_RULES


@pytest.mark.parametrize('rule', DASHBOARD_RULES)
@pytest.mark.parametrize('name', DASHBOARDS)
def test_a_dashboard_keeps_the_rules(name: str, rule: str) -> None:
    assert list(DASHBOARD_RULES[rule](DASHBOARDS[name])) == []


@pytest.mark.parametrize('rule', MONITOR_RULES)
@pytest.mark.parametrize('name', MONITORS)
def test_a_monitor_keeps_the_rules(name: str, rule: str) -> None:
    assert list(MONITOR_RULES[rule](MONITORS[name])) == []


def first(dashboard: Json, kind: str) -> Json:
    """The definition of the dashboard's first widget of that type."""
    return next(widget.definition for widget in widgets(dashboard) if widget.definition['type'] == kind)


def request(dashboard: Json) -> Json:
    return first(dashboard, 'query_value')['requests'][0]


def replace(owner: Json, key: str, old: str, new: str) -> None:
    assert old in owner[key]
    owner[key] = owner[key].replace(old, new)


def _note(dashboard: Json) -> Json:
    """The one of the third group."""
    note: Json = dashboard['widgets'][2]['definition']['widgets'][0]['definition']
    return note


RINGS = 'max:sagemaker_training.job.instances{*} by {team,job_family,training_job_name,region}.rollup(max)'

# Rule, what to break, and what the rule must say of it. Each key is a case's name.
BROKEN_DASHBOARDS: dict[str, tuple[str, Callable[[Json], Any], str]] = {
    'unknown key': ('understood', lambda d: d.update(colour='red'), 'colour is unknown'),
    'unknown key of a widget': ('understood', lambda d: first(d, 'toplist').update(colour='red'), 'colour is unknown'),
    'unknown type of widget': ('understood', lambda d: first(d, 'toplist').update(type='pie'), 'not understood'),
    'unknown word': ('understood', lambda d: d.update(layout_type='loose'), 'not understood'),
    'unknown palette': (
        'understood',
        lambda d: request(d).update(conditional_formats=[{'comparator': '~', 'palette': 'white_on_red', 'value': 1}]),
        'not understood',
    ),
    'no response format': ('complete', lambda d: request(d).pop('response_format'), 'response_format'),
    'no formulas': ('complete', lambda d: request(d).pop('formulas'), 'formulas'),
    'no queries': ('complete', lambda d: request(d).pop('queries'), 'queries'),
    'no aggregator': ('complete', lambda d: request(d)['queries'][0].pop('aggregator'), 'aggregator'),
    'query in no formula': ('complete', lambda d: request(d).update(formulas=[{'formula': '1 + 1'}]), 'in no formula'),
    'no requests': ('complete', lambda d: first(d, 'toplist').pop('requests'), 'asks for nothing'),
    'unknown metric': (
        'answered',
        lambda d: replace(request(d)['queries'][0], 'query', 'jobs.open', 'jobs.shut'),
        'not in metadata.csv',
    ),
    'gauge as count': (
        'answered',
        lambda d: request(d)['queries'][0].update(query='sum:sagemaker_training.jobs.open{*}.as_count()'),
        'goes with counts',
    ),
    'count as gauge': (
        'answered',
        lambda d: request(d)['queries'][0].update(query='sum:sagemaker_training.jobs.created{*}'),
        'goes with counts',
    ),
    'filter of a tag it lacks': (
        'answered',
        lambda d: request(d)['queries'][0].update(query='max:sagemaker_training.poll.lag{$team}'),
        'no tag team ($team)',
    ),
    'group of a tag it lacks': (
        'answered',
        lambda d: request(d)['queries'][0].update(query='max:sagemaker_training.poll.lag{*} by {team}'),
        'no tag team',
    ),
    'group of tags it lacks': (
        'answered',
        lambda d: request(d)['queries'][0].update(query='max:sagemaker_training.poll.lag{*} by {$group_by}'),
        'no tag project ($group_by)',
    ),
    'filter by what groups': (
        'answered',
        lambda d: replace(request(d)['queries'][0], 'query', '$team', '$group_by'),
        'for something else',
    ),
    'filter left out': (
        'acting',
        lambda d: replace(request(d)['queries'][0], 'query', ' AND $team', ''),
        'team does not act on sagemaker_training.jobs.open',
    ),
    'filter left out of a check': ('acting', lambda d: first(d, 'check_status').update(tags=[]), 'scope does not act'),
    'maximum of averages': (
        'intervals',
        lambda d: replace(first(d, 'query_table')['requests'][0]['queries'][0], 'query', '.rollup(max)', ''),
        'the max of averages',
    ),
    'points made up': (
        'intervals',
        lambda d: replace(request(d)['queries'][0], 'query', '.fill(null)', ''),
        'Datadog would make up points of sagemaker_training.jobs.open',
    ),
    'part of another time': (
        'intervals',
        lambda d: request(d)['formulas'][0].update(formula='week_before(query1) / query2'),
        'only a part',
    ),
    'money of all currencies': (
        'money',
        lambda d: request(d)['queries'][0].update(query='sum:sagemaker_training.jobs.cost_rate{*}'),
        'all currencies together',
    ),
    'averages of counts': (
        'graphs',
        lambda d: first(d, 'timeseries').update(legend_columns=['sum', 'avg']),
        'more than sums',
    ),
    'no alias': ('graphs', lambda d: first(d, 'timeseries')['requests'][0]['formulas'][0].pop('alias'), 'no alias'),
    'line for each job': (
        'graphs',
        lambda d: first(d, 'timeseries')['requests'][0]['queries'][0].update(
            query='max:sagemaker_training.job.instances{*} by {training_job_name}.rollup(max)'
        ),
        'a line for each job',
    ),
    'four rings': (
        'graphs',
        lambda d: first(d, 'toplist').update(
            type='sunburst',
            requests=[{'queries': [{'data_source': 'metrics', 'name': 'a', 'query': RINGS}]}],
        ),
        'more than three rings',
    ),
    'high note': (
        'notes',
        lambda d: d['widgets'][2]['definition']['widgets'][0]['layout'].update(height=2),
        'two lines',
    ),
    'long note': ('notes', lambda d: _note(d).update(content=f'{_note(d)["content"]} {"more " * 20}'), 'two lines'),
    'value without quotes': (
        'links',
        lambda d: first(d, 'note').update(
            content='[x](https://app.datadoghq.com/event/explorer?query=-source%3Aalert%20team%3A{{team.value}})'
        ),
        'without quotes',
    ),
    'no query': ('answered', lambda d: request(d)['queries'][0].update(query='sum:jobs.open'), 'not understood'),
    'overlap': ('layout', lambda d: d['widgets'][1]['layout'].update(x=3), 'overlap'),
    'overlap in a group': (
        'layout',
        lambda d: d['widgets'][2]['definition']['widgets'][1]['layout'].update(y=0),
        'overlap',
    ),
    'too wide': ('layout', lambda d: d['widgets'][2]['layout'].update(width=13), 'leaves the 12 columns'),
    'too high': ('layout', lambda d: d['widgets'][2]['layout'].update(height=99), 'is 99 high'),
    'id twice': ('layout', lambda d: d['widgets'][0].update(id=d['widgets'][1]['id']), 'is there 2 times'),
    'in no group': (
        'layout',
        lambda d: d['widgets'].append(d['widgets'][0]['definition']['widgets'].pop()),
        'in no group',
    ),
    'no title': ('titles', lambda d: first(d, 'toplist').pop('title'), 'has no title'),
    'title case of a widget': ('titles', lambda d: first(d, 'toplist').update(title='Most Jobs'), 'sentence case'),
    'sentence case of a group': (
        'titles',
        lambda d: d['widgets'][2]['definition'].update(title='Running now'),
        'title case',
    ),
    'small start': ('titles', lambda d: first(d, 'toplist').update(title='most jobs'), 'no capital'),
    'default': (
        'variables',
        lambda d: d['template_variables'][1].update(default=d['template_variables'][1].pop('defaults')[0]),
        'aws_account has no defaults',
    ),
    'variable too many': (
        'variables',
        lambda d: d['template_variables'].append({'name': 'idle', 'prefix': 'idle', 'defaults': ['*']}),
        'idle is not used',
    ),
    'variable that is none': (
        'variables',
        lambda d: replace(request(d)['queries'][0], 'query', '$team', '$crew'),
        'crew is not defined',
    ),
    'no presets': ('variables', lambda d: d.update(template_variable_presets=[]), 'no preset is called Production'),
    'preset of nothing': (
        'variables',
        lambda d: d['template_variable_presets'][0]['template_variables'][0].update(name='crew'),
        'sets crew',
    ),
    'no note': ('notes', lambda d: d['widgets'][2]['definition']['widgets'].pop(0), 'how to read it'),
    'http': ('links', lambda d: first(d, 'note').update(content='See http://example.com'), 'not https'),
    'relative link': ('links', lambda d: first(d, 'note').update(content='See [it](/dashboard/1)'), 'not https'),
    'link to no dashboard': (
        'links',
        lambda d: first(d, 'note').update(content='[x](https://app.datadoghq.com/dashboard/lists?q=No%20Such)'),
        'no dashboard is called No Such',
    ),
    'link that picks nothing': (
        'links',
        lambda d: replace(first(d, 'note'), 'content', '&tpl_var_team=', '&tpl_var_crew='),
        'Cost and Efficiency has no variable crew',
    ),
    'events by source': (
        'links',
        lambda d: first(d, 'note').update(
            content='[x](https://app.datadoghq.com/event/explorer?query=source%3Asagemaker_training%20-source%3Aalert)'
        ),
        'does not know the source',
    ),
    'variable in a host': (
        'links',
        lambda d: first(d, 'note').update(content='[x](https://$region.value.example.com/jobs)'),
        'does not fill in',
    ),
    'variable after a letter': (
        'links',
        lambda d: first(d, 'note').update(content='[x](https://example.com/jobs#name$3D$team.value)'),
        'does not fill in',
    ),
    'not ASCII': ('plain', lambda d: d.update(title='Overview \N{EM DASH} all'), 'not ASCII'),
}


def options(monitor: Json) -> Json:
    return monitor['definition']['options']


BROKEN_MONITORS: dict[str, tuple[str, Callable[[Json], Any], str]] = {
    'unknown key': ('understood', lambda m: options(m).update(colour='red'), 'colour is unknown'),
    'unknown word': ('understood', lambda m: options(m).update(on_missing_data='panic'), 'not understood'),
    'unknown type': ('understood', lambda m: m['definition'].update(type='gut feeling'), 'not understood'),
    'key too many': ('frame', lambda m: m.update(recommended=True), 'the keys are'),
    'version': ('frame', lambda m: m.update(version=1), 'version'),
    'long title': ('frame', lambda m: m.update(title='x' * 81), 'the title is'),
    'another name': ('frame', lambda m: m['definition'].update(name='x'), 'the title is'),
    'long description': ('frame', lambda m: m.update(description='x' * 301), '301 characters'),
    'no tag': ('frame', lambda m: m.update(tags=[]), 'the tags are'),
    'no tag in the definition': ('frame', lambda m: m['definition'].update(tags=[]), 'the tags are'),
    'unknown metric': ('answered', lambda m: replace(m['definition'], 'query', 'job.max', 'job.min'), 'metadata.csv'),
    'unknown tag': ('answered', lambda m: replace(m['definition'], 'query', 'by {', 'by {crew,'), 'no tag crew'),
    'no query': ('answered', lambda m: m['definition'].update(query='last week'), 'not understood'),
    'mean of counts': (
        'answered',
        lambda m: m['definition'].update(query='avg(last_1d):sum:sagemaker_training.jobs.created{*}.as_count() > 1'),
        'the avg of a count',
    ),
    'money of all currencies': (
        'money',
        lambda m: m['definition'].update(query='sum(last_1d):sum:sagemaker_training.usage.cost{*}.as_count() > 1'),
        'all currencies together',
    ),
    'another threshold': ('thresholds', lambda m: options(m)['thresholds'].update(critical=96), 'the query has 95'),
    'warning not milder': ('thresholds', lambda m: options(m)['thresholds'].update(warning=95), 'not milder'),
    'ungrouped tag': (
        'message',
        lambda m: replace(m['definition'], 'message', '{{region.name}}', '{{team.name}}'),
        'team is no tag',
    ),
    'block not closed': ('message', lambda m: replace(m['definition'], 'message', '{{/is_alert}}', ''), 'not closed'),
    'block not opened': ('message', lambda m: replace(m['definition'], 'message', '{{#is_alert}}', ''), 'not open'),
    'block missing': (
        'message',
        lambda m: replace(m['definition'], 'message', 'is_warning}}', 'is_alert}}'),
        'no block is_warning',
    ),
    'no causes': ('message', lambda m: replace(m['definition'], 'message', 'Likely causes', 'Well'), 'causes'),
    'no actions': ('message', lambda m: replace(m['definition'], 'message', '1. ', '- '), 'what to do'),
    'bare number': (
        'message',
        lambda m: replace(m['definition'], 'message', '{{eval "round(value)"}}', '{{value}}'),
        'value is not rounded',
    ),
    'long number': ('message', lambda m: replace(m['definition'], 'message', 'round(value)', 'value/1'), 'not rounded'),
    'a handle': ('message', lambda m: m['definition'].update(message=m['definition']['message'] + '@all'), 'notifies'),
    'silent without data': ('options', lambda m: options(m).pop('on_missing_data'), 'without data'),
    'no renotification': ('options', lambda m: options(m).update(renotify_interval=None), 'notify again'),
    'new jobs may wait': ('options', lambda m: options(m).pop('new_group_delay'), 'whether new groups'),
    'notified by another tag': ('options', lambda m: options(m).update(notify_by=['team']), "notifies by ['team']"),
    'notified by all tags': (
        'options',
        lambda m: options(m).update(notify_by=['aws_account', 'region', 'training_job_name']),
        'notifies by',
    ),
    'new jobs wait': ('options', lambda m: options(m).update(new_group_delay=60), 'has to wait'),
    'jobs stay': ('options', lambda m: options(m).update(on_missing_data='default'), 'not resolved'),
    'http': ('links', lambda m: replace(m['definition'], 'message', 'https://', 'http://'), 'not https'),
    'no runbook': ('runbook', lambda m: replace(m['definition'], 'message', '`docs/', '`README'), 'its runbook'),
    'not ASCII': ('plain', lambda m: m.update(description='\N{EM DASH}'), 'not ASCII'),
}


@pytest.mark.parametrize('case', BROKEN_DASHBOARDS)
def test_a_broken_dashboard_breaks_a_rule(case: str) -> None:
    rule, breaks, says = BROKEN_DASHBOARDS[case]
    broken = copy.deepcopy(DASHBOARDS['overview'])
    breaks(broken)
    assert says in '\n'.join(DASHBOARD_RULES[rule](broken))


BROKEN_CHECK_MONITORS = {
    'unknown check': ('answered', lambda d: replace(d, 'query', 'can_connect', 'can_conect'), 'can_conect'),
    'group of other tags': ('answered', lambda d: replace(d, 'query', '"region"', '"team"'), 'team'),
    'escaped message': ('message', lambda d: replace(d, 'message', '{{{check_message}}}', '{{check_message}}'), 'HTML'),
    'too few to count': ('thresholds', lambda d: d['options']['thresholds'].update(warning=11), 'not enough for 11'),
    'silent without data': ('options', lambda d: d['options'].pop('no_data_timeframe'), 'without data'),
}


@pytest.mark.parametrize('case', BROKEN_CHECK_MONITORS)
def test_a_broken_monitor_of_a_check_breaks_a_rule(case: str) -> None:
    rule, breaks, says = BROKEN_CHECK_MONITORS[case]
    broken = copy.deepcopy(MONITORS['api_unreachable'])
    breaks(broken['definition'])
    assert says in '\n'.join(MONITOR_RULES[rule](broken))


@pytest.mark.parametrize('case', BROKEN_MONITORS)
def test_a_broken_monitor_breaks_a_rule(case: str) -> None:
    rule, breaks, says = BROKEN_MONITORS[case]
    broken = copy.deepcopy(MONITORS['near_max_runtime'])
    breaks(broken)
    assert says in '\n'.join(MONITOR_RULES[rule](broken))


def test_each_rule_is_seen_broken() -> None:
    assert {rule for rule, *_ in BROKEN_DASHBOARDS.values()} == DASHBOARD_RULES.keys()
    assert {rule for rule, *_ in BROKEN_MONITORS.values()} == MONITOR_RULES.keys()
