# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""From the options of an instance to its clients: regions, profiles, proxies, and what botocore takes."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from datadog_checks.base import ConfigurationError
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.aws import Account
from datadog_checks.sagemaker_training.aws.errors import (
    BadCredentials,
    NoAnswer,
)
from tools.aws.clock import SimulatedClock

from .builders import ACCOUNT, NOW, REGION, account, credentials


def test_regions_default_to_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AWS_DEFAULT_REGION', 'eu-north-1')
    assert [region.name for region in account(regions=None).regions] == ['eu-north-1']


def test_no_region_anywhere_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match='`regions`.*AWS_DEFAULT_REGION'):
        account(regions=None)


def test_a_region_that_does_not_exist_is_a_configuration_error_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match='`regions`') as error:
        account(regions=['us-esat-1', 'eu-west-1', 'cn-nroth-1', 'xx-qqqqqqqq-1'])
    for told in (
        "'us-esat-1' (do you mean 'us-east-1'?)",
        "'cn-nroth-1' (do you mean 'cn-north-1'?)",
        "'xx-qqqqqqqq-1'",
    ):
        assert told in str(error.value)
    assert "'eu-west-1'" not in str(error.value)


def test_a_region_of_the_environment_that_does_not_exist_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AWS_DEFAULT_REGION', 'eu-wset-1')
    with pytest.raises(ConfigurationError, match=r"the environment.*'eu-wset-1' \(do you mean 'eu-west-1'"):
        account(regions=None)


def test_an_endpoint_of_its_own_may_have_any_region() -> None:
    [region] = account(regions=['us-esat-1'], endpoint_url='http://localhost:5000').regions
    assert region.name == 'us-esat-1'


def test_every_region_of_every_partition_is_known() -> None:
    session = Session()
    regions = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions('sagemaker', partition)
    ]
    assert [region.name for region in account(regions=regions).regions] == regions


def test_an_unknown_profile_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match='`aws_profile`.*nobody'):
        account(aws_access_key_id=None, aws_secret_access_key=None, aws_profile='nobody')


@pytest.mark.parametrize(
    ('profile', 'expected', 'says'),
    [
        ('aws_access_key_id = A', BadCredentials, 'PartialCredentialsError'),
        ('credential_process = false', BadCredentials, 'CredentialRetrievalError'),
        ('credential_process = /no/such/helper', BadCredentials, 'FileNotFoundError: .*/no/such/helper'),
        ('credential_process = echo not-json', BadCredentials, 'JSONDecodeError'),
        ('credential_process = echo []', BadCredentials, 'AttributeError'),
        ('source_profile = nobody\nrole_arn = arn:aws:iam::123456789012:role/x', BadCredentials, 'nobody'),
        ('no setting', ConfigurationError, 'AWS configuration files'),
    ],
)
def test_a_profile_without_usable_credentials_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, expected: type[Exception], says: str
) -> None:
    path = tmp_path / 'config'
    path.write_text(f'[profile ml]\n{profile}\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    with pytest.raises(expected, match=says):
        account(aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')


def test_a_profile_gives_credentials_and_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / 'config'
    path.write_text('[profile ml]\nregion = eu-west-3\naws_access_key_id = A\naws_secret_access_key = B\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    profile = account(regions=None, aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
    assert [region.name for region in profile.regions] == ['eu-west-3']


def test_no_credentials_anywhere_are_bad_credentials() -> None:
    with pytest.raises(BadCredentials, match='no credentials'):
        account(aws_access_key_id=None, aws_secret_access_key=None)


@pytest.mark.parametrize(
    ('boto_config', 'says'),
    [
        ({'no_such_option': 1}, 'no_such_option'),
        ({'retries': {'mode': 'never'}}, 'never'),
        ({'read_timeout': 0}, 'timeout'),
        ({'read_timeout': -1}, 'timeout'),
        ({'connect_timeout': 'x'}, 'Timeout'),
        ({'request_min_compression_size_bytes': 'x'}, 'request_min_compression_size_bytes'),
        ({'proxies': 'http://proxy:3128'}, 'proxies must be a mapping'),
        ({'proxies': ['http://proxy:3128']}, 'proxies must be a mapping'),
        ({'signature_version': 'zz'}, 'Signature Version: zz'),
        ({'signature_version': ['v4']}, 'Signature Version'),
    ],
)
def test_an_option_botocore_does_not_take_is_a_configuration_error(boto_config: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=f'`boto_config`.*{says}'):
        account(boto_config=boto_config)


def client_config(options: Account) -> Any:
    return options.regions[0]._sagemaker.meta.config


def test_boto_config_wins_over_the_checks_own() -> None:
    config = client_config(account(boto_config={'read_timeout': 3, 'retries': {'total_max_attempts': 1}}))
    assert config.read_timeout == 3
    assert config.retries['total_max_attempts'] == 1
    assert config.connect_timeout == 5


def test_the_pool_is_as_large_as_the_concurrency() -> None:
    assert client_config(account(max_concurrency=17)).max_pool_connections == 17


@pytest.mark.parametrize(
    ('proxy', 'options', 'expected'),
    [
        ({'https': 'http://proxy:3128', 'no': []}, {}, {'https': 'http://proxy:3128'}),
        ({'https': 'http://proxy:3128', 'no': ['.amazonaws.com']}, {}, None),
        (
            {'https': 'http://proxy:3128', 'no': []},
            {'boto_config': {'proxies': {'https': 'http://own:1'}}},
            {'https': 'http://own:1'},
        ),
        ({'http': None, 'https': None, 'no': []}, {}, None),
    ],
)
def test_the_agents_proxy_is_the_default(
    proxy: dict[str, Any], options: dict[str, Any], expected: dict[str, str] | None
) -> None:
    check = SagemakerTrainingCheck('sagemaker_training', {}, [credentials() | {'regions': [REGION]} | options])
    check.load_configuration_models()
    assert client_config(Account(check.config, proxy, SimulatedClock(NOW))).proxies == expected


def test_the_proxy_is_also_that_of_assuming_the_role() -> None:
    with closing(socket.create_server(('127.0.0.1', 0))) as proxy:
        proxy.settimeout(10)
        options = {
            'assume_role_arn': f'arn:aws:iam::{ACCOUNT}:role/datadog',
            'boto_config': {'retries': {'total_max_attempts': 1}, 'read_timeout': 1},
        }
        check = SagemakerTrainingCheck('sagemaker_training', {}, [credentials() | {'regions': [REGION]} | options])
        check.load_configuration_models()
        url = f'http://127.0.0.1:{proxy.getsockname()[1]}'
        with_proxy = Account(check.config, {'https': url, 'no': []}, SimulatedClock(NOW))
        with ThreadPoolExecutor(1) as executor:
            listing = executor.submit(next, with_proxy.regions[0].list_training_jobs())
            connection, _ = proxy.accept()
            with connection:
                assert connection.recv(100).startswith(b'CONNECT sts.')
            with pytest.raises(NoAnswer, match='^Authentication: .*sts') as error:
                listing.result()
            assert 'ListTrainingJobs' not in str(error.value), 'it was not even tried'


ROLE_OF_PROFILE = f"""
[profile keys]
aws_access_key_id = A
aws_secret_access_key = B
[profile ml]
source_profile = keys
role_arn = arn:aws:iam::{ACCOUNT}:role/datadog
"""
SERVICE_ACCOUNT = f"""
[profile ml]
web_identity_token_file = {__file__}
role_arn = arn:aws:iam::{ACCOUNT}:role/datadog
"""


@pytest.mark.parametrize(
    ('profile', 'polled', 'host'),
    [
        (ROLE_OF_PROFILE, 'eu-west-1', 'sts.eu-west-1.amazonaws.com'),
        (ROLE_OF_PROFILE, 'cn-north-1', 'sts.cn-north-1.amazonaws.com.cn'),
        (SERVICE_ACCOUNT, 'eu-west-1', 'sts.eu-west-1.amazonaws.com'),
        (SERVICE_ACCOUNT, 'us-gov-west-1', 'sts.us-gov-west-1.amazonaws.com'),
        (ROLE_OF_PROFILE + 'region = eu-central-1', 'ap-east-1', 'sts.eu-central-1.amazonaws.com'),
        (ROLE_OF_PROFILE + 'region = eu-central-1', 'cn-north-1', 'sts.cn-north-1.amazonaws.com.cn'),
        (ROLE_OF_PROFILE + 'region = moon', 'eu-west-1', 'sts.eu-west-1.amazonaws.com'),
    ],
    ids=['role', 'role-china', 'token', 'token-gov', 'own-region', 'own-region-elsewhere', 'no-region'],
)
def test_the_role_of_a_profile_is_asked_for_in_its_own_region_or_in_the_instances(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, polled: str, host: str
) -> None:
    """Of the profile's, where that is of the same partition; never at the global STS, which is of one partition."""
    path = tmp_path / 'config'
    path.write_text(profile)
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    monkeypatch.setenv('AWS_MAX_ATTEMPTS', '1')
    with closing(socket.create_server(('127.0.0.1', 0))) as proxy:
        proxy.settimeout(10)
        monkeypatch.setenv('https_proxy', f'http://127.0.0.1:{proxy.getsockname()[1]}')
        monkeypatch.setenv('no_proxy', '')
        with_role = account(regions=[polled], aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
        with ThreadPoolExecutor(1) as executor:
            listing = executor.submit(next, with_role.regions[0].list_training_jobs())
            connection, _ = proxy.accept()
            with connection:
                assert connection.recv(100).startswith(f'CONNECT {host}:443 '.encode())
            with pytest.raises(NoAnswer, match='^Authentication: '):
                listing.result()
