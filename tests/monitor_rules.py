# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a monitor must be like, where neither ddev nor Datadog's API says so: rules that yield problems."""

import re
from collections.abc import Iterator

from datadog_api_client.v1.model.monitor import Monitor

from tools.datadog.assets import CHECK_MONITOR, COMPARISONS, METRIC_MONITOR, Json, grouped_by, metric_monitor

from .asset_rules import (
    SERVICE_CHECK,
    Rule,
    links_lead_somewhere,
    money_is_of_one_currency,
    query_problems,
    texts_are_plain,
    unknown_to_the_api,
)

MONITOR_KEYS = ['version', 'created_at', 'last_updated_at', 'title', 'description', 'tags', 'definition']


def _monitor_is_understood(monitor: Json) -> Iterator[str]:
    yield from unknown_to_the_api(monitor['definition'], Monitor)


def _frame_is_that_of_integrations(monitor: Json) -> Iterator[str]:
    if list(monitor) != MONITOR_KEYS:
        yield f'the keys are {list(monitor)}'
    if monitor['version'] != 2:
        yield 'the version is not 2'
    if len(monitor['title']) > 80 or '{{' in monitor['title'] or monitor['title'] != monitor['definition']['name']:
        yield f'the title is {monitor["title"]}'
    if len(monitor['description']) > 300:
        yield f'the description has {len(monitor["description"])} characters'
    for tags in (monitor['tags'], monitor['definition']['tags']):
        if tags != ['integration:sagemaker-training']:
            yield f'the tags are {tags}'


def _query_is_answered(monitor: Json) -> Iterator[str]:
    definition = monitor['definition']
    if match := CHECK_MONITOR.fullmatch(definition['query']):
        if match['check'] != SERVICE_CHECK['check']:
            yield f'the service check is {match["check"]}'
        if set(grouped_by(definition)) != set(SERVICE_CHECK['groups']):
            yield f'it groups by {grouped_by(definition)}'
    elif match := METRIC_MONITOR.fullmatch(definition['query']):
        yield from query_problems(match['query'], {})
        if '.as_count()' in match['query'] and match['method'] != 'sum':
            yield f'the {match["method"]} of a count over time'
    else:
        yield f'not understood: {definition["query"]}'


def _thresholds_fit(monitor: Json) -> Iterator[str]:
    definition = monitor['definition']
    thresholds = definition['options']['thresholds']
    if match := CHECK_MONITOR.fullmatch(definition['query']):
        if int(match['last']) <= max(thresholds.values()):
            yield f'the last {match["last"]} are not enough for {max(thresholds.values())} in a row'
        return
    match = metric_monitor(definition)
    if float(match['critical']) != thresholds['critical']:
        yield f'the query has {match["critical"]}, the critical threshold is {thresholds["critical"]}'
    is_beyond = COMPARISONS[match['comparison'].rstrip('=')]
    if 'warning' in thresholds and not is_beyond(thresholds['critical'], thresholds['warning']):
        yield 'the warning is not milder'


def _message_fits(monitor: Json) -> Iterator[str]:
    message, options = monitor['definition']['message'], monitor['definition']['options']
    grouped = set(grouped_by(monitor['definition']))
    for name in sorted(set(re.findall(r'\{\{(\w+)\.name\}\}', message)) - grouped):
        yield f'{name} is no tag that it groups by'
    # https://docs.datadoghq.com/monitors/guide/template-variable-evaluation/
    numbers = re.findall(r'\{\{(?:eval ")?([^{}"]*\b(?:value|(?:warn_)?threshold)\b[^{}"]*)"?\}\}', message)
    yield from (f'{number} is not rounded' for number in numbers if not re.fullmatch(r'round\(.*\)(/10+)?', number))
    # https://docs.datadoghq.com/monitors/notify/variables/#character-escape
    if re.search(r'(?<!\{)\{\{check_message\}\}', message):
        yield 'check_message is escaped as in HTML'
    opened: list[str] = []
    for sign, block in re.findall(r'\{\{([#^/])(\w+)\}\}', message):
        if sign != '/':
            opened.append(block)
        elif not opened or opened.pop() != block:
            yield f'{block} is closed where it is not open'
    yield from (f'{block} is not closed' for block in opened)
    wanted = {'is_alert', 'is_recovery', *(['is_warning'] if 'warning' in options['thresholds'] else [])}
    for block in sorted(wanted - set(re.findall(r'\{\{#(\w+)\}\}', message))):
        yield f'it has no block {block}'
    if '**Likely causes**' not in message or not re.search(r'\*\*What to do\*\*\n\n1\. ', message):
        yield 'it does not say what the causes are and what to do'
    if '@' in message:
        yield 'it notifies somebody'


def _runbook_is_named(monitor: Json) -> Iterator[str]:
    """At the end, in the one form that `push-assets` and Terraform make a link of."""
    message = monitor['definition']['message']
    if not re.search(r'\n\nRunbook: `docs/runbooks\.md#[a-z-]+`$', message):
        yield 'it does not end with its runbook'


def _options_are_explicit(monitor: Json) -> Iterator[str]:
    options = monitor['definition']['options']
    is_check = monitor['definition']['type'] == 'service check'
    # Service checks have the older way alone: https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor.
    if ('no_data_timeframe' if is_check else 'on_missing_data') not in options:
        yield 'it does not say what to do without data'
    if not isinstance(options.get('renotify_interval'), int):
        yield 'it does not say how often to notify again'
    grouped, notified = grouped_by(monitor['definition']), options.get('notify_by')
    # Not all either, says the API; nor would that be more than none.
    if notified and not {'aws_account', 'region'} <= set(notified) < set(grouped):
        yield f'it notifies by {notified}, of groups by {grouped}'
    if 'new_group_delay' not in options:
        yield 'it does not say whether new groups have to wait'
    if 'training_job_name' in grouped:
        # The group of a job is born with its first point. Only a run has to have lasted for a while to be compared.
        if options.get('new_group_delay') and 'job.runtime_ratio' not in monitor['definition']['query']:
            yield 'a new job has to wait'
        if options.get('on_missing_data') != 'resolve':
            yield 'a job that is gone is not resolved'


MONITOR_RULES: dict[str, Rule] = {
    'understood': _monitor_is_understood,
    'frame': _frame_is_that_of_integrations,
    'answered': _query_is_answered,
    'money': money_is_of_one_currency,
    'thresholds': _thresholds_fit,
    'message': _message_fits,
    'options': _options_are_explicit,
    'runbook': _runbook_is_named,
    'links': links_lead_somewhere,
    'plain': texts_are_plain,
}
