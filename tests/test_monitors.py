# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Each monitor fires on what it is for, has recovered when that is over, and is quiet about all else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

import pytest

from tools.aws.fleet import Job, Step, WarmPool
from tools.aws.scenario import WEEK, living_fleet
from tools.aws.workloads import WORKLOADS, Workload
from tools.datadog.assets import Json, load, verdicts
from tools.datadog.frames import Group
from tools.datadog.recording import Recording, Series
from tools.demo.simulation import every, simulate

from .builders import ACCOUNT, NOW, REGION
from .world import World

OTHER, THIRD = 'eu-west-1', 'us-west-2'
HERE = (ACCOUNT, REGION)
DAY = 24 * 60

GOOD_ENDINGS = frozenset({'completed', 'served', 'interrupted', 'interrupted_twice'})


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def job(
    name: str,
    life: str,
    *,
    region: str = REGION,
    instance_type: str = 'ml.g5.xlarge',
    count: int = 1,
    hours: float = 24,
    keep: int = 0,
    reason: str = '',
    **fields: Any,
) -> Job:
    """A job whose life is the statuses it goes through and the minutes at which it does.

    It may run for so many `hours`, and `keep`s its warm pool for so many minutes.
    """
    steps = [Step(status, at(float(minute))) for status, minute in batched(life.split(), 2, strict=True)]
    cluster = {'InstanceType': instance_type, 'InstanceCount': count, 'VolumeSizeInGB': 30}
    return Job(
        name,
        ACCOUNT,
        region,
        tuple(steps),
        {
            'ResourceConfig': cluster | ({'KeepAlivePeriodInSeconds': 60 * keep} if keep else {}),
            'StoppingCondition': {'MaxRuntimeInSeconds': int(3600 * hours)},
            **fields,
        },
        fields_once_ended={'FailureReason': reason} if reason else {},
        warm_pool=WarmPool(steps[-1].start + timedelta(minutes=keep)) if keep else None,
    )


def started_by(kind: str) -> str:
    return f'arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}-job/search'


def spot(name: str, life: str, **more: Any) -> Job:
    return job(name, life, EnableManagedSpotTraining=True, **more)


def polled(world: World, minutes: float, step: float = 1, fleet: Sequence[Job] = (), **options: bool) -> Recording:
    """What a check of the fleet's regions has sent, polled until so many minutes have passed, every `step` of them.

    A poll that fails is one more thing to watch.
    """
    world.aws.add(fleet)
    regions = sorted({REGION, *(job.region for job in fleet)})
    check = world.check(regions=regions, min_collection_interval=60 * step, **options)
    recording = Recording()
    for moment in every(60 * step, NOW, at(minutes + step)):
        world.clock.advance_to(moment)
        check.run()
        recording.take(moment.timestamp())
    return recording


def states(definition: Json, recording: Recording, at: float) -> dict[Group, str]:
    """`alert`, `warning` or `ok` for each group that a monitor has data of at that time."""
    return {group: verdict.state for group, verdict in verdicts(definition, recording, at).items()}


def told(monitor: str, recording: Recording, *minutes: float) -> dict[Group, str]:
    """The states of each group at these times; `-` where there is no such group."""
    definition = load('monitors')[monitor]['definition']
    seen = [states(definition, recording, at(minute).timestamp()) for minute in minutes]
    groups = {group: None for groups in seen for group in groups}
    return {group: ' '.join(each.get(group, '-') for each in seen) for group in groups}


def test_a_failed_job_alerts_for_an_hour(world: World) -> None:
    fleet = [
        job('bad', 'Starting 1 Training 2 Failed 10', reason='ClientError: no data'),
        job('unplaced', 'Pending 1 Failed 10', reason='CapacityError: no instances'),
        job('good', 'Starting 1 Training 2 Completed 10'),
        job('cut', 'Starting 1 Training 2 Stopping 9 Stopped 10'),
        job('instant', 'Starting 10 Failed 10', reason='InternalServerError: again'),
        job('trial', 'Starting 1 Training 2 Failed 10', reason='ClientError: no', TuningJobArn=started_by('tuning')),
        job(
            'candidate', 'Starting 1 Training 2 Failed 10', reason='ClientError: no', AutoMLJobArn=started_by('automl')
        ),
    ]
    assert told('job_failed', polled(world, 85, fleet=fleet), 9, 10, 69, 85) == {
        (*HERE, 'bad', 'client_error'): '- alert alert -',
        (*HERE, 'unplaced', 'capacity_error'): '- alert alert -',
        (*HERE, 'instant', 'internal_server_error'): '- alert alert -',
    }


def test_a_high_failure_rate_of_a_day_alerts_and_few_failures_do_not(world: World) -> None:
    endings = {
        REGION: ['Failed 60'] * 3 + ['Completed 60'] + ['Completed 600'] * 6,
        OTHER: ['Failed 60'] * 2,
        THIRD: ['Failed 60'] + ['Stopped 60'] * 3,
    }
    fleet = [
        job(f'job-{number}', f'Starting 1 Training 2 {ending}', region=region, reason='AlgorithmError: no')
        for region, all_of_region in endings.items()
        for number, ending in enumerate(all_of_region)
    ]
    assert told('failure_rate', polled(world, 1500, 60, fleet), 0, 60, 600, 1440, 1500) == {
        HERE: '- alert ok ok -',
        (ACCOUNT, OTHER): '- warning warning warning -',
        (ACCOUNT, THIRD): '- ok ok ok -',
    }


def test_a_job_near_its_maximum_runtime_alerts_while_it_trains(world: World) -> None:
    fleet = [
        job('slow', 'Starting 1 Training 2 Completed 61', hours=1),
        job('long', 'Starting 1 Training 2 Completed 500'),
        spot('waits', 'Starting 1 Training 2 Interrupted 4 MaxWaitTimeExceeded 200', hours=1),
    ]
    assert told('near_max_runtime', polled(world, 75, fleet=fleet), 4, 48, 52, 60, 69, 75) == {
        (*HERE, 'slow'): 'ok ok warning alert alert -',
        (*HERE, 'long'): 'ok ok ok ok ok ok',
        (*HERE, 'waits'): 'ok - - - - -',
    }


def test_a_job_without_capacity_alerts_until_it_trains_again_or_ends(world: World) -> None:
    fleet = [
        job('pends', 'Pending 1 Starting 130 Training 131 Completed 300'),
        job('starts', 'Starting 1 Training 131 Completed 300'),
        job('fails', 'Pending 1 Failed 130', reason='CapacityError: no instances'),
        job('late', 'Starting 1 Training 70 Completed 300'),
        spot('taken', 'Starting 1 Training 2 Interrupted 3 Starting 130 Training 131 Completed 300'),
        spot('often', 'Starting 1 Training 2 Interrupted 3 Training 63 Interrupted 70 Training 141 Completed 300'),
        spot('trained', 'Starting 1 Training 2 Interrupted 125 Training 140 Completed 300'),
    ]
    assert told('waiting_for_capacity', polled(world, 152, 2, fleet), 58, 70, 118, 124, 132, 150) == {
        (*HERE, 'pends'): 'ok warning warning alert alert -',
        (*HERE, 'starts'): 'ok warning warning alert alert -',
        (*HERE, 'fails'): 'ok warning warning alert alert -',
        (*HERE, 'late'): 'ok warning - - - -',
        (*HERE, 'taken'): 'ok warning warning alert alert -',
        (*HERE, 'often'): 'ok ok warning warning alert -',
        (*HERE, 'trained'): '- - - - ok -',
    }


def test_a_job_that_runs_far_longer_than_its_family_did_alerts(world: World) -> None:
    fleet = [
        job('nightly-2026-11-22-00-00-00-000', 'Starting 1 Training 2 Completed 32'),
        job('nightly-2026-11-23-00-00-00-000', 'Starting 40 Training 41 Completed 180'),
        job('first-2026-11-23-00-00-00-000', 'Starting 1 Training 2 Completed 300'),
        spot('resumed-2026-11-22-00-00-00-000', 'Starting 1 Training 2 Completed 32'),
        spot('resumed-2026-11-23-00-00-00-000', 'Starting 40 Training 41 Interrupted 50 Completed 300'),
    ]
    assert told('longer_than_usual', polled(world, 240, 2, fleet), 100, 140, 170, 230, 240) == {
        (*HERE, 'nightly'): 'ok warning alert alert -',
        (*HERE, 'resumed'): 'ok - - - -',
    }


def test_a_wave_of_spot_interruptions_alerts_by_instance_type(world: World) -> None:
    waves = {
        (REGION, 'ml.g5.xlarge'): 16,
        (REGION, 'ml.p5.48xlarge'): 12,
        (OTHER, 'ml.g5.xlarge'): 13,
    }
    fleet = [
        spot(
            f'{type_[3:5]}-{number}',
            f'Starting 1 Training 2 Interrupted {11 + number} Starting 40 Training 41 Completed 60',
            region=region,
            instance_type=type_,
        )
        for (region, type_), interruptions in waves.items()
        for number in range(interruptions)
    ]
    assert told('spot_interruptions', polled(world, 270, 10, fleet), 10, 20, 30, 250, 270) == {
        (ACCOUNT, REGION, 'ml.g5.xlarge'): '- ok alert alert -',
        (ACCOUNT, REGION, 'ml.p5.48xlarge'): '- ok ok ok -',
        (ACCOUNT, OTHER, 'ml.g5.xlarge'): '- ok warning warning -',
    }


def hourly(name: str, hour: int, billed: float = 1) -> Job:
    begin = 60 * hour + 5
    life = f'Starting {begin} Training {begin + 1} Completed {begin + 30 + 10 * (hour % 3)}'
    return replace(job(f'{name}-{hour}', life), billed=billed)


def surge() -> list[Job]:
    return [hourly(f'more-{number}', 7 * 24 + hour) for number in range(9) for hour in range(12)]


def little_billed() -> list[Job]:
    """Hours of what costs far less than it takes, and then one big job that ends."""
    big = job('big', f'Starting {4 * DAY} Training {4 * DAY + 1} Completed {7 * DAY + 11 * 60 + 35}', count=16)
    return [big, *(hourly('cheap', 7 * 24 + hour, billed=0.2) for hour in range(12))]


@pytest.mark.parametrize(
    ('jobs', 'expected'),
    [(surge, 'ok ok warning alert alert ok'), (little_billed, 'ok ok ok ok ok ok')],
    ids=['surge', 'little billed'],
)
def test_hours_of_far_more_billable_time_than_usual_alert_and_nothing_less(
    world: World, jobs: Callable[[], list[Job]], expected: str
) -> None:
    hours = 7 * 24 + 26
    fleet = [*(hourly('usual', hour) for hour in range(hours)), *jobs()]
    recording = polled(world, 60 * hours, 60, fleet, collect_resources=False, collect_resource_tags=False)
    moments = [7 * DAY + 60 * hour for hour in (0, 3, 5, 7, 12, 25)]
    assert told('billable_time', recording, *moments) == {(ACCOUNT,): expected}


def test_a_warm_pool_that_stays_idle_alerts_until_it_ends(world: World) -> None:
    fleet = [
        job('kept', 'Starting 1 Training 2 Completed 5', keep=60),
        job('brief', 'Starting 1 Training 2 Completed 5', keep=30),
    ]
    assert told('warm_pool_idle', polled(world, 75, fleet=fleet), 4, 30, 40, 52, 73, 75) == {
        (*HERE, 'kept'): '- ok warning alert alert -',
        (*HERE, 'brief'): '- ok ok - - -',
    }


def test_a_region_that_cannot_be_read_alerts_at_the_fifth_poll_and_no_other_does(world: World) -> None:
    fleet = [job('here', 'Starting 1 Completed 100'), job('there', 'Starting 1 Completed 100', region=THIRD)]
    world.aws.fail('AccessDeniedException', operation='ListTrainingJobs', region=REGION, times=6)
    assert told('api_unreachable', polled(world, 20, fleet=fleet), 3, 4, 5, 20) == {
        HERE: 'ok alert alert ok',
        (ACCOUNT, THIRD): 'ok ok ok ok',
    }


def test_a_region_that_can_be_read_now_and_then_does_not_alert(world: World) -> None:
    world.aws.fail('AccessDeniedException', operation='ListTrainingJobs', times=4)
    world.aws.fail('AccessDeniedException', operation='ListTrainingJobs', times=4, spared=1)
    recording = polled(world, 10)
    assert [check.status for check in recording.service_checks] == [2, 2, 2, 2, 0, 2, 2, 2, 2, 0, 0]
    assert told('api_unreachable', recording, *range(11)) == {HERE: ' '.join(['ok'] * 11)}


def test_a_region_that_is_read_in_part_warns_at_the_tenth_poll(world: World) -> None:
    for operation in ('GetResources', 'ListTags'):
        world.aws.fail('AccessDeniedException', operation=operation)
    fleet = [job('open', 'Starting 0 Training 1 Completed 100')]
    assert told('api_unreachable', polled(world, 10, fleet=fleet), 8, 9) == {HERE: 'ok warning'}


def test_metrics_that_fall_behind_alert_until_they_have_caught_up(world: World) -> None:
    for region, code, polls in (
        (REGION, 'ThrottlingException', 60),
        (OTHER, 'ThrottlingException', 25),
        (THIRD, 'AccessDeniedException', 60),
    ):
        world.aws.fail(code, operation='DescribeTrainingJob', region=region, times=polls)
    fleet = [job('unseen', 'Starting 1 Completed 300', region=region) for region in (REGION, OTHER, THIRD)]
    assert told('collection_lag', polled(world, 65, fleet=fleet), 20, 40, 55, 65) == {
        HERE: 'ok warning alert ok',
        (ACCOUNT, OTHER): 'ok ok ok ok',
        (ACCOUNT, THIRD): 'ok ok ok ok',
    }


@pytest.mark.usefixtures('_any_tag')
def test_on_a_day_on_which_all_goes_well_no_monitor_fires() -> None:
    """Jobs end well within their limits, after a week that is polled now and then so that there is a usual."""

    def well(workload: Workload) -> Workload:
        shortest, longest = workload.minutes
        endings = tuple(ending for ending in workload.endings if ending in GOOD_ENDINGS)
        return replace(workload, minutes=(shortest, (shortest + longest) // 2), endings=endings or ('completed',))

    fleet = living_fleet(NOW, 6, [ACCOUNT], [REGION], workloads=[well(workload) for workload in WORKLOADS])
    week, day = every(12 * 3600, NOW - WEEK, NOW), every(1800, NOW, NOW + timedelta(hours=6))
    recording = simulate(fleet, [*week, *day], min_collection_interval=1800, collect_resources=False).recording
    judged = set()
    for name, monitor in load('monitors').items():
        for moment in day:
            found = states(monitor['definition'], recording, moment.timestamp())
            assert set(found.values()) <= {'ok'}, (name, moment, found)
            judged |= {name} if found else set()
    assert judged == load('monitors').keys() - {'failure_rate', 'job_failed'}


def test_a_group_without_a_tag_that_the_monitor_groups_by_is_not_judged() -> None:
    recording = Recording(counts={'jobs.interrupted'}, polled_at=[NOW.timestamp()])
    for region in (REGION, ''):
        tags = {'aws_account': ACCOUNT, 'instance_type': 'ml.g5.xlarge'} | ({'region': region} if region else {})
        recording.series['jobs.interrupted'][frozenset(tags)] = Series(tags, [(NOW.timestamp(), 99)])
    assert told('spot_interruptions', recording, 0) == {(*HERE, 'ml.g5.xlarge'): 'alert'}
