# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Faults are given to whom they are meant for, answers can be disturbed, and time passes in AWS."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tools.aws.clock import SimulatedClock
from tools.aws.scenario import quiet_history
from tools.aws.server import SimulatedAws

from .scripts import HOME, NOW, OTHER, REGION, ROLE, client, completed, failure, minutes, names


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
