# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The report of a demo or dry run: all figures come from what the check has submitted, and from nothing else."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from datadog_checks.sagemaker_training.job import OVER
from tools.datadog.frames import Window
from tools.datadog.recording import Point, Recording
from tools.preview.document import NOTICE, Monitors
from tools.preview.page import write

from .truth import SPENT

STATUSES = ('[green]OK[/]', '[yellow]WARNING[/]', '[red]CRITICAL[/]', 'UNKNOWN')
MOST_OPEN, MOST_OVER = 18, 12
MOST_LINES = 60
MOST_EVENTS = 10
ALERTS = {
    'error': '[red]error[/]  ',
    'warning': '[yellow]warning[/]',
    'success': '[green]success[/]',
    'info': 'info   ',
}

# The gauges of one job, by metric.
type Gauges = Mapping[str, Point]


def render(recording: Recording, console: Console) -> None:
    """Print every section."""
    for title, section in (
        ('Jobs of the last poll, open ones first', _jobs),
        ('Fleet at the last poll', lambda r: _fleet(r, FLEET_COLUMNS | POLL_COLUMNS, 'aws_account', 'region')),
        ('By instance type', lambda r: _fleet(r, FLEET_COLUMNS, 'aws_account', 'region', 'instance_type')),
        ('What was billed for the jobs that ended, by team', lambda r: _cost(r, 'team')),
        ('What was billed, by instance type', lambda r: _cost(r, 'instance_type')),
        ('What happened, by team: each fact is counted once', _counts),
        ('Events', _events),
        ('Service check sagemaker_training.can_connect', _service_checks),
        ('A resource, as it was sent', _resource),
        ('AWS calls, retries included', _calls),
    ):
        console.print(f'\n[bold]{title}[/]')
        console.print(*section(recording), sep='\n')


def draw(
    recording: Recording,
    window: Window,
    page: Path,
    console: Console,
    notice: str = NOTICE,
    monitors: Monitors = None,
) -> None:
    """Write the page, and say where it is."""
    page.parent.mkdir(parents=True, exist_ok=True)
    write(recording, window, page, notice, monitors)
    console.print(f'\nThe dashboards and monitors, drawn from this:\n{page.resolve()}', soft_wrap=True)


def duration(seconds: float) -> str:
    """Such as `45s`, `12m`, `3h05m`, `2d04h`.

    >>> duration(11100)
    '3h05m'
    """
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        return f'{seconds:.0f}s'
    if hours < 1:
        return f'{minutes:.0f}m'
    if days < 1:
        return f'{hours:.0f}h{minutes % 60:02.0f}m'
    return f'{days:.0f}d{hours % 24:02.0f}h'


def by_job(points: Iterable[Point]) -> list[Gauges]:
    """The gauges that have one value for each job, job by job."""
    jobs: defaultdict[tuple[str | None, ...], dict[str, Point]] = defaultdict(dict)
    for point in points:
        if point.metric.startswith('job.'):
            tags = point.tags
            jobs[tags.get('aws_account'), tags['region'], tags['training_job_name']][point.metric] = point
    return list(jobs.values())


def _value(job: Gauges, metric: str) -> float | None:
    return job[metric].value if metric in job else None


def _tag(job: Gauges, name: str) -> str:
    return next(iter(job.values())).tags.get(name, '')


def _is_over(job: Gauges) -> bool:
    return _tag(job, 'training_job_status') in OVER


def _shown(metric: str, unit: Callable[[float], str]) -> Callable[[Gauges], str]:
    def read(job: Gauges) -> str:
        value = _value(job, metric)
        return '' if value is None else unit(value)

    return read


JOB_COLUMNS: dict[str, Callable[[Gauges], str]] = {
    'job': lambda job: escape(_tag(job, 'training_job_name')),
    'status': lambda job: (_tag(job, 'failure_type') or _tag(job, 'secondary_status'))[:15],
    'instances': lambda job: (
        f'{_shown("job.instances", "{:.0f} x ".format)(job)}{_tag(job, "instance_type").removeprefix("ml.")}'
    ),
    'elapsed': _shown('job.elapsed_time', duration),
    'of max': _shown('job.max_runtime_used', '{:.0f} %'.format),
    'billed': _shown('job.billable_time', duration),
    'spot': _shown('job.spot_savings', '-{:.0f} %'.format),
    'team': lambda job: escape(_tag(job, 'team')),
}


def _jobs(recording: Recording) -> Iterator[RenderableType]:
    """Those with the longest run, some open and some ended."""
    jobs = sorted(by_job(recording.points), key=lambda job: -(_value(job, 'job.elapsed_time') or 0))
    open_: list[Gauges] = []
    over: list[Gauges] = []
    for job in jobs:
        (over if _is_over(job) else open_).append(job)
    shown = open_[:MOST_OPEN] + over[:MOST_OVER]
    yield table(JOB_COLUMNS, ([read(job) for read in JOB_COLUMNS.values()] for job in shown))
    if len(jobs) > len(shown):
        yield f'and {len(open_[MOST_OPEN:])} more open, {len(over[MOST_OVER:])} more ended jobs'


FLEET_COLUMNS = {
    'open\njobs': 'jobs.open',
    'their\ninstances': 'instances.open',
    'idle\nwarm pools': 'warm_pools.available',
    'instances\nin them': 'warm_pools.instances',
}
POLL_COLUMNS = {
    'followed\njobs': 'poll.tracked_jobs',
    'waiting to\nbe described': 'poll.pending_jobs',
}


def _fleet(recording: Recording, columns: Mapping[str, str], *tags: str) -> Iterator[RenderableType]:
    """The metrics' sums for each combination of the tags, and over all; what is 0 throughout is left out."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for point in recording.points:
        if point.metric in columns.values() and point.value:
            for group in (' '.join(point.tags.get(tag, '-') for tag in tags), 'all'):
                sums[group][point.metric] += int(point.value)
    groups = [*sorted(sums.keys() - {'all'}), 'all']
    rows = ([escape(group), *(str(sums[group][metric]) for metric in columns.values())] for group in groups)
    yield table((' '.join(tags).replace('_', ' '), *columns), rows)


def _product(job: Gauges, *metrics: str) -> float:
    """The metrics' product, 0 if one of them is absent."""
    product = 1.0
    for metric in metrics:
        product *= _value(job, metric) or 0
    return product


COST_COLUMNS: dict[str, Callable[[Gauges], float]] = {
    'jobs': lambda job: 1,
    'failed': lambda job: _tag(job, 'training_job_status') == 'failed',
    'billed\ninstance-hours': lambda job: _product(job, 'job.billable_instance_time') / 3600,
    'of them\nfailed': lambda job: (
        _product(job, 'job.billable_instance_time') / 3600 * (_tag(job, 'training_job_status') == 'failed')
    ),
    'saved\nby spot': lambda job: (
        (_product(job, 'job.training_time', 'job.instances') - _product(job, 'job.billable_instance_time'))
        / 3600
        * ('job.spot_savings' in job)
    ),
    'warm\npools': lambda job: _product(job, 'job.warm_pool.retained_billable_instance_time') / 3600,
    'million\ntokens': lambda job: _product(job, 'job.billable_tokens') / 1e6,
}


def _cost(recording: Recording, tag: str) -> Iterator[RenderableType]:
    """The last values of all jobs that are over: before, AWS does not say what a job is billed."""
    jobs = list(filter(_is_over, by_job(recording.job_points)))
    groups: defaultdict[str, list[Gauges]] = defaultdict(list)
    for job in jobs:
        groups[_tag(job, tag) or f'no {tag}'].append(job)
    sums = {group: [sum(map(read, members)) for read in COST_COLUMNS.values()] for group, members in groups.items()}
    ordered = sorted(sums.items(), key=lambda row: -row[1][2])
    total = [sum(map(read, jobs)) for read in COST_COLUMNS.values()]
    rows = ([escape(group), *(f'{value:,.0f}' for value in values)] for group, values in [*ordered, ('all', total)])
    yield table((tag.replace('_', ' '), *COST_COLUMNS), rows)


COUNT_COLUMNS: dict[str, Callable[[Point], float]] = {
    'jobs\ncreated': lambda count: count.value * (count.metric == 'jobs.created'),
    'jobs\nfinished': lambda count: count.value * (count.metric == 'jobs.finished'),
    'of them\nfailed': lambda count: (
        count.value * (count.metric == 'jobs.finished' and count.tags['training_job_status'] == 'failed')
    ),
    'interrup-\ntions': lambda count: count.value * (count.metric == 'jobs.interrupted'),
    'spent\n(dollars)': lambda count: count.value * (count.metric in SPENT),
    'billed\ninstance-hours': lambda count: count.value / 3600 * (count.metric == 'usage.billable_time'),
    'saved': lambda count: count.value / 3600 * (count.metric == 'usage.saved_time'),
    'warm\npools': lambda count: count.value / 3600 * (count.metric == 'usage.warm_pool_time'),
    'million\ntokens': lambda count: count.value / 1e6 * (count.metric == 'usage.billable_tokens'),
}


def _counts(recording: Recording) -> Iterator[RenderableType]:
    totals = recording.totals
    if not totals:
        yield 'nothing: what had happened by the first poll does not count'
        return
    groups: defaultdict[str, list[Point]] = defaultdict(list)
    for count in totals:
        groups[count.tags.get('team', 'no team')].append(count)
    rows = ([escape(team), *_summed(counts)] for team, counts in [*sorted(groups.items()), ('all', totals)])
    yield table(('team', *COUNT_COLUMNS), rows)


def _summed(counts: Iterable[Point]) -> list[str]:
    counts = list(counts)
    return [f'{sum(map(read, counts)):,.0f}' for read in COUNT_COLUMNS.values()]


def _events(recording: Recording) -> Iterator[RenderableType]:
    """The last ones."""
    if not recording.events:
        yield 'none'
        return
    shown = recording.events[-MOST_EVENTS:]
    yield from (f'{ALERTS[event["alert_type"]]} {escape(event["msg_title"])}' for event in shown)
    if len(recording.events) > len(shown):
        yield f'and {len(recording.events) - len(shown)} earlier ones'


def _service_checks(recording: Recording) -> Iterator[RenderableType]:
    for check in sorted(recording.last_service_checks, key=lambda check: sorted(check.tags.items())):
        scope = f'{check.tags.get("aws_account", "no account")} {check.tags["region"]}'
        yield f'{STATUSES[check.status]} {scope} {escape(check.message)}'


def _resource(recording: Recording) -> Iterator[RenderableType]:
    """The one with the most redactions, as far as a screen goes."""
    if not recording.resources:
        yield 'none was sent'
        return
    documents = [json.dumps(fields, indent=1) for fields in recording.resources.values()]
    lines = max(documents, key=lambda text: text.count('<redacted>')).splitlines()
    yield from map(escape, lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        yield f'and {len(lines) - MOST_LINES} more lines, of one of {len(documents)} resources'


def _calls(recording: Recording) -> Iterator[RenderableType]:
    """By operation and outcome; a poll is one of each instance, with all their regions."""
    first, *later = recording.requests
    polls = {'in the\nfirst poll': first}
    if later:
        by_size = sorted(later, key=Counter.total)
        polls |= {
            'in the median\nlater one': by_size[(len(later) - 1) // 2],
            'in the largest\nlater one': by_size[-1],
            'in all': sum(later, first),
        }
    rows = [
        [f'{operation} {outcome}', *(str(poll[operation, outcome]) for poll in polls.values())]
        for operation, outcome in sorted(set().union(*polls.values()))
    ]
    rows.append(['all', *(str(poll.total()) for poll in polls.values())])
    yield table(('operation and outcome', *polls), rows)


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """On a narrow screen the first column, of names, is cut short."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style='dim')
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number > 0, overflow='ellipsis')
    for row in rows:
        table.add_row(*row)
    return table
