# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the README says of the code is so."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from botocore.config import Config

from datadog_checks.sagemaker_training import SagemakerTrainingCheck, __version__, errors
from datadog_checks.sagemaker_training.aws import PAGE_SIZE
from datadog_checks.sagemaker_training.check import LISTING_SHARE, POLL_SHARE
from datadog_checks.sagemaker_training.config_models.instance import InstanceConfig
from datadog_checks.sagemaker_training.counts import News
from datadog_checks.sagemaker_training.events import ALERT_TYPES, transition_logs
from datadog_checks.sagemaker_training.health import Status
from datadog_checks.sagemaker_training.ledger import LONGEST_LIFE, TAGS_PATIENCE
from datadog_checks.sagemaker_training.tags import GROUP_TAGS, JOB_TAGS, STATUS_TAGS

from .builders import NOW, job, transition

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'datadog_checks' / 'sagemaker_training'
README = (ROOT / 'README.md').read_text(encoding='utf-8')
WORDS = {5: 'five'}
PROSE = ' '.join(README.split())
HEADINGS = re.findall(r'^#+ (.+)$', README, re.MULTILINE)


def section(title: str) -> str:
    """What stands under a heading, up to the next one of its level or above it."""
    _, mark, text = re.split(rf'^(#+) {re.escape(title)}$', README, maxsplit=1, flags=re.MULTILINE)
    return re.split(rf'^#{{1,{len(mark)}}} ', text, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the text's tables, without their header rows and without backquotes around a cell."""
    lines = re.findall(r'^\| (.+) \|$', re.sub(r'^\|.+\n\|---.*$', '', text, flags=re.MULTILINE), re.MULTILINE)
    return [[re.sub('^`([^`]*)`$', r'\1', cell.strip()) for cell in line.split('|')] for line in lines]


def options() -> list[list[str]]:
    return rows(section('Options'))


def blocks(language: str) -> list[str]:
    return re.findall(rf'^ *```{language}\n(.*?)^ *```$', README, re.DOTALL | re.MULTILINE)


def example_instances() -> list[dict[str, Any]]:
    return [instance for block in blocks('yaml') for instance in yaml.safe_load(block)['instances']]


def statements() -> list[dict[str, Any]]:
    return [statement for block in blocks('json') for statement in json.loads(block)['Statement']]


def load(instance: dict[str, Any]) -> InstanceConfig:
    check = SagemakerTrainingCheck('sagemaker_training', {}, [instance])
    check.load_configuration_models()
    return check.config


def metadata() -> Iterator[dict[str, str]]:
    with (ROOT / 'metadata.csv').open(encoding='utf-8') as file:
        yield from csv.DictReader(file)


def code() -> str:
    """The source of the check, without the models of its options."""
    return '\n'.join(path.read_text(encoding='utf-8') for path in sorted(PACKAGE.glob('*.py')))


def test_it_is_ascii() -> None:
    assert README.isascii()


def test_it_has_the_headings_that_a_reader_of_integrations_looks_for() -> None:
    tile = json.loads((ROOT / 'manifest.json').read_text(encoding='utf-8'))['tile']
    pointed_at = {tile[page].partition('#')[2] for page in ('overview', 'configuration', 'support')}
    setup = ['Installation', 'Configuration', 'Validation']
    data = ['Metrics', 'Events', 'Service Checks']

    assert pointed_at | {'Overview', 'Setup', 'Data Collected', 'Troubleshooting', 'Support'} <= set(HEADINGS)
    assert all(f'### {title}\n' in section('Setup') for title in setup)
    assert all(f'### {title}\n' in section('Data Collected') for title in data)


def test_links_lead_somewhere() -> None:
    anchors = {re.sub(r'[^\w -]', '', heading).lower().replace(' ', '-') for heading in HEADINGS}
    linked = re.findall(r'\]\(([^)]+)\)', README)
    defined = dict(re.findall(r'^\[(\d+)\]: (\S+)$', README, re.MULTILINE))

    assert {link for link in linked if link.removeprefix('#') not in anchors} == set()
    assert set(re.findall(r'\]\[(\d+)\]', README)) == defined.keys()
    assert all(link.startswith('https://') or (ROOT / link).is_file() for link in defined.values())


def test_its_make_targets_exist() -> None:
    targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE)
    named = re.findall(r'(?:^|`)make ([a-z-]+)', README, re.MULTILINE)

    assert {'demo', 'test', 'dry-run'} <= set(named) <= set(targets)


@pytest.mark.parametrize('instance', example_instances())
def test_an_example_configuration_is_valid(instance: dict[str, Any]) -> None:
    load(instance)
    assert instance.keys() <= InstanceConfig.model_fields.keys(), 'an option that does not exist is no error'
    assert (instance['min_collection_interval'], instance['empty_default_hostname']) == (60, True)
    Config(**instance.get('boto_config', {}))


def test_the_policies_allow_what_the_check_asks_for_and_no_more() -> None:
    trust, policy = ([s for s in statements() if ('Principal' in s) is wanted] for wanted in (True, False))
    allowed = [statement['Action'] for statement in policy]
    on_everything = {statement['Action'] for statement in policy if statement['Resource'] == '*'}

    assert sorted(allowed) == sorted(errors._ACTIONS.values())
    assert on_everything == {'sagemaker:ListTrainingJobs', 'tag:GetResources'}, 'AWS narrows only the others'
    assert [statement['Action'] for statement in trust] == ['sts:AssumeRole']


def test_the_roles_of_the_examples_are_those_of_the_policies() -> None:
    [assumable] = [s['Resource'] for s in statements() if s['Action'] == 'sts:AssumeRole' and 'Resource' in s]
    [condition] = [s['Condition'] for s in statements() if 'Principal' in s]
    assuming = [instance for instance in example_instances() if 'assume_role_arn' in instance]

    assert len(assuming) > 1
    assert all(fnmatchcase(instance['assume_role_arn'], assumable) for instance in assuming)
    assert {instance['assume_role_external_id'] for instance in assuming} == {
        condition['StringEquals']['sts:ExternalId']
    }


def test_the_metrics_are_those_of_the_metadata() -> None:
    documented = [(name, unit) for name, unit, _ in rows(section('Metrics'))]

    assert sorted(documented) == sorted(
        (row['metric_name'].removeprefix('sagemaker_training.'), row['unit_name'] or '-') for row in metadata()
    )


def test_the_tags_are_those_of_the_code() -> None:
    documented: dict[str, set[str]] = {}
    for name, kind, _ in rows(section('Tags')):
        documented.setdefault(kind, set()).add(name)
    tables = {'group': {'instance_type', *GROUP_TAGS}, 'status': set(STATUS_TAGS)}
    tables |= {'job': JOB_TAGS.keys() - {'instance_type'}, 'scope': {'aws_account', 'region'}}
    on_metrics = {tag for row in metadata() for tag in row['sample_tags'].split(',')}

    assert documented == tables | {'metric': on_metrics - set().union(*tables.values())}


def test_the_options_and_defaults_are_those_of_the_code() -> None:
    example = (PACKAGE / 'data' / 'conf.yaml.example').read_text(encoding='utf-8').partition('\ninstances:\n')[2]
    defaults = load({}).model_dump(include=set(re.findall(r'@param (\w+)', example)))
    documented = [(option, None if default == '-' else yaml.safe_load(default)) for option, default, _ in options()]

    assert dict(documented) == {
        option: list(value) if isinstance(value, tuple) else value for option, value in defaults.items()
    }
    assert len(documented) == len(defaults)


def test_each_option_has_an_effect() -> None:
    of_the_agent = {'service', 'empty_default_hostname', 'metric_patterns'}

    assert {option for option, *_ in options() if not re.search(rf'\b{option}\b', code())} <= of_the_agent


def test_what_is_not_in_this_version_is_not() -> None:
    assets = json.loads((ROOT / 'manifest.json').read_text(encoding='utf-8'))['assets']

    assert f'Version {__version__} has no dashboards and no monitors' in PROSE
    assert (assets['dashboards'], assets['monitors']) == ({}, {})


def test_the_events_and_logs_are_those_of_the_code() -> None:
    spot = job(SecondaryStatusTransitions=[transition('Starting', NOW, NOW), transition('Training', NOW)])
    *_, log = transition_logs(spot, News('transitions', 0, 2))
    told = re.findall(r'`(\w+)`(?:,? and `(\w+)`)? \((?:alert type )?(\w+)\)', ' '.join(section('Events').split()))

    assert {word: alert for *words, alert in told for word in words if word} == ALERT_TYPES
    assert {name for name, _ in rows(section('Logs'))} == log.keys() - {'timestamp'}


def test_the_service_check_is_that_of_the_code() -> None:
    [described] = json.loads((ROOT / 'assets' / 'service_checks.json').read_text(encoding='utf-8'))
    sent = set(get_args(Status.__value__))

    assert {status for status, _ in rows(section('Service Checks'))} == sent
    assert {status.upper() for status in described['statuses']} == sent
    assert described['check'] in section('Service Checks')
    assert set(described['groups']) == {name for name, kind, _ in rows(section('Tags')) if kind == 'scope'}


def test_its_numbers_are_those_of_the_code() -> None:
    with (PACKAGE / 'resource_schema.csv').open(encoding='utf-8') as file:
        fields = Counter(row['source'] for row in csv.DictReader(file))
    [described] = json.loads((ROOT / 'assets' / 'service_checks.json').read_text(encoding='utf-8'))
    agent = described['agent_version']
    [base] = re.findall(r'"datadog-checks-base>=([\d.]+)"', (ROOT / 'pyproject.toml').read_text(encoding='utf-8'))

    for text in (
        f'**Agent {agent.removesuffix(".0")} or newer**, the first with `datadog-checks-base` {base}',
        f'FROM datadog/agent:{agent}',
        f'the {fields["catalog"]} fields',
        f'and {fields["api"]} that AWS has added',
        f'looks back {LONGEST_LIFE.days} days',
        f'at {POLL_SHARE:.0%} of `min_collection_interval`, the listing at {LISTING_SHARE:.0%}'.replace('%', ' %'),
        f'among the newest {PAGE_SIZE}. ',
        f'up to {WORDS[TAGS_PATIENCE // timedelta(minutes=1)]} minutes, for its resource tags',
    ):
        assert text in PROSE
