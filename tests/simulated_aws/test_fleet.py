# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The fleet of the demo is one that AWS could show, and has all that is to be seen."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.validate import ParamValidator

from tools.aws.calls import encode
from tools.aws.fleet import Job, describe, is_open, summary
from tools.aws.scenario import ACCOUNTS, REGIONS, living_fleet, quiet_history
from tools.aws.workloads import PLANTED_SECRETS

from .scripts import HOME, MODEL, NOW, OTHER, REGION, minutes


def misspelled(shape: Shape, value: Any) -> Iterator[str]:
    """The strings in the value that their shape does not know."""
    match shape.type_name:
        case 'structure':
            for name, member in value.items():
                yield from misspelled(shape.members[name], member)
        case 'list':
            for member in value:
                yield from misspelled(shape.member, member)
        case 'string' if shape.enum and value not in shape.enum:
            yield f'{shape.name}: {value}'


def leaves(value: Any, path: str = '') -> Iterator[str]:
    """Where in an answer there is something, as `Member.Member`, and what, as `Member.Member=text`."""
    match value:
        case dict():
            for name, member in value.items():
                yield from leaves(member, f'{path}.{name}'.lstrip('.'))
        case list():
            for member in value:
                yield from leaves(member, path)
        case str():
            yield from (path, f'{path}={value}')
        case _:
            yield path


class TestLivingFleet:
    def test_same_seed_same_fleet(self, fleet: list[Job]) -> None:
        assert living_fleet(NOW) == fleet
        assert living_fleet(NOW, seed=7) != fleet

    def test_size(self, fleet: list[Job]) -> None:
        day = [job for job in fleet if NOW <= job.created < NOW + timedelta(days=1)]
        assert 300 <= len(day) <= 500
        assert sum(job.end < NOW for job in fleet) >= 1_000
        assert all(30 <= sum(is_open(job, NOW + timedelta(hours=hour)) for job in fleet) <= 80 for hour in range(25))
        assert {(job.account, job.region) for job in day} == {(a, r) for a in ACCOUNTS for r in REGIONS}
        assert len({job.arn for job in fleet}) == len(fleet)

    def test_no_job_outlasts_its_limit(self, fleet: list[Job]) -> None:
        assert all((job.training_time or 0) <= job.fields['StoppingCondition']['MaxRuntimeInSeconds'] for job in fleet)

    def test_one_account_and_region_hold_every_workload(self) -> None:
        small = living_fleet(NOW, hours=6, accounts=[HOME], regions=[REGION])
        assert {(job.account, job.region) for job in small} == {(HOME, REGION)}

    def test_every_answer_is_one_botocore_knows(self, fleet: list[Job]) -> None:
        operation = MODEL.operation_model('DescribeTrainingJob')
        parser, validator = create_parser('json'), ParamValidator()
        for job in fleet:
            moments = {step.start for step in job.steps} | {job.created + (job.end - job.created) / 2}
            for moment in moments:
                answer = describe(job, moment)
                report = validator.validate(answer, operation.output_shape)
                assert not report.has_errors(), report.generate_report()
                assert not list(misspelled(operation.output_shape, answer))
            response = {'body': encode(answer), 'headers': {}, 'status_code': 200}
            parsed = parser.parse(response, operation.output_shape)
            del parsed['ResponseMetadata']
            assert parsed == answer

    def test_every_summary_is_one_botocore_knows(self, fleet: list[Job]) -> None:
        shape, validator = MODEL.shape_for('TrainingJobSummary'), ParamValidator()
        for job in fleet:
            for moment in (job.created, job.end, job.end + minutes(40)):
                report = validator.validate(summary(job, moment), shape)
                assert not report.has_errors(), report.generate_report()

    def test_day_shows_everything_there_is_to_measure(self, fleet: list[Job]) -> None:
        polls = [NOW + minutes(30 * poll) for poll in range(49)]
        day = [job for job in fleet if job.created >= NOW]
        seen = {leaf for job in day for poll in polls if poll >= job.created for leaf in leaves(describe(job, poll))}
        assert seen >= {
            *(f'TrainingJobStatus={status}' for status in ('InProgress', 'Completed', 'Failed', 'Stopped')),
            *(
                f'SecondaryStatusTransitions.Status={status}'
                for status in ('Pending', 'Interrupted', 'Stopping', 'MaxRuntimeExceeded', 'MaxWaitTimeExceeded')
            ),
            *(f'WarmPoolStatus.Status={status}' for status in ('InUse', 'Available', 'Reused', 'Terminated')),
            'WarmPoolStatus.ResourceRetainedBillableTimeInSeconds',
            'WarmPoolStatus.ReusedByJob',
            'TrainingTimeInSeconds',
            'BillableTimeInSeconds',
            'BillableTokenCount',
            'ResourceConfig.InstanceCount',
            'ResourceConfig.InstanceGroups.InstanceCount',
            'ResourceConfig.SelectedInstanceCount',
            'ResourceConfig.VolumeSizeInGB',
            'ResourceConfig.KeepAlivePeriodInSeconds',
            'ResourceConfig.TrainingPlanArn',
            'ServerlessJobConfig.JobType=FineTuning',
            'StoppingCondition.MaxRuntimeInSeconds',
            'StoppingCondition.MaxWaitTimeInSeconds',
            'StoppingCondition.MaxPendingTimeInSeconds',
            'FinalMetricDataList.Value',
            'ProgressInfo.CurrentStep',
            'ProgressInfo.CurrentEpoch',
            *(f'DebugRuleEvaluationStatuses.RuleEvaluationStatus={s}' for s in ('InProgress', 'IssuesFound')),
            'ProfilerRuleEvaluationStatuses.RuleEvaluationStatus=IssuesFound',
            'RetryStrategy.MaximumRetryAttempts',
            'TuningJobArn',
            'AutoMLJobArn',
            'LabelingJobArn',
            'ExperimentConfig.ExperimentName=support-bot',
            'ExperimentConfig.TrialName=bert',
            'ExperimentConfig.RunName',
            'AlgorithmSpecification.AlgorithmName=fraud-forest',
            'OutputModelPackageArn',
            'MlflowDetails.MlflowRunId',
            'VpcConfig.Subnets',
            'CheckpointConfig.S3Uri',
        }
        reasons = {leaf.split('=')[1].split(':')[0] for leaf in seen if leaf.startswith('FailureReason=')}
        assert reasons == {'AlgorithmError', 'ClientError', 'CapacityError', 'InternalServerError'}
        assert {bool(job.tags) for job in day} == {True, False}

    def test_every_planted_secret_is_somewhere_in_the_day(self, fleet: list[Job]) -> None:
        answers = [describe(job, job.end) for job in fleet if job.created >= NOW and job.end < NOW + timedelta(days=1)]
        text = '\n'.join(leaf for answer in answers for leaf in leaves(answer))
        assert [secret for secret in PLANTED_SECRETS if secret not in text] == []
        assert all(f'{name}=' in text for name in ('epochs', 'learning_rate', 'max_tokens', 'tokenizer_name'))

    def test_warm_pools_are_handed_on_to_the_next_job(self, fleet: list[Job]) -> None:
        by_name = {job.name: job for job in fleet}
        handed = [job for job in fleet if job.warm_pool and job.warm_pool.reused_by]
        assert handed
        for job in handed:
            assert job.warm_pool is not None
            follower = by_name[job.warm_pool.reused_by]
            assert follower.created == job.warm_pool.until
            assert describe(follower, follower.created)['WarmPoolStatus'] == {'Status': 'InUse'}


def test_quiet_history_has_the_jobs_asked_for() -> None:
    ages = [minutes(20), timedelta(days=3)]
    jobs = quiet_history(NOW, 500, ages, OTHER, 'eu-west-1', days=10)
    finished = [job for job in jobs if not is_open(job, NOW)]
    assert len(finished) == 500
    assert all(NOW - timedelta(days=10) <= job.end < NOW and job.status == 'Completed' for job in finished)
    assert [NOW - job.created for job in jobs if is_open(job, NOW)] == ages
    assert {(job.account, job.region) for job in jobs} == {(OTHER, 'eu-west-1')}
