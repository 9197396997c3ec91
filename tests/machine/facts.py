# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the jobs' scripts say: all that is to be counted, evented and logged of a job, and how to read what was."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate, cycle, islice
from typing import Any

from hypothesis import strategies as st

from datadog_checks.base.stubs import aggregator
from datadog_checks.base.utils.genresources import GenericResourceEvent
from datadog_checks.sagemaker_training import aws
from tests.builders import ACCOUNT, REGION
from tools.aws.fleet import Job, Step, WarmPool, summary
from tools.aws.scenario import ENDINGS, RESTART, START, Ending

PREFIX = 'sagemaker_training.'
SECOND = timedelta(seconds=1)

LIVES: Mapping[str, Ending] = {
    **ENDINGS,
    'interrupted_thrice': Ending(3 * RESTART + START + 'Completed'),
    'failed_oddly': Ending(START + 'Failed', 'Nobody knows why.'),
}
FAILURE_TYPES = {
    'AlgorithmError': 'algorithm_error',
    'CapacityError': 'capacity_error',
    'ClientError': 'client_error',
    'InternalServerError': 'internal_server_error',
}
GROUPS = [
    {'InstanceGroupName': 'data', 'InstanceType': 'ml.m5.large', 'InstanceCount': 3},
    {'InstanceGroupName': 'dnn', 'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 2},
]
SHAPES: Mapping[str, Mapping[str, Any]] = {
    'single': {'ResourceConfig': {'InstanceType': 'ml.m5.large', 'InstanceCount': 1}},
    'cluster': {'ResourceConfig': {'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 4}},
    'spot': {
        'ResourceConfig': {'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 2},
        'EnableManagedSpotTraining': True,
    },
    'heterogeneous': {'ResourceConfig': {'InstanceGroups': GROUPS}},
    'serverless': {'ServerlessJobConfig': {'JobType': 'FineTuning'}},
}
# Prices at which a second of each instance costs a dollar.
PRICES = {'ml.m5.large': 3600, 'ml.g5.xlarge': 3600}
COSTS = {
    'usage.billable_time': 'usage.cost',
    'usage.saved_time': 'usage.saved_cost',
    'usage.warm_pool_time': 'usage.warm_pool_cost',
}
SHARE_BILLED = {'spot': 0.3, 'serverless': None}

# Job name, what happened, and tags or a time.
type Facts = Counter[tuple[str, str, tuple[str, ...]]]

DETAILS = ('instance_type', 'training_job_status', 'secondary_status', 'failure_type')


@dataclass(frozen=True, slots=True)
class Life:
    """A job's whole life, but for its name and when it is created; the `lengths` are seconds, taken in turns."""

    shape: str
    ending: str
    lengths: Sequence[int]
    kept_alive: int
    is_reused: bool
    tokens: int

    def job(self, name: str, created: datetime) -> Job:
        ending = LIVES[self.ending]
        path = ending.path.split()
        lengths = islice(cycle(self.lengths), len(path) - 1)
        starts = [created + seconds * SECOND for seconds in accumulate(lengths, initial=0)]
        job = Job(
            name=name,
            account=ACCOUNT,
            region=REGION,
            steps=tuple(Step(status, at, ending.reason) for status, at in zip(path, starts, strict=True)),
            fields=SHAPES[self.shape],
            fields_once_ended={'FailureReason': ending.reason} if ending.reason else {},
            tags={'team': 'nlp'},
            billed=SHARE_BILLED.get(self.shape, 1.0),
        )
        if job.status != 'Completed':
            return job
        if self.shape == 'serverless':
            return replace(job, fields_once_ended={'BillableTokenCount': self.tokens})
        if not self.kept_alive:
            return job
        until = job.end + self.kept_alive * SECOND
        return replace(job, warm_pool=WarmPool(until, reused_by='next' if self.is_reused else ''))


LIFE = st.builds(
    Life,
    shape=st.sampled_from(list(SHAPES)),
    ending=st.sampled_from(list(LIVES)),
    lengths=st.lists(st.sampled_from([40, 7, 100, 700, 4_000, 20_000]), min_size=1, max_size=5),
    kept_alive=st.sampled_from([0, 20, 500, 5_000]),
    is_reused=st.booleans(),
    tokens=st.sampled_from([5_000, 0]),
)


def instances(job: Job) -> dict[str, int]:
    config = job.fields.get('ResourceConfig', {})
    groups = config.get('InstanceGroups') or ([config] if config else [])
    return {group['InstanceType']: group['InstanceCount'] for group in groups}


def cluster_type(job: Job) -> str:
    types = [*instances(job)] or ['serverless']
    return f'instance_type:{types[0] if len(types) == 1 else "heterogeneous"}'


def status_tags(shown: Mapping[str, Any]) -> tuple[str, str]:
    return (
        f'secondary_status:{aws.snake_case(shown["SecondaryStatus"])}',
        f'training_job_status:{aws.snake_case(shown["TrainingJobStatus"])}',
    )


def released(job: Job) -> datetime:
    """When the job's instances are free again."""
    return job.warm_pool.until if job.warm_pool else job.end


def epoch(moment: datetime) -> tuple[str]:
    return (str(int(moment.timestamp())),)


def facts(job: Job, first_poll: datetime, now: datetime) -> Facts:
    """All that is to be counted, evented and logged of the job by now."""
    happened: Facts = Counter()
    if job.end <= first_poll:
        return happened
    for step in job.steps:
        if first_poll < step.start <= now:
            happened[job.name, f'log {aws.snake_case(step.status)}', epoch(step.start)] += 1
            if step.status == 'Interrupted':
                happened[job.name, 'jobs.interrupted', (cluster_type(job),)] += 1
                happened[job.name, 'interrupted', epoch(step.start)] += 1
    if first_poll < job.created <= now:
        happened[job.name, 'jobs.created', (cluster_type(job),)] += 1
        happened[job.name, 'created', epoch(job.created)] += 1
    if job.end <= now:
        shown = summary(job, job.end)
        kind = FAILURE_TYPES.get(job.steps[-1].message.partition(':')[0], 'other')
        failure = (f'failure_type:{kind}',) if job.status == 'Failed' else ()
        happened[job.name, 'jobs.finished', tuple(sorted((*status_tags(shown), *failure, cluster_type(job))))] += 1
        happened[job.name, job.status.lower(), epoch(job.end)] += 1
        tokens = job.fields_once_ended.get('BillableTokenCount', 0)
        happened[job.name, 'usage.billable_tokens', (cluster_type(job),)] += tokens
    for instance_type, count in instances(job).items():
        for name, seconds in used(job, first_poll, now).items():
            for each in (name, COSTS[name]) if name in COSTS else (name,):
                happened[job.name, each, (f'instance_type:{instance_type}',)] += seconds * count
    return +happened


def used(job: Job, first_poll: datetime, now: datetime) -> dict[str, int]:
    """Seconds of each instance after the first poll, by now; of spot, whose figures AWS tells at its end, all of it."""
    is_spot = 'EnableManagedSpotTraining' in job.fields
    kept = {'usage.warm_pool_time': int((min(released(job), now) - job.end).total_seconds()) if job.end <= now else 0}
    if is_spot and now < job.end:
        return kept
    # What an instance has used by the second after the first poll, where its counting begins.
    since = min(first_poll + SECOND, job.end - timedelta.resolution)
    before = int(job.ran(since)) if job.created <= first_poll and not is_spot else 0
    training, billable = job.training_time or 0, job.billable_time or 0
    if now < job.end:
        training = billable = int(job.ran(now))
    return kept | {
        'usage.training_time': max(training - before, 0),
        'usage.billable_time': max(billable - before, 0),
        'usage.saved_time': training - billable,
    }


def fleet(job: Job, now: datetime) -> Facts:
    """What the job adds to the gauges of the fleet."""
    gauges: Facts = Counter()
    if not job.created <= now < released(job):
        return gauges
    jobs, machines = (
        ('jobs.open', 'instances.open') if now < job.end else ('warm_pools.available', 'warm_pools.instances')
    )
    shown = status_tags(summary(job, now))
    gauges[job.name, jobs, tuple(sorted((*shown, cluster_type(job))))] += 1
    for instance_type, count in instances(job).items():
        gauges[job.name, machines, tuple(sorted((*shown, f'instance_type:{instance_type}')))] += count
    return gauges


def submitted(names: Iterable[str]) -> Facts:
    """The values of these metrics in the last poll, with those of their tags that the scripts tell."""
    values: Facts = Counter()
    for metric in (metric for name in names for metric in aggregator.metrics(PREFIX + name)):
        tags = dict(tag.split(':', 1) for tag in metric.tags)
        details = tuple(sorted(f'{name}:{tags[name]}' for name in DETAILS if name in tags))
        values[tags['job_family'], metric.name.removeprefix(PREFIX), details] += metric.value
    return +values


def shipped() -> Iterator[str]:
    """The names of the jobs whose resources left in the last poll."""
    for event in aggregator.get_event_platform_events('genresources', parse_json=False):
        yield GenericResourceEvent.FromString(event).resource.key.rpartition('/')[2]
