# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Roles, service accounts, profiles and processes that bring no credentials, or not always."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest
from werkzeug.wrappers import Response

from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.calls import Fault, Scope

from .builders import NOW, REGION
from .lives import BEGIN, CREDENTIALS, END, LAST, OTHER, assert_each_fact_once, connection, lives, poll, start
from .world import MINE, ROLE, ShortLivedRoles, World


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
def test_a_role_that_is_refused_for_minutes(world: World, restarts: bool) -> None:
    roles: dict[str, str | None] = {ROLE: 'mine'}
    with ShortLivedRoles(world.clock, lives(), roles=roles) as aws:
        world = replace(world, aws=aws)
        check = start(world, **MINE)
        for minute in range(LAST + 1):
            is_refused = BEGIN <= minute < END
            roles[ROLE] = 'of another' if is_refused else 'mine'
            if restarts and minute in (BEGIN + 2, END):
                check = start(world, **MINE)
            error = poll(world, check, minute)
            assert ('No region could be read' in error) == is_refused
            for message in (error, connection(world).message) if is_refused else ():
                assert 'AssumeRole: AccessDenied' in message
                assert 'Check `assume_role_arn` and `assume_role_external_id`' in message
            assert connection(world).status == (check.CRITICAL if is_refused else check.OK)
    assert_each_fact_once(world, lives(), 'team:nlp')


class Passing(NamedTuple):
    """A fault of STS that is no refusal."""

    code: str
    status: int
    message: str = 'Simulated.'


PASSING = [
    Passing('Throttling', 400, 'Rate exceeded'),
    Passing('InternalFailure', 500),
    Passing('ServiceUnavailable', 503),
    Passing('IDPCommunicationError', 400),
]


@pytest.mark.parametrize('fault', PASSING[:-1], ids=str)
def test_a_passing_fault_of_sts_is_not_told_as_a_role_that_is_refused(world: World, fault: Passing) -> None:
    with ShortLivedRoles(world.clock, lives()) as aws:
        world = replace(world, aws=aws)
        check = start(world, **MINE)
        for minute in range(LAST + 1):
            is_struck = BEGIN <= minute < END
            with aws.fail(*fault_error(fault), operation='AssumeRole', times=None if is_struck else 0):
                error = poll(world, check, minute)
            for message in (error, connection(world).message) if is_struck else ():
                assert_is_passing(message, 'AssumeRole', fault)
            assert connection(world).status == (check.CRITICAL if is_struck else check.OK)
    assert_each_fact_once(world, lives(), 'team:nlp')


def fault_error(fault: Passing) -> tuple[str, str, int]:
    return fault.code, fault.message, fault.status


def assert_is_passing(message: str, operation: str, fault: Passing) -> None:
    assert f'{operation}: {fault.code}: ' in message
    assert 'AWS STS' in message
    assert 'the next poll tries again' in message
    for wrong in ('trust policy', 'assume_role_arn', 'list_requests_per_second'):
        assert wrong not in message


class Cluster(ShortLivedRoles):
    """Also lets a service account of EKS, which has no key to sign with, assume roles."""

    def respond(self, headers: Message, body: bytes) -> tuple[Response, Fault | None]:
        if 'Authorization' not in headers:
            headers['Authorization'] = f'AWS4-HMAC-SHA256 Credential=none/20261123/{REGION}/sts/aws4_request'
        return super().respond(headers, body)


class ServiceAccount(NamedTuple):
    """A world where the Agent's credentials are a token that Kubernetes keeps in a file."""

    world: World
    token: Path

    def check(self) -> SagemakerTrainingCheck:
        return start(self.world, aws_access_key_id=None, aws_secret_access_key=None)


@pytest.fixture
def service_account(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceAccount]:
    token = tmp_path / 'token'
    token.write_text('signed-by-kubernetes')
    with Cluster(world.clock, lives()) as aws:
        monkeypatch.setenv('AWS_ENDPOINT_URL_STS', aws.endpoint_url)
        monkeypatch.setenv('AWS_DEFAULT_REGION', REGION)
        monkeypatch.setenv('AWS_ROLE_ARN', ROLE)
        monkeypatch.setenv('AWS_WEB_IDENTITY_TOKEN_FILE', str(token))
        yield ServiceAccount(replace(world, aws=aws), token)


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('spared', [0, 1], ids=['list', 'describe'])
def test_a_service_account_that_is_refused_for_minutes(
    service_account: ServiceAccount, spared: int, restarts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world, _ = service_account
    check = service_account.check()
    for minute in range(LAST + 1):
        if restarts and minute in (BEGIN + 2, END):
            check = service_account.check()
        scope = Scope(operation='AssumeRoleWithWebIdentity', spared=spared, times=None if BEGIN <= minute < END else 0)
        caplog.clear()
        with world.aws.fail('AccessDenied', 'Not authorized to perform it', 403, **scope):
            poll(world, check, minute)
        is_blind = BEGIN <= minute < END and not spared
        assert connection(world).status == (check.CRITICAL if is_blind else check.OK) or spared
        if BEGIN < minute < END:
            message = connection(world).message if is_blind else caplog.text
            assert 'AssumeRoleWithWebIdentity: AccessDenied' in message
            assert 'its trust policy allows `sts:AssumeRoleWithWebIdentity`' in message
            assert 'Jobs not described' not in message, 'it is not about the jobs'
    assert_each_fact_once(world, lives(), 'team:nlp')


@pytest.mark.parametrize('fault', PASSING, ids=str)
def test_a_passing_fault_of_sts_is_not_told_as_a_service_account_that_is_refused(
    service_account: ServiceAccount, fault: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('AWS_MAX_ATTEMPTS', '1')  # of botocore's own client, which would wait for seconds
    world, _ = service_account
    check = service_account.check()
    with world.aws.fail(*fault_error(fault), operation='AssumeRoleWithWebIdentity'):
        error = poll(world, check, 0)
    for message in (error, connection(world).message):
        assert_is_passing(message, 'AssumeRoleWithWebIdentity', fault)
    assert poll(world, check, 1) == ''
    assert connection(world).status == check.OK


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
def test_a_token_file_that_is_away_for_minutes(service_account: ServiceAccount, restarts: bool) -> None:
    world, token = service_account
    check = service_account.check()
    for minute in range(LAST + 1):
        is_away = BEGIN <= minute < END
        token.unlink(missing_ok=True) if is_away else token.write_text('signed-by-kubernetes')
        if restarts and minute in (BEGIN + 2, END):
            check = service_account.check()
        poll(world, check, minute)
        assert connection(world).status == (check.CRITICAL if is_away else check.OK)
        if is_away:
            assert 'Authentication: FileNotFoundError' in connection(world).message
            assert str(token) in connection(world).message
            assert CREDENTIALS in connection(world).message
    assert_each_fact_once(world, lives(), 'team:nlp')


@pytest.mark.parametrize('near', [REGION, OTHER])
def test_what_is_asked_of_sts_is_counted_also_in_a_region_that_is_not_polled(
    service_account: ServiceAccount, near: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('AWS_DEFAULT_REGION', near)
    world, _ = service_account
    poll(world, service_account.check(), 0)
    counted = sum(world.values('api.requests', 'operation:AssumeRoleWithWebIdentity'))
    assert counted == world.aws.count('AssumeRoleWithWebIdentity') > 0


SSO_SESSION = """
sso_session = ours
sso_account_id = 123456789012
sso_role_name = datadog
[sso-session ours]
sso_start_url = https://example.com
sso_region = us-east-1
"""


@pytest.mark.parametrize(
    ('profile', 'cause', 'remedy'),
    [
        ('credential_process = /no/such/helper', 'FileNotFoundError', CREDENTIALS),
        ('credential_process = echo not-json', 'JSONDecodeError', CREDENTIALS),
        ('credential_process = false', 'CredentialRetrievalError', CREDENTIALS),
        (f'role_arn = {ROLE}\nsource_profile = nobody', 'InvalidConfigError', CREDENTIALS),
        (SSO_SESSION, 'SSOTokenLoadError', '`aws sso login` with the profile, as the user that the Agent runs as'),
    ],
)
def test_a_profile_that_brings_no_credentials(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str, cause: str, remedy: str
) -> None:
    path = tmp_path / 'config'
    path.write_text(f'[profile ml]\n{profile}\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    check = start(world, aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
    error = poll(world, check, 0)
    for message in (error, connection(world).message):
        assert f'Authentication: {cause}: ' in message
        assert remedy in message
    assert connection(world).status == check.CRITICAL
    assert world.aws.calls == []


def test_the_role_of_a_profile_is_asked_for_in_the_region_that_is_polled(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'config'
    path.write_text(
        '[profile keys]\naws_access_key_id = test\naws_secret_access_key = test\n'
        f'[profile ml]\nsource_profile = keys\nrole_arn = {ROLE}\n'
    )
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    monkeypatch.setenv('AWS_ENDPOINT_URL_STS', world.aws.endpoint_url)
    check = start(world, regions=[OTHER], aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
    assert poll(world, check, 0) == ''
    assert world.aws.count('AssumeRole', region=OTHER) == world.aws.count('AssumeRole') == 1


def test_a_credential_process_that_fails_later(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its credentials are renewed at every call, and then it prints something else."""
    soon = (datetime.now(NOW.tzinfo) + timedelta(minutes=5)).isoformat()
    keys = {'Version': 1, 'AccessKeyId': 'test', 'SecretAccessKey': 'test', 'SessionToken': 't', 'Expiration': soon}
    printed, config = tmp_path / 'printed', tmp_path / 'config'
    config.write_text(f'[profile ml]\ncredential_process = cat {printed}\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(config))
    printed.write_text(json.dumps(keys))
    world.aws.add(lives())
    check = start(world, aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
    for minute in range(LAST + 1):
        is_failing = BEGIN <= minute < END
        printed.write_text('hunter2' if is_failing else json.dumps(keys))
        poll(world, check, minute)
        assert connection(world).status == (check.CRITICAL if is_failing else check.OK)
        if is_failing:
            assert 'Authentication: JSONDecodeError: ' in connection(world).message
            assert CREDENTIALS in connection(world).message
            assert 'hunter2' not in connection(world).message
    assert_each_fact_once(world, lives(), 'team:nlp')
