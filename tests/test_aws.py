# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Calls and their errors on botocore's Stubber, which checks parameters and answers against the service model."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from textwrap import dedent
from threading import Barrier
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.loaders import JSONFileLoader
from botocore.parsers import ResponseParserError
from botocore.session import Session
from botocore.stub import ANY, Stubber

from datadog_checks.sagemaker_training.aws import Region
from datadog_checks.sagemaker_training.aws import account as account_module
from datadog_checks.sagemaker_training.aws.codes import authentication_error_class, error_class
from datadog_checks.sagemaker_training.aws.errors import (
    AwsError,
    BadCredentials,
    Denied,
    IdentityTokenRejected,
    Missing,
    RoleNotAssumed,
    StsDisabled,
    Throttled,
    Unavailable,
)
from datadog_checks.sagemaker_training.aws.models import TrimmedLoader

from .builders import NOW, REGION, account, ago, answer, arn

SUMMARY_FIELDS = ('TrainingJobName', 'TrainingJobArn', 'CreationTime', 'TrainingJobStatus')


def summary(name: str) -> dict[str, Any]:
    described = answer(name)
    return {field: described[field] for field in SUMMARY_FIELDS}


def in_time() -> bool:
    return False


class Stubbed(NamedTuple):
    region: Region
    sagemaker: Stubber
    tagging: Stubber


@pytest.fixture(scope='module')
def session() -> Session:
    """Which reads what a service is like once."""
    session = Session()
    session.set_credentials('test', 'test')
    return session


@pytest.fixture
def stubbed(session: Session) -> Iterator[Stubbed]:
    clients = [session.create_client(name, region_name=REGION) for name in ('sagemaker', 'resourcegroupstaggingapi')]
    with ExitStack() as stack:
        stubbers = [stack.enter_context(Stubber(client)) for client in clients]
        yield Stubbed(
            Region(REGION, clients[0], lambda: clients[1], lambda: clients[1], rate=lambda operation: 10), *stubbers
        )
        for stubber in stubbers:
            stubber.assert_no_pending_responses()


def test_a_listing_is_sorted_explicitly_and_ends_only_without_a_token(stubbed: Stubbed) -> None:
    asked = {'SortBy': 'CreationTime', 'SortOrder': 'Descending', 'MaxResults': 100}
    pages = [
        ({'TrainingJobSummaries': [summary('a')], 'NextToken': '1'}, asked),
        ({'TrainingJobSummaries': [], 'NextToken': '2'}, asked | {'NextToken': '1'}),
        ({'TrainingJobSummaries': [summary('b')]}, asked | {'NextToken': '2'}),
    ]
    for response, expected in pages:
        stubbed.sagemaker.add_response('list_training_jobs', response, expected)
    listed = [[job['TrainingJobName'] for job in page.summaries] for page in stubbed.region.list_training_jobs()]
    assert listed == [['a'], [], ['b']]


def test_a_listing_is_bounded_by_creation_time_only(stubbed: Stubbed) -> None:
    expected = {
        'SortBy': 'CreationTime',
        'SortOrder': 'Descending',
        'MaxResults': 100,
        'CreationTimeAfter': ago(days=30),
        'CreationTimeBefore': NOW,
    }
    stubbed.sagemaker.add_response('list_training_jobs', {'TrainingJobSummaries': []}, expected)
    [page] = stubbed.region.list_training_jobs(ago(days=30), NOW)
    assert page.summaries == []


def test_pages_are_fetched_one_at_a_time(stubbed: Stubbed) -> None:
    stubbed.sagemaker.add_response('list_training_jobs', {'TrainingJobSummaries': [summary('a')], 'NextToken': '1'})
    next(stubbed.region.list_training_jobs())


@pytest.mark.parametrize(
    'call', [lambda region: next(region.list_training_jobs()), lambda region: region.describe_training_job('a')]
)
def test_an_answer_without_its_members_is_no_answer(stubbed: Stubbed, call: Callable[[Region], Any]) -> None:
    """What botocore makes of a body that is not JSON; an empty listing would be taken for the truth."""
    stubbed.sagemaker.deactivate()
    stubbed.sagemaker.client.meta.events.register('before-call', lambda **_: (_Ok, {}))
    with pytest.raises(Unavailable, match='IncompleteAnswer'):
        call(stubbed.region)


class _Ok:
    status_code = 200


@pytest.mark.parametrize(
    ('code', 'message', 'expected', 'says'),
    [
        ('ThrottlingException', 'Rate exceeded', Throttled, 'describe_requests_per_second'),
        ('AccessDeniedException', 'no', Denied, 'sagemaker:DescribeTrainingJob'),
        ('ValidationException', 'Requested resource not found.', Missing, 'deleted'),
        ('ResourceNotFound', 'gone', Missing, 'deleted'),
        ('ExpiredTokenException', 'expired', BadCredentials, 'credentials'),
        ('UnrecognizedClientException', 'invalid', BadCredentials, 'region is enabled'),
        ('ServiceUnavailable', 'later', Unavailable, 'network'),
        ('503', 'Service Unavailable', Unavailable, 'network'),
        ('ValidationException', '1 validation error detected', AwsError, '1 validation error'),
        ('TomorrowsException', 'new', AwsError, 'TomorrowsException'),
    ],
)
def test_errors_have_a_name_and_say_what_to_do(
    stubbed: Stubbed, code: str, message: str, expected: type[AwsError], says: str
) -> None:
    stubbed.sagemaker.add_client_error('describe_training_job', code, message)
    with pytest.raises(expected) as error:
        stubbed.region.describe_training_job('a')
    assert type(error.value) is expected is error_class(code, message)
    assert says in str(error.value)
    assert str(error.value).startswith(f'DescribeTrainingJob: {code}: ')
    assert error.value.__suppress_context__, 'a traceback would print what the library knows'


@pytest.mark.parametrize(
    ('raised', 'expected'),
    [
        (EndpointConnectionError(endpoint_url='https://example.com'), Unavailable),
        (ResponseParserError('Unable to parse response: hunter2'), Unavailable),
        (LookupError('which nobody foresaw: hunter2'), Unavailable),
    ],
)
def test_what_botocore_raises_has_a_name_too(stubbed: Stubbed, raised: Exception, expected: type[AwsError]) -> None:
    def fail(**_: Any) -> None:
        raise raised

    stubbed.sagemaker.client.meta.events.register('provide-client-params', fail)
    with pytest.raises(expected) as error:
        stubbed.region.describe_training_job('a')
    assert 'hunter2' not in str(error.value)


def test_a_refused_role_names_its_options() -> None:
    message = str(RoleNotAssumed('AssumeRole', 'AccessDenied', 'not authorized'))
    assert all(word in message for word in ('assume_role_arn', 'assume_role_external_id', 'sts:AssumeRole'))


@pytest.mark.parametrize(
    ('operation', 'code', 'expected', 'outcome', 'says'),
    [
        ('AssumeRole', 'Throttling', Throttled, 'throttled', 'STS'),
        ('AssumeRole', '503', Unavailable, 'error', 'STS'),
        ('AssumeRole', 'RequestTimeout', Unavailable, 'error', 'STS'),
        ('AssumeRole', 'AccessDenied', RoleNotAssumed, 'denied', 'trust policy'),
        ('AssumeRole', 'ValidationError', RoleNotAssumed, 'denied', '`assume_role_arn`'),
        ('AssumeRole', 'TomorrowsCode', RoleNotAssumed, 'denied', '`assume_role_arn`'),
        ('AssumeRole', 'InvalidClientTokenId', BadCredentials, 'denied', 'exist and are current'),
        ('AssumeRole', 'ExpiredTokenException', BadCredentials, 'denied', 'exist and are current'),
        ('AssumeRole', 'RegionDisabledException', StsDisabled, 'denied', 'Activate STS'),
        ('AssumeRole', 'PackedPolicyTooLarge', RoleNotAssumed, 'denied', 'session tags'),
        ('AssumeRoleWithWebIdentity', 'ServiceUnavailable', Unavailable, 'error', 'STS'),
        ('AssumeRoleWithWebIdentity', 'IDPCommunicationError', Unavailable, 'error', 'issuer URL'),
        ('AssumeRoleWithWebIdentity', 'IDPRejectedClaim', IdentityTokenRejected, 'denied', 'audience'),
        ('AssumeRoleWithWebIdentity', 'InvalidIdentityToken', IdentityTokenRejected, 'denied', 'identity provider'),
        ('AssumeRoleWithWebIdentity', 'ExpiredTokenException', IdentityTokenRejected, 'denied', 'renews the token'),
        ('AssumeRoleWithWebIdentity', 'AccessDenied', RoleNotAssumed, 'denied', 'trust policy'),
        ('GetRoleCredentials', 'TooManyRequestsException', Throttled, 'throttled', 'IAM Identity Center'),
        ('GetRoleCredentials', 'UnauthorizedException', BadCredentials, 'denied', 'exist and are current'),
    ],
)
def test_the_code_tells_a_passing_fault_of_credentials_from_a_refusal(
    operation: str, code: str, expected: type[AwsError], outcome: str, says: str
) -> None:
    kind = authentication_error_class(operation, code, 'Simulated.')
    error = kind(operation, code, 'Simulated.')
    assert isinstance(error, expected)
    assert error.outcome == outcome
    assert says in error.remedy
    assert ('the next poll tries again' in error.remedy) == (outcome != 'denied')
    if outcome != 'denied':
        assert 'trust policy' not in error.remedy


@pytest.mark.parametrize('operation', ['AssumeRole', 'AssumeRoleWithWebIdentity'])
def test_every_error_that_sts_documents_is_told_apart(operation: str) -> None:
    shapes = Session().get_service_model('sts').operation_model(operation).error_shapes
    codes = {shape.metadata['error']['code'] for shape in shapes}
    untold = {
        code
        for code in codes
        if authentication_error_class(operation, code, '') is authentication_error_class(operation, '', '')
    }
    # Of a session policy and of a context, which nobody passes; the latter only newer versions know.
    assert untold <= {'InvalidContextAssertion', 'MalformedPolicyDocument'}


def test_tags_take_one_call_for_a_hundred_jobs(stubbed: Stubbed) -> None:
    arns = [arn(f'job-{number}') for number in range(150)]
    tagged = {'ResourceARN': arns[120], 'Tags': [{'Key': 'team', 'Value': 'nlp'}]}
    for batch, found in ((arns[:100], []), (arns[100:], [tagged])):
        stubbed.tagging.add_response('get_resources', {'ResourceTagMappingList': found}, {'ResourceARNList': batch})
    tags = stubbed.region.tags(arns, in_time)
    assert list(tags) == arns
    assert {arn: found for arn, found in tags.items() if found} == {arns[120]: {'team': 'nlp'}}


def test_tags_fall_back_to_one_call_for_each_job(stubbed: Stubbed) -> None:
    stubbed.tagging.add_client_error('get_resources', 'AccessDeniedException')
    stubbed.sagemaker.add_response('list_tags', {'Tags': [{'Key': 'team', 'Value': 'nlp'}]}, {'ResourceArn': arn('a')})
    stubbed.sagemaker.add_response('list_tags', {'Tags': []}, {'ResourceArn': arn('b')})
    assert stubbed.region.tags([arn('a'), arn('b')], in_time) == {arn('a'): {'team': 'nlp'}, arn('b'): {}}


def test_tags_denied_both_ways_cost_three_calls(stubbed: Stubbed) -> None:
    stubbed.tagging.add_client_error('get_resources', 'AccessDeniedException')
    for _ in range(2):
        stubbed.sagemaker.add_client_error('list_tags', 'AccessDeniedException', expected_params={'ResourceArn': ANY})
    with pytest.raises(Denied, match='sagemaker:ListTags'):
        stubbed.region.tags([arn('a'), arn('b'), arn('c')], in_time)


def test_one_jobs_tags_denied_or_gone_hide_no_others(stubbed: Stubbed) -> None:
    stubbed.tagging.add_client_error('get_resources', 'AccessDeniedException')
    stubbed.sagemaker.add_client_error('list_tags', 'AccessDeniedException', expected_params={'ResourceArn': arn('a')})
    stubbed.sagemaker.add_client_error('list_tags', 'ResourceNotFound', expected_params={'ResourceArn': arn('b')})
    stubbed.sagemaker.add_response('list_tags', {'Tags': [{'Key': 'team', 'Value': 'nlp'}]}, {'ResourceArn': arn('c')})
    tags = stubbed.region.tags([arn('a'), arn('b'), arn('c')], in_time)
    assert tags == {arn('b'): {}, arn('c'): {'team': 'nlp'}}


def test_one_call_for_each_job_ends_with_the_time(stubbed: Stubbed) -> None:
    stubbed.tagging.add_client_error('get_resources', 'AccessDeniedException')
    stubbed.sagemaker.add_response('list_tags', {'Tags': []}, {'ResourceArn': arn('a')})
    time_left = iter([False, True])
    assert stubbed.region.tags([arn('a'), arn('b')], lambda: next(time_left)) == {arn('a'): {}}


def test_tags_that_have_a_wrong_endpoint_of_their_own_hide_no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their client is built when they are read: what is wrong with it is then one of the named errors."""
    monkeypatch.setenv('AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API', 'no url')
    [region] = account().regions
    with pytest.raises(Unavailable, match='GetResources: ConfigurationError: .*Invalid endpoint'):
        region.tags([arn('a')], in_time)


@pytest.mark.skipif(sys.platform != 'linux', reason='reads the memory of a process as Linux tells it')
def test_thirty_instances_of_four_regions_cost_at_most_20_mb() -> None:
    """Clients of one process share one loader: each with its own would cost 20 MB, for a copy of the service model."""
    program = """
        import time
        from pathlib import Path
        from datadog_checks.sagemaker_training import SagemakerTrainingCheck
        from datadog_checks.sagemaker_training.aws import Account

        regions = ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1']

        def account(number):
            instance = {'regions': regions, 'aws_access_key_id': str(number), 'aws_secret_access_key': 'test'}
            check = SagemakerTrainingCheck('sagemaker_training', {}, [instance])
            check.load_configuration_models()
            built = Account(check.config, check.proxies, time)
            return check, built, [region._tagging() for region in built.regions]

        def resident_mb():
            return int(Path('/proc/self/statm').read_text().split()[1]) * 4096 / 1e6

        first = account(0)
        before = resident_mb()
        others = [account(number) for number in range(1, 31)]
        print(resident_mb() - before)
    """
    run = subprocess.run([sys.executable, '-c', dedent(program)], capture_output=True, text=True, check=True)
    assert 0 < float(run.stdout) < 20


class SlowFiles(JSONFileLoader):
    """Takes its time, in which another thread would load the same file again."""

    def __init__(self, loads: Counter[str]) -> None:
        self._loads = loads

    def load_file(self, file_path: str) -> Any:
        if (content := super().load_file(file_path)) is not None:
            self._loads[file_path] += 1
            time.sleep(0.05)
        return content


def test_accounts_that_start_together_load_each_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service model is 20 MB for each time that it is loaded."""
    loads: Counter[str] = Counter()
    monkeypatch.setattr(account_module, '_loader', cache(lambda: TrimmedLoader(file_loader=SlowFiles(loads))))
    together = Barrier(8)

    def begin(_: int) -> None:
        together.wait(60)
        account()

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(begin, range(8)))
    services = {Path(path).parts[-3] for path in loads}
    assert 'sagemaker' in services
    assert 'resourcegroupstaggingapi' not in services, 'tags have not been asked for yet'
    assert {path: times for path, times in loads.items() if times > 1} == {}
