# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The simulated AWS is believed by every other test, so here real boto3 clients check it against what AWS documents."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.model import Shape
from botocore.parsers import ResponseParserError, create_parser
from botocore.validate import ParamValidator

from tools.aws.calls import encode
from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Job, Rule, Step, WarmPool, describe, is_open, summary
from tools.aws.scenario import ACCOUNTS, REGIONS, living_fleet, quiet_history
from tools.aws.server import SimulatedAws
from tools.aws.workloads import PLANTED_SECRETS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOME, OTHER = ACCOUNTS
REGION = REGIONS[0]
ROLE = f'arn:aws:iam::{OTHER}:role/DatadogIntegration'

SESSION = boto3.Session(aws_access_key_id='simulated', aws_secret_access_key='simulated', region_name=REGION)
MODEL = SESSION.client('sagemaker').meta.service_model


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def script(created: datetime, *steps: tuple[str, float]) -> tuple[Step, ...]:
    """Steps from their secondary statuses and the minutes after the creation at which they start."""
    return tuple(Step(status, created + minutes(after), f'{status}.') for status, after in steps)


def completed(name: str = 'job', created: datetime = NOW, **more: Any) -> Job:
    """A job that pends, starts after 2 minutes, trains from minute 5 to 25 and ends half an hour after its creation."""
    steps = script(created, ('Starting', 0), ('Downloading', 2), ('Training', 5), ('Uploading', 25), ('Completed', 30))
    fields = {'StoppingCondition': {'MaxRuntimeInSeconds': 3600}, 'ModelArtifacts': {'S3ModelArtifacts': 's3://models'}}
    return Job(**{'name': name, 'account': HOME, 'region': REGION, 'steps': steps, 'fields': fields} | more)


def client(
    aws: SimulatedAws, service: str, region: str = REGION, read_timeout: float = 10, **credentials: str
) -> BaseClient:
    config = Config(retries={'total_max_attempts': 1}, read_timeout=read_timeout)
    return SESSION.client(service, region_name=region, endpoint_url=aws.endpoint_url, config=config, **credentials)


def names(answer: dict[str, Any]) -> list[str]:
    return [job['TrainingJobName'] for job in answer['TrainingJobSummaries']]


def failure(call: Callable[..., object], **parameters: object) -> tuple[str, str, int]:
    """The code, message and HTTP status of the error that the call ends in."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response['Error']
    return error['Code'], error['Message'], caught.value.response['ResponseMetadata']['HTTPStatusCode']


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def aws(clock: SimulatedClock) -> Iterator[SimulatedAws]:
    with SimulatedAws(clock, roles={ROLE: 'the-id'}) as simulated:
        yield simulated


@pytest.fixture(scope='module')
def fleet() -> list[Job]:
    return living_fleet(NOW)


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


def test_summary_agrees_with_the_description() -> None:
    plan = {'ResourceConfig': {'TrainingPlanArn': 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/plan'}}
    job = completed(warm_pool=WarmPool(NOW + minutes(40)))
    job = replace(job, fields={**job.fields, **plan})
    shown = summary(job, NOW + minutes(31))
    assert shown.pop('TrainingPlanArn') == plan['ResourceConfig']['TrainingPlanArn']
    assert shown.items() <= describe(job, NOW + minutes(31)).items()
    assert shown.keys() == MODEL.shape_for('TrainingJobSummary').members.keys() - {'TrainingPlanArn'}


class TestListTrainingJobs:
    def test_page_is_ten_unless_asked_otherwise_and_a_hundred_at_most(self, aws: SimulatedAws) -> None:
        aws.add(completed(f'job-{number}') for number in range(120))
        sagemaker = client(aws, 'sagemaker')
        assert len(names(sagemaker.list_training_jobs())) == 10
        assert len(names(sagemaker.list_training_jobs(MaxResults=100))) == 100
        code, message, status = failure(sagemaker.list_training_jobs, MaxResults=101)
        assert (code, status) == ('ValidationException', 400)
        assert 'less than or equal to 100' in message

    @pytest.mark.parametrize('order', ['Ascending', 'Descending'])
    @pytest.mark.parametrize('sort_by', ['CreationTime', 'Name', 'Status'])
    def test_pages_hold_every_job_once_in_order(self, aws: SimulatedAws, sort_by: str, order: str) -> None:
        jobs = [completed(f'job-{number % 7}-{number}', NOW - minutes(2 * number)) for number in range(25)]
        aws.add(jobs)
        listing = client(aws, 'sagemaker').get_paginator('list_training_jobs')
        pages = [names(page) for page in listing.paginate(SortBy=sort_by, SortOrder=order, MaxResults=10)]
        keys: dict[str, Callable[[Job], Any]] = {
            'CreationTime': lambda job: job.created,
            'Name': lambda job: job.name,
            'Status': lambda job: (describe(job, NOW)['TrainingJobStatus'], job.name),
        }
        assert [len(page) for page in pages] == [10, 10, 5]
        expected = sorted(jobs, key=keys[sort_by], reverse=order == 'Descending')
        assert sum(pages, []) == [job.name for job in expected]

    def test_oldest_come_first_by_default(self, aws: SimulatedAws) -> None:
        aws.add([completed('new', NOW), completed('old', NOW - minutes(9))])
        assert names(client(aws, 'sagemaker').list_training_jobs()) == ['old', 'new']

    def test_next_page_is_not_shifted_by_jobs_created_between(self, aws: SimulatedAws, clock: SimulatedClock) -> None:
        aws.add(completed(f'job-{number}', NOW + minutes(number)) for number in range(-3, 2))
        sagemaker = client(aws, 'sagemaker')
        first = sagemaker.list_training_jobs(MaxResults=2, SortOrder='Descending')
        clock.advance(3600)
        rest = sagemaker.list_training_jobs(MaxResults=2, SortOrder='Descending', NextToken=first['NextToken'])
        assert names(first) + names(rest) == ['job-0', 'job--1', 'job--2', 'job--3']
        assert 'NextToken' not in rest

    @pytest.mark.parametrize('token', ['2', 'bm9uc2Vuc2U=', 'NQ==', 'not base64'])
    def test_invalid_token(self, aws: SimulatedAws, token: str) -> None:
        code, _, status = failure(client(aws, 'sagemaker').list_training_jobs, NextToken=token)
        assert (code, status) == ('ValidationException', 400)

    def test_token_of_another_order_is_invalid(self, aws: SimulatedAws) -> None:
        aws.add(quiet_history(NOW, 20))
        sagemaker = client(aws, 'sagemaker')
        token = sagemaker.list_training_jobs(SortOrder='Descending')['NextToken']
        assert failure(sagemaker.list_training_jobs, NextToken=token)[0] == 'ValidationException'

    def test_creation_times_bound_the_listing_before_it_is_paged(self, aws: SimulatedAws) -> None:
        aws.add(completed(f'job-{number}', NOW - minutes(number)) for number in range(20))
        bounds = {'CreationTimeAfter': NOW - minutes(15), 'CreationTimeBefore': NOW - minutes(11)}
        answer = client(aws, 'sagemaker').list_training_jobs(MaxResults=3, **bounds)
        assert names(answer) == ['job-14', 'job-13', 'job-12']
        assert 'NextToken' not in answer

    @pytest.mark.parametrize(
        'wanted',
        [
            {'StatusEquals': 'InProgress'},
            {'NameContains': 'open'},
            {'LastModifiedTimeAfter': NOW - minutes(5)},
            {'WarmPoolStatusEquals': 'InUse'},
        ],
    )
    def test_filters_only_thin_out_pages_already_cut(self, aws: SimulatedAws, wanted: dict[str, Any]) -> None:
        aws.add(quiet_history(NOW, 25, days=1))
        aws.add([completed('open', NOW - minutes(8), warm_pool=WarmPool(NOW + minutes(60), taken_over=True))])
        listing = client(aws, 'sagemaker').get_paginator('list_training_jobs')
        pages = [names(page) for page in listing.paginate(MaxResults=10, **wanted)]
        assert pages == [[], [], ['open']]

    def test_jobs_appear_with_their_creation_and_go_with_their_deletion(
        self, aws: SimulatedAws, clock: SimulatedClock
    ) -> None:
        sagemaker = client(aws, 'sagemaker')
        aws.add([completed('later', NOW + minutes(1))])
        assert names(sagemaker.list_training_jobs()) == []
        assert failure(sagemaker.describe_training_job, TrainingJobName='later')[0] == 'ValidationException'
        clock.advance(60)
        assert names(sagemaker.list_training_jobs()) == ['later']
        aws.remove('later', HOME, REGION)
        assert names(sagemaker.list_training_jobs()) == []

    @pytest.mark.parametrize('order', ['Ascending', 'Descending'])
    def test_pages_can_be_made_to_repeat_the_end_of_the_one_before(self, aws: SimulatedAws, order: str) -> None:
        aws.add(completed(f'job-{number}', NOW - minutes(number)) for number in range(8))
        aws.page_overlap = 2
        listing = client(aws, 'sagemaker').get_paginator('list_training_jobs')
        pages = [names(page) for page in listing.paginate(MaxResults=4, SortOrder=order)]
        numbers = [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
        if order == 'Ascending':
            numbers = [[7 - number for number in page] for page in numbers]
        assert pages == [[f'job-{number}' for number in page] for page in numbers]

    def test_twenty_thousand_jobs(self, aws: SimulatedAws) -> None:
        aws.add(quiet_history(NOW, 20_000, [minutes(3)]))
        answer = client(aws, 'sagemaker').list_training_jobs(MaxResults=100, SortOrder='Descending')
        assert names(answer)[:2] == ['open-1', 'done-1']


class TestDescribeTrainingJob:
    def test_unknown_job(self, aws: SimulatedAws) -> None:
        unknown = failure(client(aws, 'sagemaker').describe_training_job, TrainingJobName='nobody')
        assert unknown == ('ValidationException', 'Requested resource not found.', 400)

    def test_answer_changes_with_the_time(self, aws: SimulatedAws, clock: SimulatedClock) -> None:
        aws.add([completed()])
        sagemaker = client(aws, 'sagemaker')
        seen = []
        for _ in range(4):
            seen.append(sagemaker.describe_training_job(TrainingJobName='job')['SecondaryStatus'])
            clock.advance(600)
        assert seen == ['Starting', 'Training', 'Training', 'Completed']

    def test_hand_made_answer_is_served_as_it_is(self, aws: SimulatedAws) -> None:
        answer = describe(completed(region='eu-west-1'), NOW) | {'SecondaryStatus': 'Reticulating'}
        aws.put(answer | {'FailureReason': 'replaced below'})
        aws.put(answer)
        sagemaker = client(aws, 'sagemaker', 'eu-west-1')
        received = sagemaker.describe_training_job(TrainingJobName='job')
        del received['ResponseMetadata']
        assert received == answer
        assert [job['SecondaryStatus'] for job in sagemaker.list_training_jobs()['TrainingJobSummaries']] == [
            'Reticulating'
        ]

    def test_answer_of_a_megabyte(self, aws: SimulatedAws) -> None:
        parameters = {f'parameter-{number}': 'x' * 2_500 for number in range(400)}
        aws.put(describe(completed(), NOW) | {'HyperParameters': parameters})
        received = client(aws, 'sagemaker').describe_training_job(TrainingJobName='job')
        assert received['HyperParameters'] == parameters

    def test_name_can_be_reused_after_deletion(self, aws: SimulatedAws) -> None:
        aws.add([completed(created=NOW - minutes(90))])
        aws.remove('job', HOME, REGION)
        aws.add([completed()])
        assert client(aws, 'sagemaker').describe_training_job(TrainingJobName='job')['CreationTime'] == NOW

    def test_regions_are_apart(self, aws: SimulatedAws) -> None:
        aws.add([completed(region='eu-west-1')])
        here = client(aws, 'sagemaker').describe_training_job
        assert failure(here, TrainingJobName='job')[0] == 'ValidationException'


class TestTags:
    def test_hundred_arns_in_one_call_whatever_their_tags_and_without_the_untagged(self, aws: SimulatedAws) -> None:
        tags = {f'key-{number}': 'value' for number in range(7)}
        jobs = [completed(f'job-{number}', tags=tags if number else {}) for number in range(100)]
        aws.add(jobs)
        answer = client(aws, 'resourcegroupstaggingapi').get_resources(ResourceARNList=[job.arn for job in jobs])
        found = {resource['ResourceARN']: resource['Tags'] for resource in answer['ResourceTagMappingList']}
        assert found.keys() == {job.arn for job in jobs[1:]}
        assert {tag['Key']: tag['Value'] for tag in found[jobs[1].arn]} == tags
        assert not answer.get('PaginationToken')

    def test_more_arns_are_refused(self, aws: SimulatedAws) -> None:
        arns = [completed(f'job-{number}').arn for number in range(101)]
        tagging = client(aws, 'resourcegroupstaggingapi')
        assert failure(tagging.get_resources, ResourceARNList=arns)[0] == 'InvalidParameterException'

    def test_jobs_of_another_region_are_not_found(self, aws: SimulatedAws) -> None:
        job = completed(region='eu-west-1', tags={'team': 'nlp'})
        aws.add([job, completed(tags={'team': 'nlp'})])
        answer = client(aws, 'resourcegroupstaggingapi').get_resources(ResourceARNList=[job.arn])
        assert answer['ResourceTagMappingList'] == []

    def test_all_resources_without_arns(self, aws: SimulatedAws) -> None:
        aws.add([completed(tags={'team': 'nlp'})])
        answer = client(aws, 'resourcegroupstaggingapi').get_resources(ResourceTypeFilters=['sagemaker:training-job'])
        assert [resource['ResourceARN'] for resource in answer['ResourceTagMappingList']] == [completed().arn]

    def test_tags_of_one_job(self, aws: SimulatedAws) -> None:
        aws.add([completed(tags={'team': 'nlp'})])
        sagemaker = client(aws, 'sagemaker')
        assert sagemaker.list_tags(ResourceArn=completed().arn)['Tags'] == [{'Key': 'team', 'Value': 'nlp'}]
        assert failure(sagemaker.list_tags, ResourceArn=completed('nobody').arn)[0] == 'ValidationException'

    def test_tags_go_with_the_simulation(self, clock: SimulatedClock) -> None:
        with SimulatedAws(clock, [completed(tags={'team': 'nlp'})]):
            pass
        with SimulatedAws(clock) as aws:
            assert client(aws, 'resourcegroupstaggingapi').get_resources()['ResourceTagMappingList'] == []


class TestAccounts:
    def test_role_leads_to_its_account(self, aws: SimulatedAws) -> None:
        aws.add([completed('at-home'), completed('elsewhere', account=OTHER)])
        credentials = client(aws, 'sts').assume_role(RoleArn=ROLE, RoleSessionName='tests', ExternalId='the-id')
        keys = {
            'aws_access_key_id': credentials['Credentials']['AccessKeyId'],
            'aws_secret_access_key': credentials['Credentials']['SecretAccessKey'],
            'aws_session_token': credentials['Credentials']['SessionToken'],
        }
        assert names(client(aws, 'sagemaker').list_training_jobs()) == ['at-home']
        assert names(client(aws, 'sagemaker', **keys).list_training_jobs()) == ['elsewhere']
        assert client(aws, 'sts', **keys).get_caller_identity()['Account'] == OTHER
        assert client(aws, 'sts').get_caller_identity()['Account'] == HOME
        assert [(call.operation, call.account) for call in aws.calls] == [
            ('AssumeRole', HOME),
            ('ListTrainingJobs', HOME),
            ('ListTrainingJobs', OTHER),
            ('GetCallerIdentity', OTHER),
            ('GetCallerIdentity', HOME),
        ]

    @pytest.mark.parametrize(
        'request_',
        [
            {'RoleArn': ROLE, 'ExternalId': 'wrong'},
            {'RoleArn': ROLE},
            {'RoleArn': f'{ROLE}-unlisted', 'ExternalId': 'the-id'},
        ],
    )
    def test_role_is_denied(self, aws: SimulatedAws, request_: dict[str, str]) -> None:
        code, message, status = failure(client(aws, 'sts').assume_role, RoleSessionName='tests', **request_)
        assert (code, status) == ('AccessDenied', 403)
        assert f'not authorized to perform: sts:AssumeRole on resource: {request_["RoleArn"]}' in message

    def test_role_that_demands_no_external_id(self, clock: SimulatedClock) -> None:
        with SimulatedAws(clock, roles={ROLE: None}) as aws:
            for more in ({}, {'ExternalId': 'ignored'}):
                client(aws, 'sts').assume_role(RoleArn=ROLE, RoleSessionName='tests', **more)
        assert aws.count('AssumeRole', outcome='ok') == 2

    def test_any_role_without_a_list(self, clock: SimulatedClock) -> None:
        with SimulatedAws(clock) as aws:
            client(aws, 'sts').assume_role(RoleArn=f'{ROLE}-any', RoleSessionName='tests')
        assert aws.count('AssumeRole', outcome='ok') == 1


class TestCallsAndFaults:
    CALLS = [
        ('sagemaker', 'ListTrainingJobs', {}),
        ('sagemaker', 'DescribeTrainingJob', {'TrainingJobName': 'job'}),
        ('sagemaker', 'ListTags', {'ResourceArn': completed().arn}),
        ('resourcegroupstaggingapi', 'GetResources', {'ResourceARNList': [completed().arn]}),
        ('resourcegroupstaggingapi', 'GetResources', {}),
        ('sts', 'AssumeRole', {'RoleArn': ROLE, 'RoleSessionName': 'tests', 'ExternalId': 'the-id'}),
        ('sts', 'GetCallerIdentity', {}),
    ]

    @pytest.mark.parametrize(('service', 'operation', 'parameters'), CALLS)
    def test_fault_is_answered_as_the_service_would_and_ends_with_its_context(
        self, aws: SimulatedAws, clock: SimulatedClock, service: str, operation: str, parameters: dict[str, Any]
    ) -> None:
        aws.add([completed()])
        api = client(aws, service)
        method = getattr(api, {value: key for key, value in api.meta.method_to_api_mapping.items()}[operation])
        clock.advance(7)
        with aws.fail('ThrottlingException', 'Rate <&> exceeded', 429, operation=operation):
            assert failure(method, **parameters) == ('ThrottlingException', 'Rate <&> exceeded', 429)
        method(**parameters)
        first, second = aws.calls
        assert (first.time, first.operation, first.account, first.region) == (7, operation, HOME, REGION)
        assert (first.outcome, second.outcome) == ('ThrottlingException', 'ok')
        assert parameters.items() <= first.parameters.items()

    def test_modeled_error_is_the_clients_own_exception(self, aws: SimulatedAws) -> None:
        aws.fail('ResourceNotFound', operation='DescribeTrainingJob')
        sagemaker = client(aws, 'sagemaker')
        with pytest.raises(sagemaker.exceptions.ResourceNotFound):
            sagemaker.describe_training_job(TrainingJobName='job')

    def test_fault_lasts_as_many_times_as_asked(self, aws: SimulatedAws) -> None:
        aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs', times=2)
        sagemaker = client(aws, 'sagemaker')
        for _ in range(2):
            assert failure(sagemaker.list_training_jobs)[0] == 'ThrottlingException'
        sagemaker.list_training_jobs()
        assert aws.count('ListTrainingJobs', outcome='ThrottlingException') == 2
        assert aws.count() == aws.count(account=HOME, region=REGION) == 3

    @pytest.mark.parametrize(
        ('operation', 'scope', 'strikes'),
        [
            ('DescribeTrainingJob', {'name': 'job'}, True),
            ('DescribeTrainingJob', {'account': HOME, 'region': REGION}, True),
            ('DescribeTrainingJob', {'name': 'jo'}, False),
            ('DescribeTrainingJob', {'region': 'eu-west-1'}, False),
            ('DescribeTrainingJob', {'account': OTHER}, False),
            ('ListTrainingJobs', {}, False),
        ],
    )
    def test_fault_strikes_within_its_scope(
        self, aws: SimulatedAws, operation: str, scope: dict[str, str], strikes: bool
    ) -> None:
        aws.add([completed()])
        aws.fail('AccessDeniedException', operation=operation, **scope)
        describe_job = client(aws, 'sagemaker').describe_training_job
        if strikes:
            assert failure(describe_job, TrainingJobName='job')[0] == 'AccessDeniedException'
        else:
            describe_job(TrainingJobName='job')

    def test_later_page_can_be_refused(self, aws: SimulatedAws) -> None:
        aws.add(quiet_history(NOW, 20))
        message = 'Invalid pagination token.'
        aws.fail('ValidationException', message, operation='ListTrainingJobs', spared=1)
        pages = client(aws, 'sagemaker').get_paginator('list_training_jobs').paginate()
        assert failure(pages.build_full_result) == ('ValidationException', message, 400)
        assert [call.outcome for call in aws.calls] == ['ok', 'ValidationException']

    def test_connection_is_kept(self, aws: SimulatedAws) -> None:
        host, port = aws.endpoint_url.removeprefix('http://').split(':')
        connection = HTTPConnection(host, int(port), timeout=5)
        headers = {
            'Authorization': f'AWS4-HMAC-SHA256 Credential=key/20261123/{REGION}/sagemaker/aws4_request',
            'X-Amz-Target': 'SageMaker.ListTrainingJobs',
            'Content-Type': 'application/x-amz-json-1.1',
        }
        sockets = set()
        for _ in range(3):
            connection.request('POST', '/', b'{}', headers)
            assert json.loads(connection.getresponse().read()) == {'TrainingJobSummaries': []}
            sockets.add(connection.sock)
        connection.close()
        assert len(sockets) == 1
        assert sockets != {None}

    def test_parallel_calls_are_all_counted(self, aws: SimulatedAws) -> None:
        aws.add(quiet_history(NOW, 100))
        list_jobs = client(aws, 'sagemaker').list_training_jobs
        threads = [threading.Thread(target=lambda: [list_jobs() for _ in range(10)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert aws.count('ListTrainingJobs', outcome='ok') == 40


class TestDisturbances:
    @pytest.mark.parametrize(
        ('kind', 'error', 'cause'),
        [
            ('reset', ConnectionClosedError, 'ConnectionResetError'),
            ('silent', ReadTimeoutError, 'Read timed out'),
        ],
    )
    def test_no_answer_arrives_until_the_context_ends(
        self, aws: SimulatedAws, kind: str, error: type[Exception], cause: str
    ) -> None:
        list_jobs = client(aws, 'sagemaker', read_timeout=0.3).list_training_jobs
        for _ in range(2):
            with aws.disturb(kind, operation='ListTrainingJobs'), pytest.raises(error) as caught:
                list_jobs()
            assert cause in repr(caught.value.kwargs['error'])
            assert names(list_jobs()) == []
        assert [call.outcome for call in aws.calls] == [kind, 'ok', kind, 'ok']

    def test_truncated_body_is_no_answer(self, aws: SimulatedAws) -> None:
        """Some versions of botocore raise an error, others read an answer without members."""
        list_jobs = client(aws, 'sagemaker').list_training_jobs
        with aws.disturb('truncated', operation='ListTrainingJobs'), suppress(ConnectionClosedError):
            assert 'TrainingJobSummaries' not in list_jobs()
        assert names(list_jobs()) == []
        assert [call.outcome for call in aws.calls] == ['truncated', 'ok']

    def test_page_of_a_proxy_has_no_members_as_json_and_is_no_xml(self, aws: SimulatedAws) -> None:
        for operation in ('ListTrainingJobs', 'GetCallerIdentity'):
            aws.disturb('not_json', operation=operation)
        answer = client(aws, 'sagemaker').list_training_jobs()
        metadata = answer.pop('ResponseMetadata')
        assert (metadata['HTTPStatusCode'], metadata['HTTPHeaders']['content-type'], answer) == (200, 'text/html', {})
        with pytest.raises(ResponseParserError, match='<!doctype html>'):
            client(aws, 'sts').get_caller_identity()
        assert aws.count(outcome='not_json') == 2

    def test_strikes_within_its_scope(self, aws: SimulatedAws) -> None:
        aws.add([completed(), completed('other')])
        aws.disturb(
            'reset', operation='DescribeTrainingJob', account=HOME, region=REGION, name='job', times=1, spared=1
        )
        describe_job = client(aws, 'sagemaker').describe_training_job
        for name in ('other', 'job', 'other'):
            describe_job(TrainingJobName=name)
        with pytest.raises(ConnectionClosedError):
            describe_job(TrainingJobName='job')
        describe_job(TrainingJobName='job')
        assert [call.outcome for call in aws.calls] == ['ok', 'ok', 'ok', 'reset', 'ok']

    def test_unknown_kind(self, aws: SimulatedAws) -> None:
        with pytest.raises(ValueError, match="'resset' is none of reset, truncated, not_json, silent"):
            aws.disturb('resset', operation='ListTrainingJobs')

    @pytest.mark.parametrize('ends', ['fault', 'simulation'])
    def test_silence_is_for_one_client_and_over_with_its_cause(self, clock: SimulatedClock, ends: str) -> None:
        with ThreadPoolExecutor() as pool:
            with SimulatedAws(clock) as aws:
                fault = aws.disturb('silent', operation='ListTrainingJobs', times=1)
                list_jobs = client(aws, 'sagemaker').list_training_jobs
                waiting = pool.submit(list_jobs)
                while not aws.calls:
                    assert not waiting.done()
                list_jobs()
                assert not waiting.done()
                if ends == 'fault':
                    fault.remove()
                    assert isinstance(waiting.exception(timeout=2), ConnectionClosedError)
            assert isinstance(waiting.exception(timeout=2), ConnectionClosedError)

    def test_silence_is_over_when_the_client_goes_away(self, aws: SimulatedAws) -> None:
        aws.disturb('silent', operation='ListTrainingJobs')
        others = set(threading.enumerate())
        with pytest.raises(ReadTimeoutError):
            client(aws, 'sagemaker', read_timeout=0.3).list_training_jobs()
        for thread in set(threading.enumerate()) - others:
            thread.join(timeout=2)
        assert not set(threading.enumerate()) - others


class TestTimeInAws:
    @pytest.mark.parametrize(
        ('service', 'method'),
        [
            ('sagemaker', 'list_training_jobs'),
            ('resourcegroupstaggingapi', 'get_resources'),
            ('sts', 'get_caller_identity'),
        ],
    )
    def test_date_of_an_answer(self, aws: SimulatedAws, clock: SimulatedClock, service: str, method: str) -> None:
        clock.advance(59.9)
        call = getattr(client(aws, service), method)
        assert call()['ResponseMetadata']['HTTPHeaders']['date'] == 'Mon, 23 Nov 2026 12:00:59 GMT'
        aws.skew = timedelta(days=-1)
        assert call()['ResponseMetadata']['HTTPHeaders']['date'] == 'Sun, 22 Nov 2026 12:00:59 GMT'

    def test_date_of_an_error(self, aws: SimulatedAws) -> None:
        with pytest.raises(ClientError) as caught:
            client(aws, 'sagemaker').describe_training_job(TrainingJobName='nobody')
        headers = caught.value.response['ResponseMetadata']['HTTPHeaders']
        assert headers['date'] == 'Mon, 23 Nov 2026 12:00:00 GMT'

    def test_skewed_time_is_that_of_the_jobs_and_moves_with_the_clock(
        self, aws: SimulatedAws, clock: SimulatedClock
    ) -> None:
        aws.add([completed()])
        aws.skew = minutes(-1)
        sagemaker = client(aws, 'sagemaker')
        assert names(sagemaker.list_training_jobs()) == []
        clock.advance(60)
        assert names(sagemaker.list_training_jobs()) == ['job']
        aws.skew = minutes(29)
        assert sagemaker.describe_training_job(TrainingJobName='job')['SecondaryStatus'] == 'Completed'
        assert [call.time for call in aws.calls] == [0, 60, 60]


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
