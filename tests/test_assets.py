# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Each query of the dashboards and monitors is answered by what the check sends."""

import copy
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest

from datadog_checks.sagemaker_training.job import AT_LIMIT, WAITING
from tools.aws.scenario import living_fleet
from tools.datadog.assets import (
    METRIC_MONITOR,
    STATIC,
    Json,
    Widget,
    frames,
    is_group,
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

from .asset_rules import METADATA, ROOT
from .assets import DASHBOARDS, DAY, MONITORS, filler
from .conftest import HOURS_OF_MINUTES

WIDGETS = [(name, widget) for name, dashboard in DASHBOARDS.items() for widget in widgets(dashboard)]


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
