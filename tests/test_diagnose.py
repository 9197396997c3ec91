# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What `agent diagnose` gets from the check, through real clients over HTTP, against the simulated AWS."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from datadog_checks.base.utils.diagnose import Diagnosis
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.aws.errors import AwsError, Denied
from tools.aws.clock import SimulatedClock
from tools.aws.prices import HOURS
from tools.aws.server import SimulatedAws

from .builders import ACCOUNT, NOW, REGION, ago, answer, ended
from .world import World

OTHER_REGION = 'eu-west-1'
ROLE = f'arn:aws:iam::{ACCOUNT}:role/datadog'
PASS, FAIL, WARNING = Diagnosis.DIAGNOSIS_SUCCESS, Diagnosis.DIAGNOSIS_FAIL, Diagnosis.DIAGNOSIS_WARNING

type Found = dict[str, dict[str, Any]]


def diagnose(check: SagemakerTrainingCheck) -> Found:
    """The diagnoses by name, without the account that a name starts with where AWS has told it."""
    found = json.loads(check.get_diagnoses())
    by_name = {diagnosis['name'].removeprefix(f'{ACCOUNT} '): diagnosis for diagnosis in found}
    assert len(by_name) == len(found)
    for diagnosis in found:
        assert diagnosis['category'] == 'sagemaker_training'
        assert diagnosis['diagnosis'], 'without it, the Agent calls it an unexpected error'
        assert diagnosis['description']
        assert bool(diagnosis['remediation']) == (diagnosis['result'] == FAIL)
    return by_name


def results(found: Found) -> dict[str, int]:
    return {name: diagnosis['result'] for name, diagnosis in found.items()}


def of_region(region: str = REGION, listed: int = PASS, described: int = PASS, tagged: int = PASS) -> dict[str, int]:
    return {
        f'{region}: ListTrainingJobs': listed,
        f'{region}: DescribeTrainingJob': described,
        f'{region}: resource tags': tagged,
    }


def test_one_call_of_each_kind_tells_that_all_is_well(world: World) -> None:
    for region in (REGION, OTHER_REGION):
        world.aws.put(answer('newest', region=region))
        world.aws.put(ended('older', region=region, CreationTime=ago(days=2)))
    found = diagnose(world.check(regions=[REGION, OTHER_REGION]))
    assert results(found) == {'credentials': PASS, **of_region(REGION), **of_region(OTHER_REGION)}
    assert list(found)[:2] == ['credentials', f'{REGION}: ListTrainingJobs'], 'in the order of the configuration'
    assert f'::{ACCOUNT}:' in found['credentials']['diagnosis']
    assert found[f'{REGION}: ListTrainingJobs']['diagnosis'] == 'Newest jobs listed: 2.'
    assert found[f'{REGION}: ListTrainingJobs']['name'].startswith(f'{ACCOUNT} '), 'instances are told apart'
    assert 'newest' in found[f'{REGION}: DescribeTrainingJob']['diagnosis']
    assert Counter(call.operation for call in world.aws.calls) == {
        'GetCallerIdentity': 1,
        'ListTrainingJobs': 2,
        'DescribeTrainingJob': 2,
        'GetResources': 2,
    }


@pytest.mark.parametrize(('external_id', 'is_right'), [('right', True), ('wrong', False)])
def test_the_role_is_assumed(world: World, external_id: str, is_right: bool) -> None:
    with SimulatedAws(world.clock, roles={ROLE: 'right'}) as aws:
        aws.put(answer())
        guarded = replace(world, aws=aws)
        found = diagnose(guarded.check(assume_role_arn=ROLE, assume_role_external_id=external_id))
        calls = [call.operation for call in aws.calls]
    role = found[f'role {ROLE}']
    if is_right:
        assert results(found) == {f'role {ROLE}': PASS, **of_region()}
        assert 'assumed-role/datadog' in role['diagnosis']
        assert calls.count('AssumeRole') == 1
    else:
        assert results(found) == {f'role {ROLE}': FAIL, 'regions': WARNING}
        assert role['diagnosis'].startswith('AssumeRole: AccessDenied: ')
        assert '`assume_role_external_id`' in role['remediation']
        assert REGION in found['regions']['diagnosis']
        assert calls == ['AssumeRole']


def test_a_denied_listing_hides_no_other_region(world: World) -> None:
    for region in (REGION, OTHER_REGION):
        world.aws.put(answer(region=region))
    world.aws.fail('AccessDeniedException', 'not authorized', operation='ListTrainingJobs', region=OTHER_REGION)
    found = diagnose(world.check(regions=[OTHER_REGION, REGION]))
    denied = of_region(OTHER_REGION, listed=FAIL, described=WARNING, tagged=WARNING)
    assert results(found) == {'credentials': PASS, **denied, **of_region(REGION)}
    listing = found[f'{OTHER_REGION}: ListTrainingJobs']
    assert listing['diagnosis'] == 'ListTrainingJobs: AccessDeniedException: not authorized.'
    assert listing['remediation'] == 'Allow `sagemaker:ListTrainingJobs` in the IAM policy of these credentials.'
    for name in ('DescribeTrainingJob', 'resource tags'):
        assert 'Not tried' in found[f'{OTHER_REGION}: {name}']['diagnosis']
        assert 'could not be listed' in found[f'{OTHER_REGION}: {name}']['diagnosis']


@pytest.mark.parametrize(
    ('denied', 'expected', 'named'),
    [
        (['DescribeTrainingJob'], {'described': FAIL}, ['sagemaker:DescribeTrainingJob']),
        (['GetResources'], {}, []),
        (['ListTags'], {}, []),
        (
            ['GetResources', 'ListTags'],
            {'tagged': FAIL},
            ['sagemaker:ListTags', 'tag:GetResources', 'collect_resource_tags: false'],
        ),
        (
            ['DescribeTrainingJob', 'GetResources', 'ListTags'],
            {'described': FAIL, 'tagged': FAIL},
            ['sagemaker:DescribeTrainingJob', 'sagemaker:ListTags', 'tag:GetResources', 'collect_resource_tags: false'],
        ),
    ],
)
def test_each_permission_has_its_own_answer(
    world: World, denied: list[str], expected: dict[str, int], named: list[str]
) -> None:
    world.aws.put(answer())
    for operation in denied:
        world.aws.fail('AccessDeniedException', 'not authorized', operation=operation)
    found = diagnose(world.check())
    assert results(found) == {'credentials': PASS, **of_region(**expected)}
    assert re.findall('`([^`]+)`', ' '.join(diagnosis['remediation'] for diagnosis in found.values())) == named


def test_tags_that_are_not_collected_are_not_asked_for(world: World) -> None:
    world.aws.put(answer())
    found = diagnose(world.check(collect_resource_tags=False))
    assert f'{REGION}: resource tags' not in found
    assert world.aws.count('GetResources') == 0


def test_list_prices_have_an_answer_of_their_own(world: World) -> None:
    world.aws.put(answer())
    check = world.check(estimate_cost=True)
    found = diagnose(check)
    assert results(found) == {'credentials': PASS, **of_region(), f'{REGION}: prices': PASS}
    assert found[f'{REGION}: prices']['diagnosis'].startswith(f'Types that AWS lists: {len(HOURS)}.')
    world.aws.fail('AccessDeniedException', 'not authorized', operation='GetProducts')
    found = diagnose(check)
    assert results(found) == {'credentials': PASS, **of_region(), f'{REGION}: prices': FAIL}
    assert (
        found[f'{REGION}: prices']['remediation']
        == 'Allow `pricing:GetProducts` in the IAM policy of these credentials.'
    )


def test_a_region_without_a_price_list_is_told_what_else_there_is(world: World) -> None:
    gov = 'us-gov-west-1'
    found = diagnose(world.check(regions=[gov], estimate_cost=True))[f'{gov}: prices']
    assert found['result'] == FAIL
    assert '`instance_prices`' in found['remediation']
    assert world.aws.count('GetProducts') == 0


def test_prices_that_nobody_wants_are_not_asked_for(world: World) -> None:
    assert f'{REGION}: prices' not in diagnose(world.check())
    own = diagnose(world.check(instance_prices={'ml.p5.48xlarge': 50}))[f'{REGION}: prices']
    assert (own['result'], own['diagnosis']) == (PASS, 'Types in `instance_prices`: 1.')
    assert world.aws.count('GetProducts') == 0


@pytest.mark.parametrize('options', [{'estimate_cost': True}, {'instance_prices': {'ml.m5.large': 0.1}}])
def test_a_type_in_use_that_has_no_price_is_named(world: World, options: dict[str, Any]) -> None:
    world.aws.put(answer(ResourceConfig={'InstanceType': 'ml.new.large', 'InstanceCount': 1}))
    check = world.check(**options)
    world.poll(check)
    found = diagnose(check)[f'{REGION}: prices']
    assert found['result'] == WARNING
    assert 'Without a price: ml.new.large. Set one in `instance_prices`.' in found['diagnosis']


def test_credentials_that_are_nowhere(world: World) -> None:
    found = diagnose(world.check(aws_access_key_id=None, aws_secret_access_key=None))
    assert results(found) == {'credentials': FAIL}
    assert 'NoCredentialsError' in found['credentials']['diagnosis']
    assert '`aws_profile`' in found['credentials']['remediation']
    assert world.aws.calls == []


def test_credentials_that_aws_cannot_name_may_still_read(world: World) -> None:
    """STS may be out of reach where SageMaker is not."""
    world.aws.put(answer())
    world.aws.fail('ServiceUnavailable', 'later', 503, operation='GetCallerIdentity')
    found = diagnose(world.check())
    assert results(found) == {'credentials': FAIL, **of_region()}
    assert 'GetCallerIdentity: ServiceUnavailable' in found['credentials']['diagnosis']


def test_a_region_that_is_not_enabled(world: World) -> None:
    world.aws.put(answer())
    for operation in ('ListTrainingJobs', 'DescribeTrainingJob', 'GetResources'):
        message = 'The security token included in the request is invalid.'
        world.aws.fail('UnrecognizedClientException', message, operation=operation, region=OTHER_REGION)
    found = diagnose(world.check(regions=[REGION, OTHER_REGION]))
    disabled = of_region(OTHER_REGION, listed=FAIL, described=WARNING, tagged=WARNING)
    assert results(found) == {'credentials': PASS, **of_region(), **disabled}
    assert 'the region is enabled' in found[f'{OTHER_REGION}: ListTrainingJobs']['remediation']


def test_without_a_job_what_takes_one_is_not_tried(world: World) -> None:
    found = diagnose(world.check())
    assert results(found) == {'credentials': PASS, **of_region(described=WARNING, tagged=WARNING)}
    assert found[f'{REGION}: ListTrainingJobs']['diagnosis'] == 'Newest jobs listed: 0.'
    assert 'Not tried: no job was listed' in found[f'{REGION}: DescribeTrainingJob']['diagnosis']
    assert [call.operation for call in world.aws.calls] == ['GetCallerIdentity', 'ListTrainingJobs']


def test_a_job_that_the_instance_leaves_out_is_not_asked_about(world: World) -> None:
    world.aws.put(answer('prod-1', CreationTime=ago(days=1)))
    world.aws.put(answer('dev-1'))
    for name in ('DescribeTrainingJob', 'ListTags'):
        world.aws.fail('AccessDeniedException', 'not authorized', operation=name, name='dev-1')
    assert results(diagnose(world.check(name_include=['^prod-']))) == {'credentials': PASS, **of_region()}
    not_tried = of_region(described=WARNING, tagged=WARNING)
    assert results(diagnose(world.check(name_exclude=['.']))) == {'credentials': PASS, **not_tried}


@pytest.mark.parametrize(
    ('options', 'says'),
    [
        ({'history_hours': -1}, 'history_hours'),
        ({'regions': ['us_east_1']}, '`regions`, entry 1'),
        ({'regions': None}, '`regions` is not set'),
        ({'aws_access_key_id': None, 'aws_secret_access_key': None, 'aws_profile': 'nobody'}, '`aws_profile`'),
        ({'boto_config': {'no_such_option': 1}}, '`boto_config`'),
    ],
)
def test_an_option_that_is_wrong_is_named(world: World, options: dict[str, Any], says: str) -> None:
    found = diagnose(world.check(**options))
    assert results(found) == {'configuration': FAIL}
    assert says in found['configuration']['diagnosis']
    assert world.aws.calls == []


@pytest.mark.parametrize('operation', ['GetCallerIdentity', 'ListTrainingJobs', 'DescribeTrainingJob', 'GetResources'])
def test_secrets_in_error_messages_do_not_appear(world: World, operation: str) -> None:
    world.aws.put(answer())
    secrets = ['the-check-s-own-secret-key', 'hunter2hunter2', 'hf_abcdefghijklmnopqrst', 'codename-osprey']
    message = 'key {}, password={}, {} and {}'.format(*secrets)
    world.aws.fail('ValidationException', message, operation=operation)
    text = world.check(aws_secret_access_key=secrets[0], sensitive_patterns=['codename-[a-z]+']).get_diagnoses()
    assert [secret for secret in secrets if secret in text] == []
    assert f'{operation}: ValidationException: key ***' in text


def test_nothing_it_says_of_itself_is_taken_for_a_secret(world: World) -> None:
    world.aws.put(answer())
    texts = [world.check(aws_access_key_id=None, aws_secret_access_key=None).get_diagnoses()]
    for operation in ('GetCallerIdentity', 'ListTrainingJobs', 'DescribeTrainingJob', 'GetResources'):
        for code in ('AccessDenied', 'ThrottlingException', 'InternalFailure', 'UnrecognizedClientException'):
            with world.aws.fail(code, 'no', operation=operation):
                texts.append(world.check().get_diagnoses())
    assert not [text for text in texts if 'redacted' in text or '***' in text]


def test_an_instance_that_has_never_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.aws.put(answer())
    check, undiagnosed = world.check(), world.check()
    with monkeypatch.context() as patch:
        for name in ('read_persistent_cache', 'write_persistent_cache', 'service_check', 'gauge', 'count'):
            patch.setattr(check, name, pytest.fail)
        assert results(diagnose(check)) == {'credentials': PASS, **of_region()}
    assert len(check.check_initializations) == len(undiagnosed.check_initializations), 'the first run is still one'
    assert world.poll(check) == ['ListTrainingJobs', 'DescribeTrainingJob', 'GetResources']
    assert world.values('jobs.open') == [1]


def test_the_polls_of_an_instance_are_not_disturbed(world: World) -> None:
    """Neither those before and after, nor one that is under way in another thread."""
    sent: dict[bool, list[Any]] = {False: [], True: []}
    for is_diagnosed, polls in sent.items():
        clock = SimulatedClock(NOW)
        world.agent.reset()
        with SimulatedAws(clock) as aws, ThreadPoolExecutor(1) as executor:
            aws.put(answer())
            polling = replace(world, aws=aws, clock=clock)
            check = polling.check()
            for after in (0, 60, 60, 300):
                operations = polling.poll(check, after)
                polls.append(
                    (operations, *map(polling.values, ('api.requests', 'jobs.open')), set(polling.resources()))
                )
                if is_diagnosed:
                    assert results(diagnose(check)) == {'credentials': PASS, **of_region()}
            clock.advance(60)
            polling.aggregator.reset()
            poll = executor.submit(polling.run, check)
            if is_diagnosed:
                assert results(diagnose(check)) == {'credentials': PASS, **of_region()}
            poll.result()
            polls.append((polling.values('api.requests'), polling.values('jobs.open')))
    assert sent[True] == sent[False]


@pytest.mark.parametrize(('kind', 'remedy'), [(Denied, 'Allow `tag:GetResources` in the IAM policy'), (AwsError, '')])
def test_reason_and_remedy_make_the_error(kind: type[AwsError], remedy: str) -> None:
    error = kind('GetResources', 'Code', 'a message.')
    assert error.reason == 'GetResources: Code: a message.'
    assert error.remedy.startswith(remedy)
    assert str(error) == f'{error.reason} {error.remedy}'.rstrip()
