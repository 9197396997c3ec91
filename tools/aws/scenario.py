# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Fleets of scripted jobs: the working day of a company, and plain ones of any size."""

import random
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from moto.utilities.utils import get_partition

from .fleet import Job, Rule, Step, WarmPool
from .workloads import COMMAND, COMMON, WORKLOADS, Workload, cluster, image

ACCOUNTS = ('123456789012', '210987654321')
REGIONS = ('us-east-1', 'eu-west-1', 'us-west-2')

HISTORY = timedelta(days=21)
HISTORY_RUNS = 2.2
"""How many days' runs the history holds; a quiet past keeps the simulation small."""

DAY = timedelta(days=1)
WEEK = timedelta(days=7)

LAST_WEEK_RUNS = 0.8
"""How much of the day's runs its like a week before had."""

MESSAGES = {
    'Pending': 'Waiting for compute capacity.',
    'Starting': 'Preparing the instances for training',
    'Downloading': 'Downloading the training image',
    'Training': 'Training image download completed. Training in progress.',
    'Interrupted': 'Managed spot training instances were interrupted.',
    'Uploading': 'Uploading generated training model',
    'Completed': 'Training job completed',
    'Stopping': 'Stopping the training job',
    'Stopped': 'Training job stopped',
    'MaxRuntimeExceeded': 'Training job runtime exceeded MaxRuntimeInSeconds provided',
    'MaxWaitTimeExceeded': 'Training job wait time exceeded MaxWaitTimeInSeconds provided',
}

# Shortest and longest seconds in a status; the workload sets those of Training.
SECONDS = {
    'Pending': (600, 7_200),
    'Starting': (45, 240),
    'Downloading': (30, 240),
    'Interrupted': (120, 1_500),
    'Uploading': (15, 120),
    'Stopping': (5, 60),
}

# Last statuses of jobs that somebody or something broke off.
CUT_SHORT = frozenset({'Failed', 'Stopped'})

# By the status that says a limit was met: the limit, and the status from whose start it counts.
LIMITS = {
    'MaxRuntimeExceeded': ('MaxRuntimeInSeconds', 'Downloading'),
    'MaxWaitTimeExceeded': ('MaxWaitTimeInSeconds', 'Starting'),
}


@dataclass(frozen=True, slots=True)
class Ending:
    """A way for a job to go: its secondary statuses, and the reason if it fails."""

    path: str
    reason: str = ''


OUT_OF_MEMORY = (
    'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n'
    'ErrorMessage "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.44 GiB (GPU 0; 22 GiB total)"\n'
    f'Command "{COMMAND}", exit code: 1'
)
BAD_INPUT = (
    'ClientError: Data download failed: NoSuchKey (404): The referenced location, '
    's3://sagemaker-{region}-{account}/datasets/train, does not exist.'
)
NO_CAPACITY = (
    'CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.'
)
INTERNAL_ERROR = 'InternalServerError: We encountered an internal error. Please try again.'

START = 'Starting Downloading Training '
RESTART = START + 'Interrupted '

ENDINGS: Mapping[str, Ending] = {
    'completed': Ending(START + 'Uploading Completed'),
    'interrupted': Ending(RESTART + START + 'Uploading Completed'),
    'interrupted_twice': Ending(RESTART + RESTART + START + 'Uploading Completed'),
    'waited_for_plan': Ending('Pending ' + START + 'Uploading Completed'),
    'waited_in_vain': Ending('Pending Failed', NO_CAPACITY),
    'waited_for_spot': Ending(RESTART + 'MaxWaitTimeExceeded'),
    'overran': Ending(START + 'MaxRuntimeExceeded'),
    'stopped': Ending(START + 'Stopping Stopped'),
    'out_of_memory': Ending(START + 'Failed', OUT_OF_MEMORY),
    'internal_error': Ending(START + 'Failed', INTERNAL_ERROR),
    'bad_input': Ending('Starting Downloading Failed', BAD_INPUT),
    'no_capacity': Ending('Starting Failed', NO_CAPACITY),
    'served': Ending('Starting Training Completed'),
    'served_bad_input': Ending('Starting Failed', BAD_INPUT),
}


def living_fleet(
    start: datetime,
    hours: float = 24,
    accounts: Sequence[str] = ACCOUNTS,
    regions: Sequence[str] = REGIONS,
    seed: int = 2026,
    workloads: Sequence[Workload] = WORKLOADS,
) -> list[Job]:
    """The jobs created in the `hours` from `start`, the ones that run then, and some of the three weeks before.

    The oldest come first. The same arguments give the same jobs.
    """
    jobs: list[Job] = []
    for number, workload in enumerate(workloads):
        account, region = accounts[number % len(accounts)], regions[number // len(accounts) % len(regions)]
        jobs += _runs(workload, account, region, start, hours, random.Random(f'{seed} {workload.name}'))
    return sorted(jobs, key=lambda job: (job.created, job.name))


def quiet_history(
    now: datetime,
    finished: int,
    open_: Sequence[timedelta] = (),
    account: str = ACCOUNTS[0],
    region: str = REGIONS[0],
    days: float = 30,
) -> list[Job]:
    """Plain jobs: so many that ended in the last `days`, evenly spread, and one of each age in `open_` that still runs.

    The finished ones ran for half an hour and are `done-1` (the newest) and on, the open ones `open-1` and on.
    """
    context = {'account': account, 'region': region, 'partition': get_partition(region), 'name': 'quiet'}
    fields = _filled({**COMMON, **image('pytorch-training:2.5.1-gpu-py311'), **cluster('ml.g5.xlarge')}, context)

    def job(name: str, created: datetime, end: datetime) -> Job:
        starts = zip(('Starting', 'Downloading', 'Training'), (0, 60, 90), strict=True)
        steps = [Step(status, created + timedelta(seconds=s), MESSAGES[status]) for status, s in starts]
        return Job(name, account, region, (*steps, Step('Completed', end, MESSAGES['Completed'])), fields)

    length, apart = timedelta(minutes=30), timedelta(days=days) / max(finished, 1)
    ends = [now - apart * number for number in range(1, finished + 1)]
    done = [job(f'done-{number}', end - length, end) for number, end in enumerate(ends, 1)]
    return done + [job(f'open-{number}', now - age, now + timedelta(days=7)) for number, age in enumerate(open_, 1)]


def _runs(
    workload: Workload, account: str, region: str, start: datetime, hours: float, rng: random.Random
) -> Iterator[Job]:
    """The workload's jobs: at full rate from early enough for some to be running at `start`, sparsely before.

    But for the same hours a week before, and what runs at their beginning, which are there to compare with.
    """
    lead = timedelta(minutes=workload.minutes[1] * workload.chain[1])
    length = timedelta(hours=hours)
    runs = workload.runs * (length / DAY)
    spans = (
        (start - HISTORY, start - lead, workload.runs * HISTORY_RUNS),
        (start - WEEK, start - WEEK + length, runs * LAST_WEEK_RUNS),
        (start - lead, start, workload.runs * (lead / DAY)),
        (start, start + length, runs),
    )
    running = ((start - WEEK - lead, start - WEEK, workload.runs * (lead / DAY) * LAST_WEEK_RUNS),)
    number = 0
    for part in (spans, running):
        for moment in sorted(_between(since, until, rng) for since, until, runs in part for _ in range(round(runs))):
            number += 1
            yield from _chain(workload, account, region, number, moment, rng)


def _chain(
    workload: Workload, account: str, region: str, number: int, created: datetime, rng: random.Random
) -> list[Job]:
    """Jobs that follow each other, mostly one; each but the last leaves its warm pool to the next."""
    jobs = []
    for _ in range(rng.randint(*workload.chain)):
        jobs.append(_job(workload, account, region, number, created, rng))
        created = _between(jobs[-1].end + timedelta(minutes=1), jobs[-1].end + timedelta(minutes=15), rng)
    keep_alive = timedelta(seconds=workload.fields.get('ResourceConfig', {}).get('KeepAlivePeriodInSeconds', 0))
    if not keep_alive:
        return jobs
    last = WarmPool(jobs[-1].end + keep_alive)
    pools = [*(WarmPool(following.created, reused_by=following.name) for following in jobs[1:]), last]
    return [
        replace(job, warm_pool=replace(pool, taken_over=place > 0))
        for place, (job, pool) in enumerate(zip(jobs, pools, strict=True))
    ]


def _job(workload: Workload, account: str, region: str, number: int, created: datetime, rng: random.Random) -> Job:
    context = _context(account, region, number, created, rng)
    context['name'] = workload.name.format_map(context)
    fields = _filled({**COMMON, **workload.fields}, context)
    once_started = _filled(workload.fields_once_started, context)
    if 'ResourceConfig' in once_started:
        once_started['ResourceConfig'] = fields['ResourceConfig'] | once_started['ResourceConfig']
    ending = ENDINGS[rng.choice(workload.endings)]
    reason = ending.reason.format_map(context)
    steps = _script(ending.path.split(), reason, workload.minutes, fields['StoppingCondition'], created, rng)
    time_billed = rng.uniform(0.25, 0.5) if fields['EnableManagedSpotTraining'] else 1.0
    job = Job(
        name=context['name'],
        account=account,
        region=region,
        steps=steps,
        fields=fields,
        fields_once_started=once_started,
        tags=workload.tags,
        billed=None if workload.tokens else time_billed,
        progress=workload.progress,
    )
    return replace(
        job,
        fields_once_ended={'FailureReason': reason} if reason else _results(workload, job, rng),
        rules=tuple(_rules(workload, job, rng)),
    )


def _context(account: str, region: str, number: int, created: datetime, rng: random.Random) -> dict[str, str]:
    """What the placeholders in a workload's strings stand for, but for the job's own name."""
    milliseconds = f'{created.microsecond // 1000:03d}'
    return {
        'account': account,
        'region': region,
        'partition': get_partition(region),
        'number': f'{number:03d}',
        'sdk_time': f'{created:%Y-%m-%d-%H-%M-%S}-{milliseconds}',
        'unix_time': str(int(created.timestamp())),
        'mixed10': ''.join(rng.choices(string.ascii_letters + string.digits, k=10)),
        **{f'hex{length}': f'{rng.getrandbits(4 * length):0{length}x}' for length in (4, 8, 12)},
    }


def _filled(value: Any, context: Mapping[str, str]) -> Any:
    """The value with the placeholders in all its strings replaced."""
    match value:
        case str():
            return value.format_map(context)
        case Mapping():
            return {key: _filled(member, context) for key, member in value.items()}
        case list():
            return [_filled(member, context) for member in value]
    return value


def _script(
    path: Sequence[str],
    reason: str,
    minutes: tuple[int, int],
    limits: Mapping[str, int],
    created: datetime,
    rng: random.Random,
) -> tuple[Step, ...]:
    """The path with its times: a status lasts as long as is usual, and one that a limit ends lasts until the limit."""
    shortest, longest = (60 * length // max(path.count('Training'), 1) for length in minutes)
    if path[-1] in CUT_SHORT:
        shortest //= 10
    seconds = SECONDS | {'Training': (shortest, longest)}
    starts = [created]
    for status in path[:-1]:
        soonest, latest = (starts[-1] + timedelta(seconds=length) for length in seconds[status])
        starts.append(_between(soonest, latest, rng))
    if path[-1] in LIMITS:
        limit, counted_from = LIMITS[path[-1]]
        starts[-1] = starts[path.index(counted_from)] + timedelta(seconds=limits[limit])
    return tuple(Step(status, at, MESSAGES.get(status, reason)) for status, at in zip(path, starts, strict=True))


def _results(workload: Workload, job: Job, rng: random.Random) -> dict[str, Any]:
    """The members that a job has once it has ended other than in failure."""
    members: dict[str, Any] = {}
    if workload.metrics:
        members['FinalMetricDataList'] = [
            {'MetricName': name, 'Value': round(rng.uniform(*values), 4), 'Timestamp': job.end}
            for name, values in workload.metrics.items()
        ]
    if workload.tokens:
        group = job.fields['ModelPackageConfig']['ModelPackageGroupArn']
        members['OutputModelPackageArn'] = group.replace('model-package-group', 'model-package') + '/1'
        members['BillableTokenCount'] = rng.randint(*workload.tokens)
    return members


def _rules(workload: Workload, job: Job, rng: random.Random) -> Iterator[Rule]:
    for kind, name, verdicts in workload.rules:
        yield Rule(kind, name, rng.choice(verdicts), _between(job.started or job.created, job.end, rng))


def _between(since: datetime, until: datetime, rng: random.Random) -> datetime:
    """Some moment between the two, in whole milliseconds as AWS has them."""
    return since + timedelta(milliseconds=rng.randrange(max(1, round((until - since) / timedelta(milliseconds=1)))))
