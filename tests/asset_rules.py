# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a dashboard must be like, where neither ddev nor Datadog's API says so: rules that yield problems.

With those that are for monitors, too.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from datadog_api_client import Configuration
from datadog_api_client.exceptions import ApiTypeError, ApiValueError
from datadog_api_client.model_utils import ModelComposed, ModelNormal, UnparsedObject, validate_and_convert_types
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.widget import Widget

from tools.datadog.assets import (
    METRIC_MONITOR,
    STATIC,
    Json,
    is_group,
    load,
    queries,
    widgets,
)
from tools.datadog.query import Metric, QueryError, metrics

ROOT = Path(__file__).parent.parent

with (ROOT / 'metadata.csv').open(encoding='utf-8') as _file:
    METADATA = {row['metric_name']: row for row in csv.DictReader(_file)}
[SERVICE_CHECK] = json.loads((ROOT / 'assets' / 'service_checks.json').read_text(encoding='utf-8'))
GROUP_TAGS = {'managed_spot', 'algorithm', 'training_input_mode', 'role_name', 'job_family'}
USER_TAGS = {'team', 'project', 'env'}
"""Tags that AWS resources usually have, and those of the demo's do."""

# What a saved view needs to choose from, by its name.
PRESETS = {'Production': 'scope', 'Spot only': 'managed_spot'}
NOTE_LINE = 175
"""How many characters a line has over twelve columns. A row has two lines."""
COLUMNS = 12
SMALL_WORDS = {'a', 'an', 'and', 'at', 'by', 'for', 'in', 'of', 'on', 'or', 'per', 'the', 'to', 'with'}
PROPER_NAMES = {'Amazon', 'Datadog', 'SageMaker', 'CloudWatch'}
EVENT_LINK = re.compile(r'event/explorer\?query=([^&\s)"]*)')
# A tag's value in a search: it may have a colon, and then means something else without quotes.
BARE_VALUE = re.compile(r'(?<!")\{\{\w+\.value\}\}')
DOCS_PATH = re.compile(r'`(docs/[^`]*)`')
CROSS_LINK = re.compile(r'https://app\.datadoghq\.com/dashboard/lists\?q=([^&)"\s]+)([^)"\s]*)')

type Rule = Callable[[Json], Iterator[str]]


def unknown_to_the_api(document: Json, model: type) -> Iterator[str]:
    """What Datadog's client cannot make sense of, or keeps without knowing it."""
    try:
        parsed = validate_and_convert_types(document, (model,), ['asset'], True, True, configuration=Configuration())
    except (ApiTypeError, ApiValueError) as error:
        yield f'{error}'
        return
    yield from _unknown(parsed, '')


def _unknown(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, UnparsedObject) or getattr(value, '_unparsed', False):
        yield f'{path or "all of it"} is not understood'
    elif isinstance(value, ModelComposed):
        for instance in value._composed_instances:
            yield from _unknown(instance, path)
    elif isinstance(value, ModelNormal):
        for key, member in value._data_store.items():
            if key not in value.attribute_map:
                yield f'{path}.{key} is unknown'
            yield from _unknown(member, f'{path}.{key}')
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _unknown(member, f'{path}[{number}]')


def strings(value: Any) -> Iterator[str]:
    """All texts in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings(member)


def tags_of(metric: str) -> set[str]:
    """The keys that the metric's tags may have."""
    documented = set(METADATA[metric]['sample_tags'].split(','))
    grouped = {'training_plan', 'experiment_name', *USER_TAGS} if documented & GROUP_TAGS else set()
    job = {'failure_type', 'tuning_job_name', 'auto_ml_job_name', 'warm_pool_status'}
    return documented | grouped | (job if 'training_job_name' in documented else set())


def query_problems(text: str, variables: dict[str, Json]) -> Iterator[str]:
    try:
        asked = metrics(text)
    except QueryError as error:
        yield str(error)
        return
    if not asked:
        yield f'asks for nothing: {text}'
    for metric in asked:
        yield from (f'{problem}: {text}' for problem in _metric_problems(metric, variables))


def _metric_problems(metric: Metric, variables: dict[str, Json]) -> Iterator[str]:
    if metric.name not in METADATA:
        yield f'{metric.name} is not in metadata.csv'
        return
    if metric.is_count != (METADATA[metric.name]['metric_type'] == 'count'):
        yield '.as_count() goes with counts, and counts with it'
    known = tags_of(metric.name)
    for name in sorted({*metric.filter.names, *metric.by}):
        if not name.startswith('$'):
            wanted = {name}
        elif name[1:] not in variables:
            yield f'{name} is not defined'
            continue
        elif is_group(variables[name[1:]]) != (name in metric.by):
            yield f'{name} is for something else'
            continue
        else:
            wanted = _tags_of_variable(variables[name[1:]])
        yield from (f'{metric.name} has no tag {tag} ({name})' for tag in sorted(wanted - known))


def _tags_of_variable(variable: Json) -> set[str]:
    """Those that it filters or groups by; none for one that takes any tag, such as those of the instance."""
    if is_group(variable):
        return set(variable['available_values'])
    return {variable['prefix']} if variable.get('prefix') else set()


def texts_are_plain(document: Json) -> Iterator[str]:
    for text in strings(document):
        if not text.isascii():
            yield f'not ASCII: {text}'


def links_lead_somewhere(document: Json) -> Iterator[str]:
    variables = {each['title']: {v['name'] for v in each['template_variables']} for each in load('dashboards').values()}
    for text in strings(document):
        for link in re.findall(r'\w+://[^\s)"]*|\]\((?!https://)[^)]*\)', text):
            if not link.startswith('https://'):
                yield f'not https: {link}'
        for title, picks in CROSS_LINK.findall(text):
            if (called := unquote(title)) not in variables:
                yield f'no dashboard is called {called}'
                continue
            for name in sorted({*re.findall(r'&tpl_var_(\w+)=', picks)} - variables[called]):
                yield f'{called} has no variable {name}'
        for search in EVENT_LINK.findall(text):
            if '-source:alert' not in (words := unquote(search).split()) or any(w.startswith('source:') for w in words):
                yield f'Datadog does not know the source of the events: {unquote(search)}'
            yield from (f'without quotes: {value}' for value in BARE_VALUE.findall(unquote(search)))
        # https://docs.datadoghq.com/dashboards/widgets/note/, https://docs.datadoghq.com/dashboards/template_variables/
        for link in re.findall(r'https://[^/)]*\$[^)]*|https://[^\s)"]*\w\$\w+\.value[^)]*', text):
            yield f'Datadog does not fill in a variable there: {link}'


def _dashboard_is_understood(dashboard: Json) -> Iterator[str]:
    yield from unknown_to_the_api(dashboard, Dashboard)
    # Inside of a group one bad widget hides its place.
    for widget in widgets(dashboard):
        for problem in unknown_to_the_api({'definition': widget.definition}, Widget):
            yield f'{widget.name}: {problem}'


def _requests_are_complete(dashboard: Json) -> Iterator[str]:
    """What the API's client does not miss."""
    for widget in widgets(dashboard):
        kind, name = widget.definition['type'], widget.name
        for request in widget.definition.get('requests', ()):
            missing = {'response_format', 'queries', 'formulas'} - request.keys()
            if missing and 'query' not in request:
                yield f'{name}: a request has no {sorted(missing)}'
            for query in request.get('queries', ()):
                if request.get('response_format') == 'scalar' and 'aggregator' not in query:
                    yield f'{name}: a query has no aggregator'
            asked = {query['name'] for query in request.get('queries', ())}
            used = {name for each in request.get('formulas', ()) for name in re.findall(r'[a-z_]\w*', each['formula'])}
            if asked - used:
                yield f'{name}: {sorted(asked - used)} is in no formula'
        if kind not in STATIC | {'check_status'} and not widget.definition.get('requests'):
            yield f'{name}: asks for nothing'


def _queries_are_answered(dashboard: Json) -> Iterator[str]:
    variables = {variable['name']: variable for variable in dashboard['template_variables']}
    for widget in widgets(dashboard):
        for query in queries(widget.definition):
            yield from (f'{widget.name}: {problem}' for problem in query_problems(query, variables))


def _variables_act(dashboard: Json) -> Iterator[str]:
    """On each query whose metric has the tag, so that what is picked holds for all that is shown.

    But for comparisons of jobs, where one of them is picked, and for how often a region was polled: no job's tag is on
    that.
    """
    variables = [variable for variable in dashboard['template_variables'] if not is_group(variable)]
    for widget in widgets(dashboard):
        for metric in [metric for query in queries(widget.definition) for metric in _readable(query)]:
            known = tags_of(metric.name)
            for name in [variable['name'] for variable in variables if _tags_of_variable(variable) <= known]:
                is_apart = (name == 'training_job_name' and name in metric.by) or (
                    name == 'scope' and _is_polls(metric)
                )
                if f'${name}' not in metric.filter.names and not is_apart:
                    yield f'{widget.name}: {name} does not act on {metric.name}'
        if widget.definition['type'] in ('check_status', 'list_stream'):
            named = {name for text in _searches(widget.definition) for name in _named(text)}
            is_check = widget.definition['type'] == 'check_status'
            # The others are those of costs alone.
            of_jobs = {variable['name'] for variable in variables if variable.get('defaults') == ['*']}
            wanted = {'scope', *SERVICE_CHECK['groups']} if is_check else of_jobs
            yield from (f'{widget.name}: {name} does not act' for name in sorted(wanted - named))


def _readable(query: str) -> list[Metric]:
    """The metrics that are known; the others are another rule's."""
    try:
        return [metric for metric in metrics(query) if metric.name in METADATA]
    except QueryError:
        return []


def _is_polls(metric: Metric) -> bool:
    """Whether this counts polls."""
    return metric.rollup == 'count'


def _values_hold_in_any_interval(dashboard: Json) -> Iterator[str]:
    """However long the intervals of a graph are."""
    for widget in widgets(dashboard):
        for metric in [metric for query in queries(widget.definition) for metric in _readable(query)]:
            if metric.aggregator in ('max', 'min') and metric.rollup not in (metric.aggregator, 'count'):
                yield f'{widget.name}: the {metric.aggregator} of averages of {metric.name}'
            if metric.rollup in ('sum', 'count') and not (metric.is_count or metric.has_gaps):
                yield f'{widget.name}: Datadog would make up points of {metric.name}, which are added up'
        for request in widget.definition.get('requests', ()):
            for each in request.get('formulas', ()):
                if '_before(' in each['formula'] and not re.fullmatch(r'\w+_before\(.*\)', each['formula']):
                    yield f'{widget.name}: only a part is of another time: {each["formula"]}'


def money_is_of_one_currency(asset: Json) -> Iterator[str]:
    """An amount in dollars and one in another currency have no sum."""
    if 'widgets' in asset:
        texts = [text for widget in widgets(asset) for text in queries(widget.definition)]
    else:
        match = METRIC_MONITOR.fullmatch(asset['definition']['query'])
        texts = [match['query']] if match else []
    for metric in [metric for text in texts for metric in _readable(text)]:
        if 'currency' in tags_of(metric.name) and not {'currency', '$currency'} & {*metric.by, *metric.filter.names}:
            yield f'{metric.name} is of all currencies together'


def _graphs_can_be_read(dashboard: Json) -> Iterator[str]:
    """https://docs.datadoghq.com/developers/integrations/create-an-integration-dashboard/"""
    for widget in widgets(dashboard):
        definition = widget.definition
        asked = [metric for query in queries(definition) for metric in _readable(query)]
        if definition['type'] == 'sunburst' and any(len(metric.by) > 3 for metric in asked):
            yield f'{widget.name}: more than three rings'
        if definition['type'] != 'timeseries':
            continue
        if all(metric.as_count and not metric.as_rate for metric in asked) and definition['legend_columns'] != ['sum']:
            yield f'{widget.name}: the legend has more than sums of counts'
        for request in definition['requests']:
            is_of_jobs = any('training_job_name' in m.by for q in request['queries'] for m in _readable(q['query']))
            for each in request['formulas']:
                if 'alias' not in each:
                    yield f'{widget.name}: {each["formula"]} has no alias'
                if is_of_jobs and not each['formula'].startswith('top('):
                    yield f'{widget.name}: a line for each job'


def _layout_has_no_overlap(dashboard: Json) -> Iterator[str]:
    ids = Counter(widget['id'] for widget in _all_widgets(dashboard))
    yield from (f'the id {number} is there {count} times' for number, count in ids.items() if count > 1)
    for outer in dashboard['widgets']:
        if outer['definition']['type'] != 'group':
            yield f'{outer["definition"].get("title")} is in no group'
            continue
        inner, width = outer['definition']['widgets'], outer['layout']['width']
        yield from _overlaps(inner, width)
        bottom = max((widget['layout']['y'] + widget['layout']['height'] for widget in inner), default=0)
        if outer['layout']['height'] != bottom + 1:
            yield f'{outer["definition"]["title"]} is {outer["layout"]["height"]} high, for a content of {bottom}'
    yield from _overlaps(dashboard['widgets'], COLUMNS)


def _overlaps(siblings: list[Json], columns: int) -> Iterator[str]:
    for widget in siblings:
        if not (widget['layout']['x'] >= 0 and widget['layout']['x'] + widget['layout']['width'] <= columns):
            yield f'the widget {widget["id"]} leaves the {columns} columns'
    for one, other in combinations(siblings, 2):
        a, b = one['layout'], other['layout']
        if (
            a['x'] < b['x'] + b['width']
            and b['x'] < a['x'] + a['width']
            and a['y'] < b['y'] + b['height']
            and b['y'] < a['y'] + a['height']
        ):
            yield f'the widgets {one["id"]} and {other["id"]} overlap'


def _all_widgets(dashboard: Json) -> Iterator[Json]:
    for outer in dashboard['widgets']:
        yield outer
        yield from outer['definition'].get('widgets', ())


def _titles_are_cased(dashboard: Json) -> Iterator[str]:
    for widget in _all_widgets(dashboard):
        kind, title = widget['definition']['type'], widget['definition'].get('title', '')
        if not title and kind != 'note':
            yield f'the {kind} {widget["id"]} has no title'
        for place, word in enumerate(re.findall(r'[A-Za-z]+', title)):
            is_capital = word[0].isupper()
            if place == 0 and not is_capital:
                yield f'no capital at the start: {title}'
            elif kind == 'group' and not is_capital and word not in SMALL_WORDS:
                yield f'not in title case: {title}'
            elif kind != 'group' and place and is_capital and not word.isupper() and word not in PROPER_NAMES:
                yield f'not in sentence case: {title}'


def _variables_are_used(dashboard: Json) -> Iterator[str]:
    variables = dashboard['template_variables']
    names = [variable['name'] for variable in variables]
    for variable in variables:
        if variable.get('defaults') != (variable.get('available_values', [])[:1] or ['*']):
            yield f'{variable["name"]} has no defaults'
    used = {name for widget in widgets(dashboard) for text in _searches(widget.definition) for name in _named(text)}
    yield from (f'{name} is not used' for name in names if name not in used)
    yield from (f'{name} is not defined' for name in sorted(used - set(names)))
    presets = dashboard['template_variable_presets']
    wanted = {name for name, variable in PRESETS.items() if variable in names}
    yield from (f'no preset is called {name}' for name in wanted - {preset['name'] for preset in presets})
    for preset in presets:
        chosen = {variable['name'] for variable in preset['template_variables']}
        yield from (f'{preset["name"]} sets {name}, which is not defined' for name in chosen - set(names))


def _searches(definition: Json) -> Iterator[str]:
    """Everything in a widget that template variables apply to."""
    yield from queries(definition)
    yield from (
        request['query'].get('query_string', '') for request in definition.get('requests', ()) if 'query' in request
    )
    yield from definition.get('tags', ())
    yield definition.get('content', '')
    yield definition.get('query', '')


def _named(text: str) -> list[str]:
    return re.findall(r'\$([a-z]\w*)', text)


def _groups_say_how_to_read_them(dashboard: Json) -> Iterator[str]:
    for outer in dashboard['widgets']:
        title = outer['definition']['title'] if outer['definition']['type'] == 'group' else ''
        if title == 'About':
            continue
        notes = [w for w in outer['definition'].get('widgets', ()) if w['definition']['type'] == 'note']
        texts = [note['definition']['content'] for note in notes]
        if not any('**Reading' in text and '**Action' in text for text in texts):
            yield f'{title} does not say how to read it and what to do'
        for note, text in zip(notes, texts, strict=True):
            longest = max(map(len, text.split('\n'))) * COLUMNS / outer['layout']['width']
            if note['layout']['height'] > 1 or text.count('\n') > 1 or longest > NOTE_LINE:
                yield f'the note of {title} is longer than two lines'


DASHBOARD_RULES: dict[str, Rule] = {
    'understood': _dashboard_is_understood,
    'complete': _requests_are_complete,
    'answered': _queries_are_answered,
    'layout': _layout_has_no_overlap,
    'titles': _titles_are_cased,
    'variables': _variables_are_used,
    'acting': _variables_act,
    'intervals': _values_hold_in_any_interval,
    'graphs': _graphs_can_be_read,
    'money': money_is_of_one_currency,
    'notes': _groups_say_how_to_read_them,
    'links': links_lead_somewhere,
    'plain': texts_are_plain,
}
