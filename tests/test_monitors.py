# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Each monitor fires on what it is for, has recovered when that is over, and is quiet about all else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
RESTARTED_EVERY = timedelta(minutes=30)

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


def polled(world: World, minutes: float, step: float = 1, fleet: Sequence[Job] = ()) -> Recording:
    """What a check of the fleet's regions has sent, polled until so many minutes have passed, every `step` of them.

    A poll that fails is one more thing to watch.
    """
    return polled_at(world, every(60 * step, NOW, at(minutes + step)), fleet)


def polled_at(world: World, moments: Iterable[datetime], fleet: Sequence[Job]) -> Recording:
    """As `polled`, at these moments. Every half hour, and after a longer pause, the Agent has started again."""
    world.aws.add(fleet)
    recording = Recording()
    started_at = datetime.min.replace(tzinfo=NOW.tzinfo)
    for moment in moments:
        if moment - started_at >= RESTARTED_EVERY:
            check, started_at = world.check(regions=sorted({REGION, *(job.region for job in fleet)})), moment
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


def test_a_job_that_failed_or_was_stopped_at_a_limit_alerts_for_an_hour(world: World) -> None:
    fleet = [
        job('bad', 'Starting 1 Training 2 Failed 10', reason='ClientError: no data'),
        job('unplaced', 'Pending 1 Failed 10', reason='CapacityError: no instances'),
        job('good', 'Starting 1 Training 2 Completed 10'),
        job('cut', 'Starting 1 Training 2 Stopping 9 Stopped 10'),
        job('hung', 'Starting 1 Training 2 MaxRuntimeExceeded 10', hours=0.1),
        spot('unlucky', 'Starting 1 MaxWaitTimeExceeded 10'),
        job('instant', 'Starting 10 Failed 10', reason='InternalServerError: again'),
        job('trial', 'Starting 1 Training 2 Failed 10', reason='ClientError: no', TuningJobArn=started_by('tuning')),
        job('late trial', 'Starting 1 Training 2 MaxRuntimeExceeded 10', TuningJobArn=started_by('tuning')),
        job(
            'candidate', 'Starting 1 Training 2 Failed 10', reason='ClientError: no', AutoMLJobArn=started_by('automl')
        ),
    ]
    assert told('job_failed', polled(world, 85, fleet=fleet), 9, 10, 69, 85) == {
        (*HERE, 'bad', 'failed'): '- alert alert -',
        (*HERE, 'unplaced', 'failed'): '- alert alert -',
        (*HERE, 'hung', 'max_runtime_exceeded'): '- alert alert -',
        (*HERE, 'unlucky', 'max_wait_time_exceeded'): '- alert alert -',
        (*HERE, 'instant', 'failed'): '- alert alert -',
    }


def test_a_high_failure_rate_alerts_and_few_failures_or_stops_do_not(world: World) -> None:
    endings = {
        REGION: ['Failed'] * 2 + ['MaxRuntimeExceeded', 'MaxWaitTimeExceeded'] + ['Completed'] * 3,
        OTHER: ['Failed'] + ['MaxRuntimeExceeded'],
        THIRD: ['Failed'] + ['Stopped'] * 3 + ['Completed'],
    }
    fleet = [
        job(f'job-{number}', f'Starting 1 Training 2 {ending} 10', region=region, reason='AlgorithmError: no')
        for region, all_of_region in endings.items()
        for number, ending in enumerate(all_of_region)
    ]
    assert told('failure_rate', polled(world, 250, 10, fleet), 0, 10, 240, 250) == {
        HERE: '- alert alert -',
        (ACCOUNT, OTHER): '- warning warning -',
        (ACCOUNT, THIRD): '- ok ok -',
    }


def test_a_total_outage_warns_within_the_time_of_a_few_jobs(world: World) -> None:
    """Of a region in which a job ends every ten minutes, from which on none completes any more."""
    fleet = [
        job(f'job-{number}', f'Starting {begin} Training {begin + 1} {ending} {begin + 10}', region=region, reason='no')
        for region, endings in {
            REGION: ['Completed'] * 24 + ['Failed'] * 12,
            OTHER: (['Completed'] * 7 + ['Failed']) * 4,
        }.items()
        for number, ending in enumerate(endings)
        for begin in [10 * number]
    ]
    assert told('failure_rate', polled(world, 360, 10, fleet), 240, 310, 320, 330, 360) == {
        HERE: '- ok warning alert alert',
        (ACCOUNT, OTHER): 'ok ok ok ok ok',
    }


def test_a_job_near_its_maximum_runtime_alerts_while_it_trains(world: World) -> None:
    fleet = [
        job('slow', 'Starting 1 Training 2 Completed 61', hours=1),
        job('long', 'Starting 1 Training 2 Completed 500'),
        spot('waits', 'Starting 1 Training 2 Interrupted 4 Starting 30 Training 50 Completed 105', hours=1),
    ]
    assert told('near_max_runtime', polled(world, 106, fleet=fleet), 4, 48, 52, 60, 69, 75, 97, 106) == {
        (*HERE, 'slow'): 'ok ok warning alert alert - - -',
        (*HERE, 'long'): 'ok ok ok ok ok ok ok ok',
        (*HERE, 'waits'): 'ok ok ok ok ok ok warning warning',
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
    assert told('waiting_for_capacity', polled(world, 151, 1, fleet), 58, 70, 118, 124, 134, 151) == {
        (*HERE, 'pends'): 'ok warning warning alert alert -',
        (*HERE, 'starts'): 'ok warning warning alert alert -',
        (*HERE, 'fails'): 'ok warning warning alert alert -',
        (*HERE, 'late'): 'ok warning - - - -',
        (*HERE, 'taken'): 'ok warning warning alert alert -',
        (*HERE, 'often'): 'ok ok ok ok warning -',
        (*HERE, 'trained'): '- - - - ok -',
    }


def test_a_job_that_runs_far_longer_than_its_family_did_alerts_from_half_an_hour_on(world: World) -> None:
    """Of a family that ran two weeks ago: out of reach for any window, and the Agent was restarted since."""
    now = 14 * 24 * 60
    runs = f'Starting {now} Training {now + 1} Completed'
    fleet = [
        job('weekly-2026-11-23-00-00-00-000', 'Starting 1 Training 2 Completed 22'),
        job('weekly-2026-12-07-00-00-00-000', f'{runs} {now + 75}'),
        spot('resumed-2026-11-23-00-00-00-000', 'Starting 1 Training 2 Completed 22'),
        spot(
            'resumed-2026-12-07-00-00-00-000',
            f'Starting {now} Training {now + 1} Interrupted {now + 10} Training {now + 50} Completed {now + 75}',
        ),
        job('brief-2026-11-23-00-00-00-000', 'Starting 1 Training 2 Completed 4'),
        job('quick-2026-11-23-00-00-00-000', 'Starting 1 Training 2 Completed 4'),
        job('quick-2026-12-07-00-00-00-000', f'{runs} {now + 24}'),
        job('brief-2026-12-07-00-00-00-000', f'{runs} {now + 40}'),
        job('first-2026-12-07-00-00-00-000', f'{runs} {now + 75}'),
    ]
    moments = [*every(600, NOW, at(31)), *every(60, at(now), at(now + 90))]
    recording = polled_at(world, moments, fleet)
    assert told('longer_than_usual', recording, *(now + minute for minute in (20, 29, 33, 44, 63, 70, 89))) == {
        (*HERE, 'weekly', 'weekly-2026-12-07-00-00-00-000'): '- - ok warning alert alert -',
        (*HERE, 'resumed', 'resumed-2026-12-07-00-00-00-000'): '- - ok ok ok ok -',
        (*HERE, 'brief', 'brief-2026-12-07-00-00-00-000'): '- - alert - - - -',
    }


def test_a_wave_of_spot_interruptions_alerts_by_instance_type_and_not_in_a_large_fleet(world: World) -> None:
    waves = {
        (REGION, 'ml.g5.xlarge'): 18,
        (REGION, 'ml.p5.48xlarge'): 8,
        (OTHER, 'ml.g5.xlarge'): 12,
        (THIRD, 'ml.g5.xlarge'): 18,
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
    fleet.append(spot('large', 'Starting 1 Training 2 Completed 300', region=THIRD, count=900))
    assert told('spot_interruptions', polled(world, 60, fleet=fleet), 10, 22, 32, 60) == {
        (ACCOUNT, REGION, 'ml.g5.xlarge'): '- warning alert alert',
        (ACCOUNT, REGION, 'ml.p5.48xlarge'): '- ok ok ok',
        (ACCOUNT, OTHER, 'ml.g5.xlarge'): '- warning warning warning',
        (ACCOUNT, THIRD, 'ml.g5.xlarge'): '- ok ok ok',
    }


WEEK_LATER = 7 * 24 * 60


@pytest.mark.parametrize(
    ('now', 'state'),
    [
        pytest.param({'more': 'Training'}, 'alert', id='they run'),
        pytest.param({'more': 'Pending'}, 'ok', id='they are awaited'),
        pytest.param({'some': 'Training'}, 'ok', id='half as many more'),
        pytest.param({}, 'ok', id='as many as ever'),
    ],
)
def test_far_more_instances_in_use_than_a_week_ago_alert_while_they_run(
    world: World, now: dict[str, str], state: str
) -> None:
    counts = {'usual': 30, 'more': 30, 'some': 15}
    lives = [('usual', 0, 'Training'), ('usual', WEEK_LATER, 'Training')]
    lives += [(name, WEEK_LATER, status) for name, status in now.items()]
    fleet = [
        job(f'{name}-{begin}', f'Starting {begin} {status} {begin + 1} Completed {begin + 300}', count=counts[name])
        for name, begin, status in lives
    ]
    moments = [*every(60, NOW, at(16)), *every(60, at(WEEK_LATER), at(WEEK_LATER + 16))]
    recording = polled_at(world, moments, fleet)
    assert told('instances_in_use', recording, 15, WEEK_LATER + 15) == {(ACCOUNT,): f'- {state}'}


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
        HERE: '- warning alert ok',
        (ACCOUNT, OTHER): '- ok ok ok',
        (ACCOUNT, THIRD): '- ok ok ok',
    }


@pytest.mark.usefixtures('_any_tag')
def test_on_a_day_on_which_all_goes_well_no_monitor_fires() -> None:
    """Jobs end well within their limits, after a week that is polled now and then so that there is a usual."""

    def well(workload: Workload) -> Workload:
        shortest, longest = workload.minutes
        endings = tuple(ending for ending in workload.endings if ending in GOOD_ENDINGS)
        return replace(workload, minutes=(shortest, (shortest + longest) // 2), endings=endings or ('completed',))

    fleet = living_fleet(NOW, 6, [ACCOUNT], [REGION], workloads=[well(workload) for workload in WORKLOADS])
    day = every(1800, NOW, NOW + timedelta(hours=4))
    week = [*(moment - WEEK for moment in day), *every(24 * 3600, NOW - WEEK + timedelta(hours=20), NOW)]
    polls = [*week, *every(3600, NOW - timedelta(hours=3), NOW), *day]
    recording = simulate(fleet, polls, min_collection_interval=1800, collect_resources=False).recording
    judged = set()
    for name, monitor in load('monitors').items():
        for moment in day:
            found = states(monitor['definition'], recording, moment.timestamp())
            assert set(found.values()) <= {'ok'}, (name, moment, found)
            judged |= {name} if found else set()
    assert judged == load('monitors').keys() - {'failure_rate', 'job_failed'}


def test_a_group_without_a_tag_that_the_monitor_groups_by_is_not_judged() -> None:
    recording = Recording(polled_at=[NOW.timestamp()])
    for region in (REGION, ''):
        tags = {'aws_account': ACCOUNT, 'training_job_name': 'job'} | ({'region': region} if region else {})
        recording.series['job.current_wait'][frozenset(tags)] = Series(tags, [(NOW.timestamp(), 9999)])
    assert told('waiting_for_capacity', recording, 0) == {(*HERE, 'job'): 'alert'}
