# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The errors of the first minutes at a terminal, as real botocore raises them: in one line, with what to do there."""

import json
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import botocore.exceptions
import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from datadog_checks.base.stubs.aggregator import AggregatorStub
from datadog_checks.sagemaker_training.aws import errors
from datadog_checks.sagemaker_training.aws.border import authenticate
from datadog_checks.sagemaker_training.config_models.instance import InstanceConfig
from datadog_checks.sagemaker_training.scrub import Scrubber
from tools.aws.clock import SimulatedClock
from tools.aws.server import SimulatedAws
from tools.demo.__main__ import main
from tools.demo.advice import at_a_terminal, unknown_region

from .builders import NOW, REGION

START_URL = 'https://example.awsapps.com/start'
PROFILES = f"""
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader

[sso-session corp]
sso_start_url = {START_URL}
sso_region = us-east-1

[profile legacy]
sso_start_url = {START_URL}
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Reader

[profile orphan]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = nobody
"""


@pytest.fixture(autouse=True)
def _process(aggregator: AggregatorStub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where `aws sso login` leaves its tokens, beside a configuration with some profiles."""
    folder = tmp_path / 'cache'
    folder.mkdir()
    for provider in (SSOProvider, SSOTokenProvider):
        monkeypatch.setattr(provider, '_SSO_TOKEN_CACHE_DIR', str(folder))
    config = tmp_path / 'config'
    config.write_text(PROFILES)
    monkeypatch.setenv('AWS_CONFIG_FILE', str(config))
    return folder


def leave_expired_tokens(cache: Path) -> None:
    token = {'startUrl': START_URL, 'region': REGION, 'accessToken': 'over', 'expiresAt': '2020-01-01T00:00:00Z'}
    for key in ('corp', START_URL):
        (cache / f'{sha1(key.encode()).hexdigest()}.json').write_text(json.dumps(token))


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(['--dry-run', REGION, *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert_is_for_a_terminal(line)
    return line


def assert_is_for_a_terminal(text: str) -> None:
    assert [name for name in InstanceConfig.model_fields if f'`{name}`' in text] == []
    assert 'this instance' not in text
    assert 'Agent' not in text
    assert '<redacted>' not in text


@pytest.mark.parametrize('is_expired', [False, True], ids=['missing', 'expired'])
@pytest.mark.parametrize('profile', ['sso', 'legacy'])
@pytest.mark.parametrize('is_option', [False, True], ids=['AWS_PROFILE', '--profile'])
def test_without_a_session_of_sso_the_login_is_named_with_the_profile(
    is_option: bool,
    profile: str,
    is_expired: bool,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_expired:
        leave_expired_tokens(cache)
    if not is_option:
        monkeypatch.setenv('AWS_PROFILE', profile)
    line = refusal(capsys, *(['--profile', profile] if is_option else []))
    assert f'`aws sso login --profile {profile}`' in line
    for word in ('AWS_PROFILE', '`--profile NAME`', 'here are sso, legacy, orphan'):
        assert word in line
    assert ('expired' if is_expired else 'does not exist') in line, 'in the words of the AWS SDK'


WORDS = "Unable to load a existing login session for session corp. Please reauthenticate with 'aws login'"


@pytest.mark.parametrize('name', ['LoginTokenLoadError', 'SSOTokenLoadError'])
def test_what_the_sdk_says_of_a_token_is_not_taken_for_one(name: str) -> None:
    """As it is raised where the AWS SDK has what `aws login` needs: the common runtime, which an Agent has not."""
    raised = getattr(botocore.exceptions, name)

    def load() -> None:
        raise raised(error_msg=WORDS)

    with pytest.raises(errors.BadCredentials) as error:
        authenticate(load)
    line = at_a_terminal(Scrubber().text(str(error.value)), 'person')
    assert f'Authentication: {name}: {WORDS}.' in line
    assert 'login --profile person`' in line
    assert_is_for_a_terminal(line)


@pytest.mark.parametrize('code', ['ExpiredTokenException', 'UnrecognizedClientException'])
def test_keys_that_are_refused_name_the_ways_to_others(
    code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedAws(SimulatedClock(NOW)) as aws:
        aws.fail(code, 'The security token included in the request is expired', operation='ListTrainingJobs')
        for name, value in (('ENDPOINT_URL', aws.endpoint_url), ('ACCESS_KEY_ID', 'a'), ('SECRET_ACCESS_KEY', 'b')):
            monkeypatch.setenv(f'AWS_{name}', value)
        line = refusal(capsys)
    for word in (f'{code}: The security token included', '`aws sso login`', 'AWS_PROFILE', '`--profile NAME`'):
        assert word in line


def test_a_profile_that_is_not_there_names_those_that_are(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'here are sso, legacy, orphan' in refusal(capsys, '--profile', 'ssso')


def test_a_profile_that_is_not_well_says_so_in_the_words_of_the_sdk(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, '--profile', 'orphan')
    assert 'The source_profile "nobody" referenced in the profile "orphan" does not exist' in line


def test_without_a_network_it_is_the_machines_that_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedAws(SimulatedClock(NOW)) as aws:
        gone = aws.endpoint_url
    for name, value in (('ENDPOINT_URL', gone), ('ACCESS_KEY_ID', 'a'), ('SECRET_ACCESS_KEY', 'b')):
        monkeypatch.setenv(f'AWS_{name}', value)
    line = refusal(capsys)
    assert 'EndpointConnectionError' in line
    assert 'HTTPS_PROXY' in line


@pytest.mark.parametrize(
    ('name', 'nearest'),
    [
        ('us-east1', 'us-east-1'),
        ('us-east-1a', 'us-east-1'),
        ('US-EAST-1', 'us-east-1'),
        ('us-esat-1', 'us-east-1'),
        ('eu-north-9', 'eu-north-1'),
        ('Frankfurt', 'eu-central-1'),
        ('virginia', 'us-east-1'),
        ('cn-beijing', 'cn-north-1'),
    ],
)
def test_an_unknown_region_names_the_nearest_one(name: str, nearest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--dry-run', name]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert repr(name) in line
    assert nearest in line


def test_a_region_that_is_known_is_none_and_what_is_like_none_gets_an_example() -> None:
    assert unknown_region(REGION) is None
    assert 'such as us-east-1' in str(unknown_region('!'))


def kinds(kind: type[errors.AwsError]) -> Iterator[type[errors.AwsError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from kinds(each)


@pytest.mark.parametrize('kind', kinds(errors.AwsError))
@pytest.mark.parametrize('code', ['Any', *errors.REMEDIES])
def test_no_error_that_a_person_can_meet_speaks_of_an_agents_options(kind: type[errors.AwsError], code: str) -> None:
    """A service account of Kubernetes is no person's."""
    if not issubclass(kind, errors.IdentityNotTrusted):
        told = at_a_terminal(f'No region could be read. {REGION}: {kind("AssumeRole", code, "No")}')
        assert_is_for_a_terminal(told)
        assert '{' not in told
