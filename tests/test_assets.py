# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Each query of the dashboards and monitors is answered by what the check sends, and each rule for them is kept."""

import copy
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import mean
from typing import Any

import pytest

from datadog_checks.sagemaker_training.job import AT_LIMIT, WAITING
from tools.aws.scenario import living_fleet
from tools.datadog.assets import (
    METRIC_MONITOR,
    STATIC,
    Json,
    Widget,
    filled,
    frames,
    is_group,
    load,
    queries,
    streamed,
    verdicts,
    widgets,
)
from tools.datadog.filters import kept, tag_filter
from tools.datadog.frames import QueryError, Window
from tools.datadog.query import Metric, metrics
from tools.datadog.recording import PREFIX, Recording
from tools.demo.simulation import POLL_SECONDS, START
from tools.demo.truth import bill, counted_cost

from .asset_rules import DASHBOARD_RULES, METADATA, MONITOR_RULES, ROOT
from .conftest import HOURS_OF_MINUTES

DASHBOARDS, MONITORS = load('dashboards'), load('monitors')
WIDGETS = [(name, widget) for name, dashboard in DASHBOARDS.items() for widget in widgets(dashboard)]
DAY = Window.drawn(START.timestamp(), (START + timedelta(days=1)).timestamp())


def filler(dashboard: str, **chosen: str) -> Callable[[str], str]:
    """Fills in the values of template variables, `*` for those that are not chosen."""
    return partial(filled, variables=DASHBOARDS[dashboard]['template_variables'], chosen=chosen)


def has_data(definition: Json, recording: Recording, window: Window, fill: Callable[[str], str]) -> bool:
    """Whether each formula of a widget has values, and each metric it asks for was ever sent: 0 may stand for nothing.

    Streams and checks may find something at any time.
    """
    kind = definition['type']
    if kind in STATIC:
        return True
    if kind == 'list_stream':
        return bool(streamed(definition, recording, fill))
    if kind == 'check_status':
        return definition['check'] == f'{PREFIX}can_connect' and any(
            all(tag_filter(fill(tag)).matches(kept(check.tags)) for tag in definition.get('tags', ()))
            for check in recording.service_checks
        )
    asked = {metric.name for query in queries(definition) for metric in metrics(fill(query))}
    answers = frames(definition, recording, window, fill)
    return (
        bool(answers)
        and all(frame.lines for frame in answers)
        and all(name.removeprefix(PREFIX) in recording.series for name in asked)
    )


def all_metrics() -> Iterator[Metric]:
    """What all dashboards and monitors ask for."""
    for _, widget in WIDGETS:
        for query in queries(widget.definition):
            yield from metrics(query)
    for monitor in MONITORS.values():
        if match := METRIC_MONITOR.fullmatch(monitor['definition']['query']):
            yield from metrics(match['query'])


@pytest.mark.parametrize(
    ('dashboard', 'widget'), WIDGETS, ids=[f'{name}: {widget.group}: {widget.name}' for name, widget in WIDGETS]
)
def test_a_widget_has_data(dashboard: str, widget: Widget, day: Recording) -> None:
    """At the end of the day; if it shows less than a day, at the end of one of its hours."""
    ends = [DAY.moved(-3600 * hours) for hours in range(24 if 'time' in widget.definition else 1)]
    assert any(has_data(widget.definition, day, window, filler(dashboard)) for window in ends)


@pytest.mark.parametrize('metric', METADATA)
def test_a_metric_that_is_not_sent_leaves_a_hole(metric: str, day: Recording) -> None:
    without = copy.copy(day)
    without.series = day.series.copy()
    del without.series[metric.removeprefix(PREFIX)]
    asking = [
        (dashboard, widget)
        for dashboard, widget in WIDGETS
        if any(each.name == metric for query in queries(widget.definition) for each in metrics(query))
    ]
    assert asking, 'it is on no dashboard'
    assert not any(has_data(widget.definition, without, DAY, filler(dashboard)) for dashboard, widget in asking)


@pytest.mark.parametrize('kind', ['events', 'logs'])
def test_without_events_and_logs_their_streams_are_empty(kind: str, day: Recording) -> None:
    without = copy.copy(day)
    setattr(without, kind, [])
    streams = [(name, widget) for name, widget in WIDGETS if widget.definition['type'] == 'list_stream']
    sources = {f'{kind[:-1]}_stream', f'{kind}_stream'}
    asking = [(n, w) for n, w in streams if w.definition['requests'][0]['query']['data_source'] in sources]
    assert asking
    assert not any(has_data(widget.definition, without, DAY, filler(name)) for name, widget in asking)


@pytest.mark.parametrize(
    'name', [name for name, each in MONITORS.items() if each['definition']['type'] == 'query alert']
)
def test_a_monitor_has_data(name: str, day: Recording) -> None:
    """At the end of one of the day's hours."""
    ends = (DAY.end - 3600 * hours - DAY.interval for hours in range(24))
    assert any(verdicts(MONITORS[name]['definition'], day, end) for end in ends)


@pytest.mark.parametrize('metric', METADATA)
def test_a_metric_has_the_tags_that_the_metadata_and_the_assets_say(metric: str, day: Recording) -> None:
    sent = {tag for series in day.series[metric.removeprefix(PREFIX)].values() for tag in series.tags}
    asked = {tag for each in all_metrics() if each.name == metric for tag in {*each.by, *each.filter.names}}
    assert set(METADATA[metric]['sample_tags'].split(',')) <= sent
    assert {tag for tag in asked if not tag.startswith('$')} <= sent


@pytest.mark.parametrize('dashboard', DASHBOARDS)
def test_a_chosen_value_narrows_what_is_shown(dashboard: str, day: Recording) -> None:
    """Of each variable, its presets' values included, there is a value that leaves some widget something to show."""
    template = DASHBOARDS[dashboard]
    name = day.events[-1]['msg_title'].split()[3]
    values = {
        'scope': 'env:prod',
        'aws_account': '123456789012',
        'region': 'us-east-1',
        'training_job_name': name,
        'job_family': next(
            s.tags['job_family'] for _, s in day.all_series() if s.tags.get('training_job_name') == name
        ),
        'instance_type': 'ml.g5.xlarge',
        'team': 'nlp',
        'managed_spot': 'true',
        'currency': 'usd',
    }
    chosen = {each['name']: values[each['name']] for each in template['template_variables'] if not is_group(each)}
    presets = [
        {each['name']: each['values'][0] for each in preset['template_variables']}
        for preset in template['template_variable_presets']
    ]
    for choice in [*({name: value} for name, value in chosen.items()), *presets]:
        # A table of costs has what is no cost beside it.
        tables = ('query_table',) if 'currency' in choice else ()
        asking = [
            widget.definition
            for widget in widgets(template)
            if any(f'${name}' in query for name in choice for query in queries(widget.definition))
            and 'default_zero' not in json.dumps(widget.definition)
            and widget.definition['type'] not in tables
        ]
        nobodys = {name: 'env:nobodys' if name == 'scope' else 'nobodys' for name in choice}
        found, none = (
            [any(frame.lines for frame in frames(widget, day, DAY, filler(dashboard, **picked))) for widget in asking]
            for picked in (choice, nobodys)
        )
        assert any(found), choice
        assert not any(none), choice


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


def test_the_manifest_lists_every_asset_and_no_other() -> None:
    assets = json.loads((ROOT / 'manifest.json').read_text(encoding='utf-8'))['assets']
    for kind, loaded in (('dashboards', DASHBOARDS), ('monitors', MONITORS)):
        assert assets[kind] == {each['title']: f'assets/{kind}/{name}.json' for name, each in loaded.items()}


def test_the_page_of_costs_tells_how_many_time_series_there_are(day: Recording) -> None:
    """It tells of the whole simulated day, polled each minute; here are the last hours of that."""
    minutes = day.since(DAY.end - HOURS_OF_MINUTES * 3600)
    at_a_time: Counter[tuple[str, float]] = Counter()
    of_life: Counter[str] = Counter()
    in_an_hour: defaultdict[bool, set[tuple[str, frozenset[str], float]]] = defaultdict(set)
    for metric, by_tags in minutes.series.items():
        for tags, series in by_tags.items():
            in_an_hour[metric.startswith('job.')] |= {(metric, tags, at // 3600) for at in series.times}
            if metric.startswith('job.'):
                of_life[series.tags['training_job_name']] += 1
                at_a_time.update((series.tags['training_job_name'], at) for at in series.times)
    followed = Counter(at for _, at in at_a_time)
    first, *_, last = minutes.polled_at
    whole = [count for job, count in of_life.items() if not at_a_time.keys() & {(job, first), (job, last)}]
    text = ' '.join((ROOT / 'docs' / 'cost.md').read_text(encoding='utf-8').split())

    def told(sentence: str) -> list[int]:
        match = re.search(sentence.replace('#', r'([\d,]+)'), text)
        assert match, sentence
        return [int(number.replace(',', '')) for number in match.groups()]

    least, most, average = told('# to # for each followed job, # on average')
    assert (least, most) == (min(at_a_time.values()), max(at_a_time.values()))
    fewest, greatest = told('of which # to # are followed at a time')
    assert fewest <= min(followed.values()) <= max(followed.values()) <= greatest
    (of_a_life,) = told('it leaves about # series')
    of_jobs, different, others = told('about # series at a time and # different ones in an hour for the jobs, and #')
    measured = [
        mean(at_a_time.values()),
        mean(whole),
        sum(at_a_time.values()) / len(followed),
        *(len(in_an_hour[is_of_jobs]) / HOURS_OF_MINUTES for is_of_jobs in (True, False)),
    ]
    assert [average, of_a_life, of_jobs, different, others] == pytest.approx(measured, rel=0.15)


def test_the_page_of_costs_tells_how_near_they_are_to_the_bill(day: Recording) -> None:
    recording = day.since(DAY.start)
    after, until = START - timedelta(seconds=POLL_SECONDS), datetime.fromtimestamp(day.polled_at[-1], UTC)
    counted, true = counted_cost(recording), bill(living_fleet(START), after, until)
    text = ' '.join((ROOT / 'docs' / 'cost.md').read_text(encoding='utf-8').split())
    match = re.search(r'bill of ([\d,]+) dollars .* ([\d.]+) % .* ([\d.]+) % without managed spot', text)
    assert match
    dollars, off, off_on_demand = (float(number.replace(',', '')) for number in match.groups())
    assert true.total == pytest.approx(dollars, rel=0.01)
    assert counted.total == pytest.approx(true.total, rel=off / 100)
    assert counted.on_demand == pytest.approx(true.on_demand, rel=off_on_demand / 100)


def test_a_dashboard_can_be_found_again() -> None:
    assert all(each['description'].endswith(f'[sagemaker-training:{name}]') for name, each in DASHBOARDS.items())


def test_a_query_with_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(QueryError, match='crew'):
        filler('overview')('sum:sagemaker_training.jobs.open{$crew}')


def test_assets_and_the_check_mean_the_same_by_waiting_and_by_a_limit() -> None:
    text = ' '.join(path.read_text(encoding='utf-8') for path in (ROOT / 'assets').rglob('*.json'))
    named = {frozenset(match.split(',')) for match in re.findall(r'secondary_status (?:NOT )?IN \(([\w,]+)\)', text)}
    assert named == {frozenset(WAITING), frozenset(AT_LIMIT)}
