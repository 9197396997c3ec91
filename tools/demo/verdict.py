# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the days of a dry run come to: which monitors would have fired, and what to look at first."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from datadog_checks.sagemaker_training.job import AT_LIMIT, WAITING
from tools.datadog.alerts import Firing, firings
from tools.datadog.assets import Json
from tools.datadog.frames import QueryError
from tools.datadog.notifications import notification
from tools.datadog.recording import Point, Recording

from .report import Gauges, by_job, duration, table

MOST_FIRINGS = 3
MOST_LOOKS = 3
LONG_WAIT_SECONDS = 3600
# Of a group, what is said elsewhere.
SCOPE = frozenset({'aws_account', 'region'})


def monitors_section(recording: Recording, monitors: Mapping[str, Json]) -> Iterator[RenderableType]:
    """Each monitor: how often it would have fired; of those that would, when and why."""
    found: dict[str, list[Firing]] = {}
    unknown: dict[str, str] = {}
    for name, monitor in monitors.items():
        try:
            found[name] = firings(monitor['definition'], recording)
        except QueryError as error:
            unknown[name] = str(error)
    rows = [_row(name, monitors[name], fired) for name, fired in found.items()]
    yield table(('monitor', 'alerts', 'warnings', 'groups', 'alerts above', 'most often for'), rows)
    for name, why in unknown.items():
        yield f'{name}: cannot be worked out here ({escape(why)})'
    for name, fired in found.items():
        if fired:
            yield ''
            yield from _fired(name, monitors[name]['definition'], fired, recording.polled_at[-1])


def _row(name: str, monitor: Json, fired: list[Firing]) -> list[str]:
    states = Counter(firing.state for firing in fired)
    groups = Counter(_group(firing) for firing in fired)
    most = f'{groups.most_common(1)[0][0]} ({groups.most_common(1)[0][1]})' if groups else ''
    critical = monitor['definition']['options']['thresholds'].get('critical', '')
    return [name, str(states['alert']), str(states['warning']), str(len(groups)), str(critical), escape(most)]


def _fired(name: str, definition: Json, fired: list[Firing], end: float) -> Iterator[str]:
    """The longest ones, and the beginning of what it would have said of the worst."""
    alerts = [firing for firing in fired if firing.state == 'alert'] or fired
    longest = sorted(alerts, key=lambda firing: firing.began - (firing.ended or end))[:MOST_FIRINGS]
    yield f'[bold]{name}[/], {len(fired):,} times; the longest, in UTC:'
    for firing in longest:
        lasted = f'for {duration((firing.ended or end) - firing.began)}{"" if firing.ended else ", to the end"}'
        yield f'  {firing.state:7} {_moment(firing.began)} {lasted}: {escape(_group(firing))}'
    said = notification(definition, longest[0].group, longest[0].verdict, longest[0].began)
    first = next(filter(None, (part.strip() for part in said.split('\n\n'))), '')
    yield f'  It would have said: {escape(" ".join(first.split()))}'


def _group(firing: Firing) -> str:
    told = {key: text for key, text in firing.group.items() if key not in SCOPE}
    return ' '.join((told or dict(firing.group)).values())


def _moment(at: float) -> str:
    return f'{datetime.fromtimestamp(at, UTC):%m-%d %H:%M}'


def verdict_section(recording: Recording, days: float) -> Iterator[RenderableType]:
    """Jobs, hours, dollars, failures, waiting, spot, pools; then what to look at first."""
    totals = recording.totals
    yield f'The last {days:.3g} days, as far as they are known:'
    told = Table.grid()
    told.add_column(min_width=14, no_wrap=True)
    told.add_column()
    for what, tell in VERDICT.items():
        told.add_row(f'  {what}', escape(tell(totals, recording)))
    yield told
    looks = sorted(_looks(recording), key=lambda look: -look.hours)[:MOST_LOOKS]
    yield ''
    yield 'Look first at:' if looks else 'Nothing needs a look: no failure, idle pool or long wait.'
    yield from (f'  {number}. {escape(look.text)}' for number, look in enumerate(looks, 1))


def _sum(totals: list[Point], metric: str, **tags: str) -> float:
    return sum(
        point.value
        for point in totals
        if point.metric == metric and all(point.tags.get(key) == wanted for key, wanted in tags.items())
    )


def _jobs(totals: list[Point], recording: Recording) -> str:
    finished = Counter[str]()
    for point in totals:
        if point.metric == 'jobs.finished':
            finished[point.tags['training_job_status']] += int(point.value)
    still = sum(point.value for point in recording.points if point.metric == 'jobs.open')
    ended = ', '.join(f'{number:,} {status}' for status, number in sorted(finished.items()))
    return f'{_sum(totals, "jobs.created"):,.0f} created, {ended or "none ended"}, {still:,.0f} open at the end'


def _hours(totals: list[Point], recording: Recording) -> str:
    billed, trained = _sum(totals, 'usage.billable_time') / 3600, _sum(totals, 'usage.training_time') / 3600
    wasted = sum(_billed_hours(job) for job in by_job(recording.job_points) if _is_lost(job))
    return f'{billed:,.1f} instance-hours billed of {trained:,.1f} trained; {wasted:,.1f} for jobs without a result'


def _dollars(totals: list[Point], recording: Recording) -> str:
    """If there are prices; what has none is named, and what is not paid by the hour."""
    told = []
    for currency in sorted({point.tags['currency'] for point in totals if 'currency' in point.tags}):
        spent, pools, saved = (_sum(totals, f'usage.{what}', currency=currency) for what in DOLLARS)
        told.append(
            f'{spent:,.2f} {currency.upper()} at list prices, {pools:,.2f} more for warm pools; spot saved {saved:,.2f}'
        )
    priced, used = ({_type(point) for point in totals if point.metric == f'usage.{what}'} for what in USE)
    if told and (unpriced := used - priced - {''}):
        told.append(f'no price for {", ".join(sorted(unpriced))}')
    if any(point.tags.get('cost_basis') == 'training_plan' for point in totals):
        told.append('what runs in a training plan counts 0')
    return '; '.join(told) or 'not known without list prices'


def _type(point: Point) -> str:
    return point.tags.get('instance_type', '')


def _failures(totals: list[Point], recording: Recording) -> str:
    """With what AWS stopped at a limit, as on the dashboards."""
    kinds: Counter[str] = Counter()
    for point in totals:
        if point.metric != 'jobs.finished':
            continue
        if (secondary_status := point.tags.get('secondary_status', '')) in AT_LIMIT:
            kinds[secondary_status] += int(point.value)
        elif point.tags['training_job_status'] == 'failed':
            kinds[point.tags.get('failure_type', 'unknown')] += int(point.value)
    ended = _sum(totals, 'jobs.finished')
    if not kinds or not ended:
        return 'none'
    told = ', '.join(f'{number:,} {kind}' for kind, number in kinds.most_common())
    return f'{kinds.total():,} of {ended:,.0f} ended jobs, {kinds.total() / ended:.0%}: {told}'


def _waiting(totals: list[Point], recording: Recording) -> str:
    waits = sorted((seconds, name) for name, seconds in _waits(recording).items())
    if not waits:
        return 'none'
    total, (longest, name) = sum(seconds for seconds, _ in waits) / 3600, waits[-1]
    return (
        f'{total:,.1f} hours in all, median {duration(waits[len(waits) // 2][0])}, longest {duration(longest)}: {name}'
    )


def _waits(recording: Recording) -> dict[str, float]:
    """By job, the seconds without instances."""
    waits: defaultdict[str, float] = defaultdict(float)
    for point in recording.job_points:
        if point.metric == 'job.phase_time' and point.tags.get('phase') in WAITING:
            waits[point.tags['training_job_name']] += point.value
    return waits


def _spot(totals: list[Point], recording: Recording) -> str:
    trained = _sum(totals, 'usage.training_time', managed_spot='true') / 3600
    if not trained:
        return 'not used'
    saved = _sum(totals, 'usage.saved_time') / 3600
    lost = _sum(totals, 'jobs.interrupted')
    return f'{saved:,.1f} of {trained:,.1f} instance-hours saved, {saved / trained:.0%}; {lost:,.0f} interruptions'


def _pools(totals: list[Point], recording: Recording) -> str:
    kept = _sum(totals, 'usage.warm_pool_time') / 3600
    now = sum(point.value for point in recording.points if point.metric == 'warm_pools.available')
    return f'{kept:,.1f} instance-hours kept idle; {now:,.0f} pools idle at the end' if kept or now else 'none'


class Look(NamedTuple):
    """Something to look at, by how many instance-hours it is about."""

    hours: float
    text: str


DOLLARS = ('cost', 'warm_pool_cost', 'saved_cost')
USE = ('cost', 'billable_time')
LOST = frozenset({'failed', 'stopped'})
# What is said, in this order.
VERDICT: dict[str, Callable[[list[Point], Recording], str]] = {
    'jobs': _jobs,
    'hours': _hours,
    'dollars': _dollars,
    'failures': _failures,
    'waiting': _waiting,
    'spot': _spot,
    'warm pools': _pools,
}


def _value(job: Gauges, metric: str) -> float:
    return job[metric].value if metric in job else 0.0


def _tag(job: Gauges, name: str) -> str:
    return next(iter(job.values())).tags.get(name, '')


def _is_lost(job: Gauges) -> bool:
    return _tag(job, 'training_job_status') in LOST


def _billed_hours(job: Gauges) -> float:
    return _value(job, 'job.billable_instance_time') / 3600


def _cost(jobs: Iterable[Gauges]) -> str:
    """In brackets; nothing where no prices are known, or they are of two currencies."""
    costs = [job['job.estimated_cost'] for job in jobs if 'job.estimated_cost' in job]
    currencies = {point.tags['currency'] for point in costs}
    if len(currencies) != 1:
        return ''
    return f' ({sum(point.value for point in costs):,.2f} {currencies.pop().upper()})'


def _looks(recording: Recording) -> Iterator[Look]:
    """By family, as its jobs are run again."""
    families: defaultdict[str, list[Gauges]] = defaultdict(list)
    for job in by_job(recording.job_points):
        families[_tag(job, 'job_family') or _tag(job, 'training_job_name')].append(job)
    for family, jobs in families.items():
        lost = [job for job in jobs if _is_lost(job)]
        if lost:
            hours = sum(map(_billed_hours, lost))
            text = (
                f'{family}: {len(lost)} of {len(jobs)} jobs failed or were stopped, after {hours:,.1f} instance-hours'
            )
            yield Look(hours, f'{text}{_cost(lost)}')
        idle = sum(_value(job, 'job.warm_pool.retained_billable_instance_time') for job in jobs) / 3600
        if idle:
            yield Look(idle, f'{family}: its warm pools were kept idle for {idle:,.1f} instance-hours')
        if (used := max(_value(job, 'job.max_runtime_used') for job in jobs)) > 95:
            yield Look(0.1, f'{family}: a job used {used:.0f} % of its maximum runtime')
    longest = max(_waits(recording).items(), key=lambda item: item[1], default=('', 0.0))
    if longest[1] > LONG_WAIT_SECONDS:
        yield Look(longest[1] / 3600, f'{longest[0]}: it waited {duration(longest[1])} for instances')
