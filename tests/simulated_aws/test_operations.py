# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The simulated AWS is believed by every other test, so here real boto3 clients check it against what AWS documents."""

from collections.abc import Callable
from typing import Any

import pytest

from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Job, WarmPool, describe
from tools.aws.scenario import quiet_history
from tools.aws.server import SimulatedAws

from .scripts import HOME, NOW, OTHER, REGION, ROLE, client, completed, failure, minutes, names


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
