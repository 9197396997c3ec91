# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import Session
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

from datadog_checks.base import ConfigurationError
from datadog_checks.base.stubs import datadog_agent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.config_models.instance import SECURE_FIELD_NAMES, InstanceConfig
from datadog_checks.sagemaker_training.config_models.names import OF_THE_AGENT
from datadog_checks.sagemaker_training.config_models.validators import EXCLUDES, NEEDS, REGION

PACKAGE = Path(__file__).parent.parent / 'datadog_checks' / 'sagemaker_training'
EXAMPLE = (PACKAGE / 'data' / 'conf.yaml.example').read_text()
# An option of the example: its name, and its lines up to the empty one.
OPTION = re.compile(r'^ {4}## @param (\w+) .*\n(?: {4}##.*\n)* {4}#\n((?: {4}.+\n)+)', re.MULTILINE)

KEYS = {'aws_access_key_id': 'AKIDSECRET', 'aws_secret_access_key': 'hunter2SECRET'}
ROLE = {'assume_role_arn': 'arn:aws:iam::123456789012:role/datadog'}


def load(instance: Mapping[str, Any], provider: str = 'file') -> InstanceConfig:
    check = SagemakerTrainingCheck('sagemaker_training', {}, [dict(instance)])
    check.provider = provider
    check.load_configuration_models()
    return check.config


def example_options() -> dict[str, Any]:
    """The instance options of the example configuration, those that are commented out included."""
    instances = EXAMPLE.partition('\ninstances:\n')[2]
    options: dict[str, Any] = {}
    for _, lines in OPTION.findall(instances):
        options |= yaml.safe_load(re.sub('^( {4})# ', r'\1', lines, flags=re.MULTILINE))
    return options


EXAMPLES = example_options()


@pytest.fixture
def _distrust(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Agent that lets only its own configuration files set sensitive options."""
    monkeypatch.setitem(datadog_agent._config, 'integration_ignore_untrusted_file_params', True)
    monkeypatch.setitem(datadog_agent._config, 'integration_trusted_providers', ['file'])


def test_defaults() -> None:
    assert load({}).model_dump() == {
        'regions': None,
        'aws_profile': None,
        'aws_access_key_id': None,
        'aws_secret_access_key': None,
        'aws_session_token': None,
        'assume_role_arn': None,
        'assume_role_external_id': None,
        'assume_role_session_name': 'datadog-sagemaker-training',
        'endpoint_url': None,
        'boto_config': None,
        'name_include': None,
        'name_exclude': None,
        'history_hours': 24,
        'job_metrics_hours': 1,
        'open_job_refresh_seconds': 300,
        'resource_refresh_seconds': 3600,
        'collect_job_metrics': True,
        'collect_resources': True,
        'collect_events': True,
        'collect_resource_tags': True,
        'collect_transition_logs': False,
        'resource_tags_as_metric_tags': ('*',),
        'event_on': ('failed', 'stopped', 'interrupted'),
        'list_requests_per_second': 1,
        'describe_requests_per_second': 10,
        'max_concurrency': 8,
        'collect_environment_values': False,
        'resource_fields_exclude': None,
        'sensitive_patterns': None,
        'job_family_patterns': None,
        'job_family_tag': None,
        'estimate_cost': False,
        'instance_prices': None,
        'price_discount_percent': 0,
        # What the Agent does where these are not set; it does not ask the check.
        'min_collection_interval': 15,
        'empty_default_hostname': False,
        'disable_generic_tags': False,
        'enable_legacy_tags_normalization': True,
        'metric_patterns': None,
        'service': None,
        'tags': None,
    }


def test_an_option_left_empty_has_its_default() -> None:
    of_the_agent = {'metric_patterns'}

    assert load(dict.fromkeys(EXAMPLES.keys() - of_the_agent)) == load({})


def test_the_example_configuration_is_valid_as_it_is() -> None:
    [instance] = yaml.safe_load(EXAMPLE)['instances']

    assert instance == {'empty_default_hostname': True, 'min_collection_interval': 60}
    assert load(instance).min_collection_interval == 60


def test_the_example_configuration_shows_every_option() -> None:
    hidden = {'disable_generic_tags', 'enable_legacy_tags_normalization'}

    assert EXAMPLES.keys() == InstanceConfig.model_fields.keys() - hidden


@pytest.mark.parametrize('option', EXAMPLES)
def test_each_example_is_valid_with_no_more_than_it_needs(option: str) -> None:
    load({name: EXAMPLES[name] for name in (option, *NEEDS.get(option, ()))})


@pytest.mark.parametrize('left_out', [EXCLUDES, [*NEEDS['aws_session_token'], 'aws_session_token']])
def test_all_options_together_are_valid(left_out: list[str]) -> None:
    instance = {option: value for option, value in EXAMPLES.items() if option not in left_out}
    config = load(instance).model_dump()

    for option in ('regions', 'name_include', 'event_on'):
        assert config[option] == tuple(instance[option])
    assert config['boto_config']['proxies']['https'] == instance['boto_config']['proxies']['https']


@pytest.mark.parametrize(
    'instance',
    [
        KEYS,
        {**KEYS, 'aws_session_token': 'x/y+z=='},
        {**KEYS, **ROLE, 'assume_role_external_id': 'Team:a/b', 'assume_role_session_name': 'me@example.com'},
        {'aws_profile': 'two words', **ROLE},
        {'assume_role_arn': 'arn:aws-us-gov:iam::123456789012:role/path/to/role'},
        {'assume_role_arn': 'arn:aws-cn:iam::123456789012:role/Role+=,.@-_'},
        {'assume_role_arn': 'arn:aws-iso-b:iam::123456789012:role/a'},
        {'endpoint_url': 'https://vpce-0a1b.api.sagemaker.us-east-1.vpce.amazonaws.com'},
        {'endpoint_url': 'http://[::1]:5000/path'},
        {'history_hours': 0, 'job_metrics_hours': 0},
        {'history_hours': 720, 'max_concurrency': 64, 'list_requests_per_second': 2},
        {'list_requests_per_second': 0.1, 'describe_requests_per_second': 0.1},
        {'history_hours': 0.5, 'max_concurrency': '8'},
        {'min_collection_interval': 60.0, 'empty_default_hostname': True},
        {'min_collection_interval': 10, 'list_requests_per_second': 0.1},
        {'min_collection_interval': 2, 'list_requests_per_second': 0.5},
        {'min_collection_interval': 1},
        {'region': None, 'name': 'ml', 'namespace': 'ml', 'no_index': False, 'loader': 'python'},
        {'instance_prices': {'ml.trn1n.32xlarge': 12, 'ml.p4d.24xlarge': 0}},
        {'instance_prices': {}, 'estimate_cost': True, 'price_discount_percent': 100},
        {'event_on': [], 'resource_tags_as_metric_tags': [], 'name_include': [], 'sensitive_patterns': []},
        {'name_include': ['(?i)^prod', '.*'], 'name_exclude': [r'\d{8}$']},
    ],
)
def test_valid(instance: dict[str, Any]) -> None:
    load(instance)


BAD_OPTIONS = [
    ('regions', []),
    ('regions', 'us-east-1'),
    ('regions', ['']),
    ('regions', ['us-east-1 ']),
    ('regions', ['us-east-1a']),
    ('regions', ['US-EAST-1']),
    ('regions', ['virginia']),
    ('regions', ['*']),
    ('regions', [1]),
    ('regions', ['us-east-1', 'eu-west-1', 'us-east-1']),
    ('aws_profile', ''),
    ('aws_profile', ' '),
    ('aws_profile', 1),
    ('assume_role_arn', ''),
    ('assume_role_arn', 'datadog'),
    ('assume_role_arn', 'arn:aws:iam::123456789012:user/datadog'),
    ('assume_role_arn', 'arn:aws:iam::1234:role/datadog'),
    ('assume_role_arn', 'arn:aws:sts::123456789012:assumed-role/datadog/session'),
    ('assume_role_arn', 'arn:aws:iam::123456789012:role/'),
    ('assume_role_arn', 'arn:aws:iam::123456789012:role/datadog\n'),
    ('endpoint_url', ''),
    ('endpoint_url', 'localhost:5000'),
    ('endpoint_url', 'ftp://localhost'),
    ('endpoint_url', 'https://'),
    ('endpoint_url', 'http://localhost:port'),
    ('endpoint_url', 'http://localhost:99999'),
    ('endpoint_url', 'http://local_stack:4566'),
    ('endpoint_url', 'http://[::1'),
    ('endpoint_url', 'http://local host'),
    ('endpoint_url', 'http://user:SECRET@localhost'),
    ('boto_config', 'use_fips_endpoint'),
    ('boto_config', ['use_fips_endpoint']),
    ('name_include', ['[']),
    ('name_include', '^prod-'),
    ('name_include', ['']),
    ('name_exclude', ['ok', '*-test']),
    ('name_exclude', ['a{99999999999999999999}']),
    ('resource_fields_exclude', ['enviroment']),
    ('sensitive_patterns', ['(unclosed']),
    ('sensitive_patterns', ['x', 'y', '']),
    ('job_family_patterns', ['(unclosed']),
    ('job_family_patterns', ['^prod-']),
    ('job_family_patterns', ['(?:prod)-.*']),
    ('job_family_patterns', ['']),
    ('job_family_patterns', '(.*)-run'),
    ('job_family_tag', ''),
    ('job_family_tag', ' '),
    ('job_family_tag', ['pipeline']),
    ('estimate_cost', 'perhaps'),
    ('instance_prices', 1.5),
    ('instance_prices', ['ml.g5.2xlarge']),
    ('instance_prices', {'g5.2xlarge': 1.5}),
    ('instance_prices', {'ml.g5.2xlarge ': 1.5}),
    ('instance_prices', {'ML.G5.2XLARGE': 1.5}),
    ('instance_prices', {'ml.g5.2xlarge-hosting': 1.5}),
    ('instance_prices', {1: 1.5}),
    ('instance_prices', {'ml.g5.2xlarge': -0.1}),
    ('instance_prices', {'ml.g5.2xlarge': float('nan')}),
    ('instance_prices', {'ml.g5.2xlarge': float('inf')}),
    ('instance_prices', {'ml.g5.2xlarge': True}),
    ('instance_prices', {'ml.g5.2xlarge': None}),
    ('instance_prices', {'ml.g5.2xlarge': '$1.5'}),
    ('price_discount_percent', -1),
    ('price_discount_percent', 100.5),
    ('price_discount_percent', float('nan')),
    ('price_discount_percent', '10 %'),
    ('event_on', ['failed', 'finished']),
    ('event_on', ['Failed']),
    ('event_on', 'failed'),
    ('resource_tags_as_metric_tags', '*'),
    ('resource_tags_as_metric_tags', [1]),
    ('history_hours', -1),
    ('history_hours', 720.1),
    ('history_hours', 'a day'),
    ('history_hours', float('nan')),
    ('job_metrics_hours', -0.1),
    ('job_metrics_hours', float('inf')),
    ('open_job_refresh_seconds', 0),
    ('open_job_refresh_seconds', float('inf')),
    ('resource_refresh_seconds', 0),
    ('resource_refresh_seconds', 1e300),
    ('list_requests_per_second', 0),
    ('list_requests_per_second', 0.05),
    ('list_requests_per_second', 2.1),
    ('describe_requests_per_second', 0),
    ('describe_requests_per_second', 0.01),
    ('describe_requests_per_second', float('inf')),
    ('max_concurrency', 0),
    ('max_concurrency', 65),
    ('max_concurrency', 1.5),
    ('min_collection_interval', 0),
    ('min_collection_interval', -60),
    ('min_collection_interval', 15.5),
    ('min_collection_interval', 0.5),
    ('min_collection_interval', '60'),
    ('min_collection_interval', True),
    ('min_collection_interval', float('nan')),
    ('min_collection_interval', float('inf')),
    ('min_collection_interval', 86401),
    ('empty_default_hostname', 'true'),
    ('empty_default_hostname', 1),
    ('collect_job_metrics', 'perhaps'),
    ('collect_resources', 2),
    ('collect_events', []),
    ('collect_resource_tags', 'x'),
    ('collect_transition_logs', 'x'),
    ('collect_environment_values', 'x'),
]


@pytest.mark.parametrize(('option', 'value'), BAD_OPTIONS)
def test_a_bad_value_is_an_error_that_names_the_option(option: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf'\b{option}\b') as error:
        load({option: value})
    assert 'SECRET' not in str(error.value)


@pytest.mark.parametrize(
    ('instance', 'named'),
    [
        ({'aws_access_key_id': 'AKIDSECRET'}, ['aws_access_key_id', 'aws_secret_access_key']),
        ({'aws_secret_access_key': 'hunter2SECRET'}, ['aws_secret_access_key', 'aws_access_key_id']),
        ({'aws_session_token': 'tokenSECRET'}, ['aws_session_token', 'aws_access_key_id', 'aws_secret_access_key']),
        ({**KEYS, 'aws_profile': 'default'}, ['aws_profile', 'aws_access_key_id']),
        ({**KEYS, 'aws_access_key_id': 'AKID SECRET'}, ['aws_access_key_id']),
        ({**KEYS, 'aws_secret_access_key': ''}, ['aws_secret_access_key']),
        ({**KEYS, 'aws_secret_access_key': 'hunter2SECRET\n'}, ['aws_secret_access_key']),
        ({**KEYS, 'aws_session_token': ['tokenSECRET']}, ['aws_session_token']),
        ({'aws_secret_access_key': 53147}, ['aws_secret_access_key']),
        ({'assume_role_external_id': 'idSECRET'}, ['assume_role_external_id', 'assume_role_arn']),
        ({'assume_role_session_name': 'me'}, ['assume_role_session_name', 'assume_role_arn']),
        ({**ROLE, 'assume_role_external_id': 'idSECRET!'}, ['assume_role_external_id']),
        ({**ROLE, 'assume_role_session_name': 'two words'}, ['assume_role_session_name']),
        ({**ROLE, 'assume_role_session_name': 'x'}, ['assume_role_session_name']),
        ({**ROLE, 'assume_role_session_name': 'x' * 65}, ['assume_role_session_name']),
        ({**KEYS, 'assume_role_arn': 'AKIDSECRET'}, ['assume_role_arn']),
    ],
)
def test_bad_credentials_are_an_error_that_names_the_options_and_no_secret(
    instance: dict[str, Any], named: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(instance)
    for option in named:
        assert option in str(error.value)
    assert not re.search('SECRET|hunter2|53147', str(error.value))


def test_a_discount_without_list_prices_is_an_error_that_names_both_options() -> None:
    with pytest.raises(ConfigurationError, match='`price_discount_percent` does nothing without `estimate_cost`'):
        load({'price_discount_percent': 10, 'instance_prices': {'ml.g5.2xlarge': 1.5}})


@pytest.mark.parametrize(
    ('interval', 'rate', 'apart'), [(1, 0.1, '10 s'), (2, 0.1, '10 s'), (9, 0.1, '10 s'), (1, 0.8, '1.25 s')]
)
def test_an_interval_that_one_listing_does_not_fit_into_is_an_error_that_names_both_options(
    interval: int, rate: float, apart: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf'`min_collection_interval` \({interval} s\).*{apart}') as error:
        load({'min_collection_interval': interval, 'list_requests_per_second': rate})
    assert f'`list_requests_per_second` ({rate})' in str(error.value)


@pytest.mark.parametrize(
    ('theirs', 'ours'),
    [
        ('assume_role', 'assume_role_arn'),
        ('role_arn', 'assume_role_arn'),
        ('aws_role_arn', 'assume_role_arn'),
        ('roleArn', 'assume_role_arn'),
        ('assumeRoleArn', 'assume_role_arn'),
        ('region_name', 'regions'),
        ('region', 'regions'),
        ('aws_region', 'regions'),
        ('AWS_REGION', 'regions'),
        ('external_id', 'assume_role_external_id'),
        ('external-id', 'assume_role_external_id'),
        ('role_session_name', 'assume_role_session_name'),
        ('access_key', 'aws_access_key_id'),
        ('aws_access_key', 'aws_access_key_id'),
        ('secret_key', 'aws_secret_access_key'),
        ('aws_secret_key', 'aws_secret_access_key'),
        ('session_token', 'aws_session_token'),
        ('token', 'aws_session_token'),
        ('profile', 'aws_profile'),
        ('profile_name', 'aws_profile'),
        ('credential_profile_name', 'aws_profile'),
        ('endpoint', 'endpoint_url'),
        ('aws', 'assume_role_arn'),
    ],
)
def test_an_option_that_others_call_differently_is_an_error_that_names_ours(theirs: str, ours: str) -> None:
    """Left unread, the instance would poll another account, or region."""
    with pytest.raises(ConfigurationError, match=f'`{theirs}` has no effect: use .*`{ours}`') as error:
        load({theirs: 'hunter2SECRET'})
    assert 'SECRET' not in str(error.value)


@pytest.mark.parametrize(('option', 'ours'), [('regions', 'regions'), ('role_arn', 'assume_role_arn')])
def test_whose_jobs_to_poll_cannot_stand_in_init_config(option: str, ours: str) -> None:
    check = SagemakerTrainingCheck('sagemaker_training', {option: ['us-east-1']}, [{}])
    with pytest.raises(ConfigurationError, match=f'`{option}` has no effect here: use `{ours}` under `instances`'):
        check.load_configuration_models()


@pytest.mark.parametrize(
    ('option', 'hint'),
    [
        ('history_hour', ' The closest known one is `history_hours`.'),
        ('collectEvents', ' The closest known one is `collect_events`.'),
        ('job_name_include', ' The closest known one is `name_include`.'),
        ('regoins', ' The closest known one is `regions`.'),
        ('zzz', ''),
        (r'nul\x00', ''),
    ],
)
def test_any_other_unknown_option_is_one_warning_that_names_the_closest(
    option: str, hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    load({option.encode().decode('unicode_escape'): 1})
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [f"instances: The option '{option}' is unknown and has no effect.{hint}"]


def test_an_option_that_holds_a_secret_by_mistake_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """YAML without the space after the colon."""
    load({'aws_secret_access_key:hunter2SECRET': None})
    assert 'is unknown' in caplog.text
    assert 'SECRET' not in caplog.text


def test_no_option_that_the_agent_reads_is_told_as_unknown(caplog: pytest.LogCaptureFixture) -> None:
    of_the_agent = dict.fromkeys(OF_THE_AGENT) | {'debug_metrics': {}, 'max_returned_metrics': 0}
    load(EXAMPLES | of_the_agent | dict.fromkeys(EXCLUDES))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_error_shows_which_regular_expression_is_bad() -> None:
    with pytest.raises(ConfigurationError, match=r'`name_exclude`, entry 2 .*\*-test.*nothing to repeat'):
        load({'name_exclude': ['fine', '*-test']})


def test_an_error_shows_which_family_pattern_has_no_group() -> None:
    with pytest.raises(ConfigurationError, match=r'`job_family_patterns`, entry 2 must have a group.*\^prod-'):
        load({'job_family_patterns': ['(?P<family>.+)-run', '^prod-']})


def test_a_family_tag_without_tags_is_an_error_that_names_both_options() -> None:
    with pytest.raises(ConfigurationError, match='`job_family_tag` does nothing.*`collect_resource_tags`'):
        load({'job_family_tag': 'pipeline', 'collect_resource_tags': False})


def test_an_error_shows_which_region_is_bad_and_why() -> None:
    with pytest.raises(ConfigurationError) as error:
        load({'regions': ['us-east-1', 'us-east-1', 'eu-west-1b']})
    assert "`regions`, entry 2 is 'us-east-1' again: remove it" in str(error.value)
    assert "`regions`, entry 3 must be the name of an AWS region, such as us-east-1, not 'eu-west-1b'" in str(
        error.value
    )


def test_a_path_that_no_resource_has_is_told_with_the_nearest() -> None:
    with pytest.raises(
        ConfigurationError, match="`resource_fields_exclude`, entry 2 .*'hyperparameters.*'hyper_parameters'"
    ):
        load({'resource_fields_exclude': ['hyper_parameters.db_*', 'hyperparameters.*']})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        load({'aws_session_token': 'x', 'endpoint_url': 'here', 'name_include': ['['], 'regions': ['there']})
    for option in ('aws_session_token', 'endpoint_url', 'name_include', 'regions'):
        assert f'`{option}`' in str(error.value)


def test_every_region_of_every_partition_is_accepted() -> None:
    session = Session()
    regions = {
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions('sagemaker', partition)
    }

    assert len(regions) > 30
    assert [region for region in regions if not REGION.fullmatch(region)] == []


@pytest.mark.parametrize(
    'host', ['localhost', 'a-b.c', 'a.b.', '-a', 'a-', 'a..b', 'x' * 63, 'x' * 64, '[::1]', '1.2.3.4']
)
def test_an_endpoint_is_accepted_if_botocore_accepts_it(host: str) -> None:
    url = f'http://{host}:5000'
    try:
        load({'endpoint_url': url})
    except ConfigurationError:
        accepted = False
    else:
        accepted = True

    assert accepted == bool(is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url))


@pytest.mark.parametrize('option', sorted(SECURE_FIELD_NAMES))
@pytest.mark.usefixtures('_distrust')
def test_an_untrusted_provider_cannot_set_credentials_or_connections(option: str) -> None:
    instance = {name: EXAMPLES[name] for name in (option, *NEEDS.get(option, ()))}

    load(instance, provider='file')
    with pytest.raises(ConfigurationError, match=f"'{option}' is not allowed from untrusted provider 'kubernetes'"):
        load(instance, provider='kubernetes')


@pytest.mark.usefixtures('_distrust')
def test_an_untrusted_provider_can_set_everything_else() -> None:
    load({o: v for o, v in EXAMPLES.items() if o not in SECURE_FIELD_NAMES}, provider='kubernetes')


def test_what_an_untrusted_provider_cannot_set() -> None:
    assert sorted(SECURE_FIELD_NAMES) == [
        'assume_role_arn',
        'assume_role_external_id',
        'aws_access_key_id',
        'aws_profile',
        'aws_secret_access_key',
        'aws_session_token',
        'boto_config',
        'endpoint_url',
    ]
