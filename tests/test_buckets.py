# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What dashboards show of the fleet is what the scripts of its jobs say, however many polls are in a bucket."""

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import fmean

import pytest

from datadog_checks.base.stubs import aggregator as stub
from tools.aws.fleet import Job, Step, WarmPool
from tools.aws.prices import list_price
from tools.datadog.assets import OVER_TIME, Widget, frames, load, queries, widgets, window_of
from tools.datadog.frames import Group, Line, Window
from tools.datadog.query import Metric, metrics
from tools.datadog.recording import PREFIX, Recording
from tools.demo.simulation import START, every, simulate

from .assets import filler

FLEET = {
    'jobs.open',
    'instances.open',
    'jobs.cost_rate',
    'warm_pools.available',
    'warm_pools.instances',
    'warm_pools.cost_rate',
}
POLL = 60
HOURS = 4
ALL_HOURS = Window(START.timestamp(), START.timestamp() + HOURS * 3600, POLL)
ACCOUNTS, REGIONS = ('123456789012', '210987654321'), ('us-east-1', 'eu-west-1')
TYPES, TEAMS = ('ml.g5.xlarge', 'ml.m5.large', 'ml.p4d.24xlarge'), ('nlp', 'vision')
# Statuses, and the minutes that each lasts: in an hour most jobs have several.
LIVES = (
    (('Starting', 4), ('Downloading', 3), ('Training', 22), ('Uploading', 2), ('Completed', 0)),
    (('Starting', 9), ('Training', 14), ('Interrupted', 11), ('Starting', 2), ('Training', 31), ('Completed', 0)),
    (('Pending', 17), ('Starting', 6), ('Downloading', 1), ('Training', 5), ('Failed', 0)),
    (('Starting', 1), ('Training', 150), ('Stopping', 3), ('MaxRuntimeExceeded', 0)),
)


def scripted(number: int) -> Job:
    """Created some time in these hours; every third job leaves a warm pool for 25 minutes."""
    moment, steps = START + timedelta(minutes=number * 11 % 200, seconds=20), []
    for status, minutes in LIVES[number % len(LIVES)]:
        steps.append(Step(status, moment))
        moment += timedelta(minutes=minutes)
    fields = {
        'ResourceConfig': {'InstanceType': TYPES[number % 3], 'InstanceCount': 1 + number % 4, 'VolumeSizeInGB': 9},
        'EnableManagedSpotTraining': number % 2 > 0,
    }
    pool = WarmPool(steps[-1].start + timedelta(minutes=25)) if number % 3 == 0 else None
    where = ACCOUNTS[number % 2], REGIONS[number // 2 % 2]
    return Job(f'job-{number}', *where, tuple(steps), fields, tags={'team': TEAMS[number // 3 % 2]}, warm_pool=pool)


JOBS = [scripted(number) for number in range(24)]


def gauges(widget: Widget) -> list[Metric]:
    """What a widget asks for of the fleet."""
    asked = [metric for text in queries(widget.definition) for metric in metrics(filler('overview')(text))]
    return [metric for metric in asked if metric.name.removeprefix(PREFIX) in FLEET]


WIDGETS = [
    (name, widget)
    for name, dashboard in load('dashboards').items()
    for widget in widgets(dashboard)
    if any(f'{PREFIX}{metric}' in text for text in queries(widget.definition) for metric in FLEET)
]


@pytest.fixture(scope='module')
def polled() -> Recording:
    """Every minute, all accounts and regions; and once before, when there was no job."""
    stub.reset()
    since = START - timedelta(seconds=POLL)
    return simulate(JOBS, every(POLL, since, START + timedelta(hours=HOURS))).recording


def adds(job: Job, now: datetime) -> tuple[dict[str, str], dict[str, float]]:
    """The tags of the job's group then, and what it adds to each gauge."""
    *_, step = [step for step in job.steps if step.start <= now]
    cluster = job.fields['ResourceConfig']
    tags = {
        'aws_account': job.account,
        'region': job.region,
        'instance_type': cluster['InstanceType'],
        'team': job.tags['team'],
        'job_family': job.name,
        'currency': 'usd',
        'secondary_status': re.sub(r'\B(?=[A-Z])', '_', step.status).lower(),
    }
    count = float(cluster['InstanceCount'])
    cost = count * list_price(job.region, cluster['InstanceType'])
    if now < job.end:
        return tags, {'jobs.open': 1.0, 'instances.open': count, 'jobs.cost_rate': cost}
    if job.warm_pool and now < job.warm_pool.until:
        return tags, {'warm_pools.available': 1.0, 'warm_pools.instances': count, 'warm_pools.cost_rate': cost}
    return tags, {}


def truth(metric: Metric, window: Window) -> dict[Group, Line]:
    """By group, the mean of what the scripts say at each poll of a bucket; no group is left out at any time."""
    name = metric.name.removeprefix(PREFIX)
    polls = [at for at in ALL_HOURS.buckets if window.start <= at < window.end]
    values: defaultdict[Group, Line] = defaultdict(lambda: dict.fromkeys(polls, 0.0))
    for at in polls:
        now = datetime.fromtimestamp(at, UTC)
        for tags, added in [adds(job, now) for job in JOBS if job.created <= now]:
            if name in added and metric.filter.matches(tags):
                values[tuple(tags[key] for key in metric.by)][at] += added[name]
    buckets: defaultdict[Group, defaultdict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for group, line in values.items():
        for at, value in line.items():
            buckets[group][at // window.interval * window.interval].append(value)
    return {group: {at: fmean(within) for at, within in line.items()} for group, line in buckets.items()}


@pytest.mark.parametrize('interval', [60, 300, 3600, 4 * 3600])
@pytest.mark.parametrize(('name', 'widget'), WIDGETS, ids=[f'{name}: {widget.name}' for name, widget in WIDGETS])
def test_a_widget_shows_what_is_true(name: str, widget: Widget, interval: float, polled: Recording) -> None:
    """A graph the mean of each bucket; all else that of the widget's own time, as of each half hour."""
    definition, [metric] = widget.definition, gauges(widget)
    window = ALL_HOURS._replace(interval=interval)
    if definition['type'] in OVER_TIME:
        [frame] = frames(definition, polled, window, filler(name))
        assert frame.lines == {group: pytest.approx(line) for group, line in truth(metric, frame.window).items()}
        return
    seen = []
    for number in range(1, 2 * HOURS + 1):
        own = window_of(definition, window._replace(end=window.start + 1800 * number))
        [frame] = frames(definition, polled, own, filler(name))
        true = {group: fmean(line.values()) for group, line in truth(metric, own._replace(interval=POLL)).items()}
        shown = {group: value for group, line in frame.lines.items() for value in line.values() if value}
        assert shown == {group: pytest.approx(value) for group, value in true.items()}
        seen += shown
    assert seen


def test_all_gauges_of_the_fleet_are_looked_at() -> None:
    assert {metric.name.removeprefix(PREFIX) for _, widget in WIDGETS for metric in gauges(widget)} == FLEET
