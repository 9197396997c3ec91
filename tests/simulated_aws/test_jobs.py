# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A job is what its script says, at any time."""

import threading
from dataclasses import replace

import pytest

from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Rule, WarmPool, describe, summaries, summary

from .scripts import HOME, MODEL, NOW, completed, minutes, script


class TestClock:
    def test_sleep_moves_the_time_on_without_waiting(self, clock: SimulatedClock) -> None:
        clock.sleep(90)
        assert (clock.now, clock.time(), clock.monotonic()) == (NOW + minutes(1.5), NOW.timestamp() + 90, 90)

    def test_never_goes_back(self, clock: SimulatedClock) -> None:
        clock.advance_to(NOW + minutes(5))
        clock.advance_to(NOW)
        with pytest.raises(ValueError, match='cannot go back'):
            clock.sleep(-1)
        assert clock.now == NOW + minutes(5)

    def test_threads_lose_no_time(self, clock: SimulatedClock) -> None:
        threads = [threading.Thread(target=lambda: [clock.sleep(0.5) for _ in range(1_000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert clock.monotonic() == 4_000


class TestLifeOfAJob:
    @pytest.mark.parametrize(
        ('after', 'status', 'secondary', 'modified', 'present'),
        [
            (0, 'InProgress', 'Starting', 0, set()),
            (4, 'InProgress', 'Downloading', 2, {'TrainingStartTime'}),
            (20, 'InProgress', 'Training', 5, {'TrainingStartTime'}),
            (29, 'InProgress', 'Uploading', 25, {'TrainingStartTime'}),
            (
                30,
                'Completed',
                'Completed',
                30,
                {'TrainingStartTime', 'TrainingEndTime', 'TrainingTimeInSeconds', 'BillableTimeInSeconds'},
            ),
        ],
    )
    def test_stages(self, after: float, status: str, secondary: str, modified: float, present: set[str]) -> None:
        answer = describe(completed(), NOW + minutes(after))
        come_and_go = {'TrainingStartTime', 'TrainingEndTime', 'TrainingTimeInSeconds', 'BillableTimeInSeconds'}
        assert (answer['TrainingJobStatus'], answer['SecondaryStatus']) == (status, secondary)
        assert answer['LastModifiedTime'] == NOW + minutes(modified)
        assert answer.keys() & come_and_go == present

    def test_transitions_are_chronological_and_only_the_current_one_is_open(self) -> None:
        answer = describe(completed(), NOW + minutes(6))
        assert answer['SecondaryStatusTransitions'] == [
            {'Status': 'Starting', 'StatusMessage': 'Starting.', 'StartTime': NOW, 'EndTime': NOW + minutes(2)},
            {
                'Status': 'Downloading',
                'StatusMessage': 'Downloading.',
                'StartTime': NOW + minutes(2),
                'EndTime': NOW + minutes(5),
            },
            {'Status': 'Training', 'StatusMessage': 'Training.', 'StartTime': NOW + minutes(5)},
        ]

    def test_interrupted_spot_job_pays_for_part_of_the_time_its_instances_ran(self) -> None:
        steps = script(
            NOW,
            ('Starting', 0),
            ('Downloading', 2),
            ('Training', 5),
            ('Interrupted', 10),
            ('Starting', 20),
            ('Downloading', 21),
            ('Training', 22),
            ('Completed', 30),
        )
        job = completed(steps=steps, billed=0.25)
        assert describe(job, NOW + minutes(12))['SecondaryStatus'] == 'Interrupted'
        answer = describe(job, NOW + minutes(30))
        assert (answer['TrainingTimeInSeconds'], answer['BillableTimeInSeconds']) == (17 * 60, 255)

    def test_times_are_whole_seconds_rounded_up(self) -> None:
        answer = describe(completed(steps=script(NOW, ('Downloading', 0), ('Completed', 1.001))), NOW + minutes(2))
        assert (answer['TrainingTimeInSeconds'], answer['BillableTimeInSeconds']) == (61, 61)

    def test_job_that_never_started_has_an_end_and_no_times(self) -> None:
        job = completed(
            steps=script(NOW, ('Starting', 0), ('Failed', 9)),
            fields_once_ended={'FailureReason': 'CapacityError: none'},
        )
        answer = describe(job, NOW + minutes(9))
        assert (answer['TrainingJobStatus'], answer['FailureReason']) == ('Failed', 'CapacityError: none')
        assert answer['TrainingEndTime'] == NOW + minutes(9)
        assert not answer.keys() & {'TrainingStartTime', 'TrainingTimeInSeconds', 'BillableTimeInSeconds'}

    @pytest.mark.parametrize(
        ('steps', 'status'),
        [
            ((('Training', 0), ('Stopping', 5), ('Stopped', 6)), 'Stopped'),
            ((('Training', 0), ('MaxRuntimeExceeded', 6)), 'Stopped'),
            ((('Interrupted', 0), ('MaxWaitTimeExceeded', 6)), 'Stopped'),
            ((('Training', 0), ('Failed', 6)), 'Failed'),
        ],
    )
    def test_primary_status_follows_from_the_secondary(self, steps: tuple[tuple[str, float], ...], status: str) -> None:
        job = completed(steps=script(NOW, *steps))
        assert job.status == describe(job, NOW + minutes(6))['TrainingJobStatus'] == status
        stopping = describe(job, NOW + minutes(5.5))
        assert (stopping['TrainingJobStatus'] == 'Stopping') == (stopping['SecondaryStatus'] == 'Stopping')

    def test_warm_pool_is_available_then_reused(self) -> None:
        job = completed(warm_pool=WarmPool(NOW + minutes(40), reused_by='next'))
        assert 'WarmPoolStatus' not in describe(job, NOW + minutes(29))
        assert describe(job, NOW + minutes(30))['WarmPoolStatus'] == {'Status': 'Available'}
        assert describe(job, NOW + minutes(40))['WarmPoolStatus'] == {
            'Status': 'Reused',
            'ReusedByJob': 'next',
            'ResourceRetainedBillableTimeInSeconds': 600,
        }

    def test_follower_uses_the_warm_pool_until_it_keeps_or_loses_it(self) -> None:
        job = completed(warm_pool=WarmPool(NOW + minutes(35), taken_over=True))
        shown = [describe(job, NOW + minutes(after))['WarmPoolStatus'] for after in (1, 31, 35)]
        assert [status['Status'] for status in shown] == ['InUse', 'Available', 'Terminated']
        assert shown[2]['ResourceRetainedBillableTimeInSeconds'] == 300

    @pytest.mark.parametrize(('after', 'epoch', 'step'), [(5, 1, 0), (10, 1, 50), (15, 2, 0), (30, 2, 100)])
    def test_progress_moves_with_the_training(self, after: float, epoch: int, step: int) -> None:
        info = describe(completed(progress=(100, 2)), NOW + minutes(after))['ProgressInfo']
        assert (info['CurrentEpoch'], info['CurrentStep']) == (epoch, step)
        assert (info['MaxEpoch'], info['TotalStepCountPerEpoch']) == (2, 100)

    def test_rules_are_in_progress_until_decided(self) -> None:
        job = completed(rules=(Rule('Debug', 'LossNotDecreasing', 'IssuesFound', NOW + minutes(12)),))
        shown = [describe(job, NOW + minutes(after)).get('DebugRuleEvaluationStatuses') for after in (1, 8, 12)]
        assert shown[0] is None
        assert [statuses[0]['RuleEvaluationStatus'] for statuses in shown[1:]] == ['InProgress', 'IssuesFound']

    def test_members_that_come_with_the_start(self) -> None:
        chosen = {'ResourceConfig': {'SelectedInstanceType': 'ml.g5.xlarge'}}
        job = completed(fields_once_started=chosen)
        assert 'ResourceConfig' not in describe(job, NOW + minutes(1))
        assert describe(job, NOW + minutes(2))['ResourceConfig'] == chosen['ResourceConfig']

    def test_partition_is_that_of_the_region(self) -> None:
        assert completed(region='cn-north-1').arn == f'arn:aws-cn:sagemaker:cn-north-1:{HOME}:training-job/job'


def test_a_summary_that_is_kept_is_that_of_each_moment() -> None:
    job = replace(completed(), warm_pool=WarmPool(NOW + minutes(40), reused_by='next'))
    shown = summaries(job)
    # Back and forth, as it must not matter what was asked for before.
    for minute in (*range(60), *range(59, -1, -1)):
        assert shown(NOW + minutes(minute)) == summary(job, NOW + minutes(minute)), minute


def test_summary_agrees_with_the_description() -> None:
    plan = {'ResourceConfig': {'TrainingPlanArn': 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/plan'}}
    job = completed(warm_pool=WarmPool(NOW + minutes(40)))
    job = replace(job, fields={**job.fields, **plan})
    shown = summary(job, NOW + minutes(31))
    assert shown.pop('TrainingPlanArn') == plan['ResourceConfig']['TrainingPlanArn']
    assert shown.items() <= describe(job, NOW + minutes(31)).items()
    assert shown.keys() == MODEL.shape_for('TrainingJobSummary').members.keys() - {'TrainingPlanArn'}
