# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the README says of the code is so."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.stub import Stubber

from datadog_checks.sagemaker_training import SagemakerTrainingCheck, errors
from datadog_checks.sagemaker_training.aws import PAGE_SIZE
from datadog_checks.sagemaker_training.check import LISTING_SHARE, POLL_SHARE
from datadog_checks.sagemaker_training.config_models.instance import InstanceConfig
from datadog_checks.sagemaker_training.counts import News
from datadog_checks.sagemaker_training.events import ALERT_TYPES, transition_logs
from datadog_checks.sagemaker_training.health import Status
from datadog_checks.sagemaker_training.ledger import LONGEST_LIFE, TAGS_PATIENCE
from datadog_checks.sagemaker_training.tags import GROUP_TAGS, JOB_TAGS, STATUS_TAGS
from tools.aws.fleet import Step
from tools.aws.scenario import living_fleet, quiet_history
from tools.datadog.assets import load as load_assets
from tools.demo.simulation import POLL_SECONDS, START, every, simulate, week_before
from tools.demo.truth import true_counts

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
    configurations = [yaml.safe_load(block) for block in blocks('yaml')]
    for values in [each for each in configurations if 'clusterAgent' in each]:
        files = values['clusterAgent']['advancedConfd']['sagemaker_training.d'].values()
        configurations += map(yaml.safe_load, files)
    return [instance for configuration in configurations for instance in configuration.get('instances', ())]


def statements() -> list[dict[str, Any]]:
    return [statement for block in blocks('json') for statement in json.loads(block).get('Statement', ())]


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

    assert {'demo', 'test', 'dry-run', 'push-assets'} <= set(named) <= set(targets)


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
    tables = {'group': {'instance_type', 'job_family', *GROUP_TAGS}, 'status': set(STATUS_TAGS)}
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


def test_the_dashboards_and_monitors_are_those_of_the_assets() -> None:
    documented = rows(section('Dashboards and monitors'))
    dashboards = {name: each['title'].rpartition(' - ')[2] for name, each in load_assets('dashboards').items()}
    monitors = load_assets('monitors')

    assert {name: title for title, name, _ in (row for row in documented if len(row) == 3)} == dashboards
    described = {name: row for row in documented if len(row) == 4 for name in [row[1]]}
    assert {name: row[0] for name, row in described.items()} == {name: each['title'] for name, each in monitors.items()}
    for name, (_, _, alerts, warns) in described.items():
        thresholds = monitors[name]['definition']['options']['thresholds']
        assert ('warning' in thresholds) == (warns != '-')
        assert amounts(warns) <= scaled(thresholds.get('warning', 0))
        assert name in UNNUMBERED or amounts(alerts) & scaled(thresholds['critical'])


def test_the_monitors_that_leave_out_trials_are_those_of_the_assets() -> None:
    [names] = re.findall(r'left to `failure_rate`: (.+?) leave them out', PROSE)
    queries = {name: monitor['definition']['query'] for name, monitor in load_assets('monitors').items()}

    assert set(re.findall(r'`(\w+)`', names)) == {name for name in queries if 'NOT tuning_job_name:*' in queries[name]}


# Whose alert is worded without the number.
UNNUMBERED = {'job_failed', 'billable_time'}


def amounts(text: str) -> set[float]:
    return {float(number) for number in re.findall(r'[\d.]*\d', text)}


def scaled(threshold: float) -> set[float]:
    """A threshold as it is, and, if it is one of seconds, in minutes and hours."""
    return {threshold, threshold / 60, threshold / 3600}


def costs() -> list[list[float]]:
    """The table of calls: open jobs, jobs a day, calls in a poll, calls to list and describe all of 30 days."""
    tables = [[cell.replace(',', '') for cell in row] for row in rows(section('Calls to AWS'))]
    return [list(map(float, row)) for row in tables if all(re.fullmatch(r'[\d.]+', cell) for cell in row)]


@pytest.mark.parametrize(('open_', 'a_day', 'calls', 'naive'), costs())
def test_what_a_poll_costs(open_: float, a_day: float, calls: float, naive: float) -> None:
    """The large fleets are left to the arithmetic: one more poll of those takes longer than all of a small one's."""
    jobs = 30 * a_day
    assert naive == jobs / PAGE_SIZE + jobs
    assert 1 + open_ / 5 <= calls <= 1 + open_ / 5 + 4 * a_day / (24 * 60) * 5
    if open_ > 50:
        return
    ages = [timedelta(hours=20 * number / open_) for number in range(1, int(open_) + 1)]
    fleet = quiet_history(START, int(3 * a_day), ages, days=3)
    for number in range(int(a_day / 12)):
        created = START + timedelta(days=number / a_day, minutes=1)
        steps = tuple(Step(step, created + timedelta(minutes=at)) for step, at in (('Starting', 0), ('Training', 2)))
        end = Step('Completed', created + timedelta(minutes=30))
        fleet.append(replace(fleet[0], name=f'new-{number}', steps=(*steps, end)))
    fleet.sort(key=lambda job: job.created)
    simulation = simulate(fleet, every(60, START, START + timedelta(hours=2)), min_collection_interval=60)
    in_the_second_hour = sum(call.time >= 3600 for call in simulation.calls)
    assert in_the_second_hour / 60 == pytest.approx(calls, rel=0.1)


def test_the_ecs_task_is_one() -> None:
    [task] = [task for block in blocks('json') if 'family' in (task := json.loads(block))]
    client = boto3.client('ecs', 'us-east-1', aws_access_key_id='test', aws_secret_access_key='test')
    with Stubber(client) as stubber:
        stubber.add_response('register_task_definition', {})
        client.register_task_definition(**task)
    [container] = task['containerDefinitions']
    assert {mount['sourceVolume'] for mount in container['mountPoints']} == {
        volume['name'] for volume in task['volumes']
    }


def test_the_events_and_logs_are_those_of_the_code() -> None:
    spot = job(SecondaryStatusTransitions=[transition('Starting', NOW, NOW), transition('Training', NOW)])
    *_, log = transition_logs(spot, News('transitions', 0, 2))
    told = re.findall(r'`(\w+)`(?:,? and `(\w+)`)? \((?:alert type )?(\w+)\)', ' '.join(section('Events').split()))

    assert {word: alert for *words, alert in told for word in words if word} == ALERT_TYPES
    for title in ('Events', 'Logs'):
        [search] = re.findall(r'Search\s+for\s+`(.+?)`', section(title))
        assert search in json.dumps(load_assets('dashboards')['job_detail'])
    assert {name for name, _ in rows(section('Logs'))} == log.keys() - {'timestamp'}


def test_the_service_check_is_that_of_the_code() -> None:
    [described] = json.loads((ROOT / 'assets' / 'service_checks.json').read_text(encoding='utf-8'))
    sent = set(get_args(Status.__value__))

    assert {status for status, _ in rows(section('Service Checks'))} == sent
    assert {status.upper() for status in described['statuses']} == sent
    assert described['check'] in section('Service Checks')
    assert set(described['groups']) == {name for name, kind, _ in rows(section('Tags')) if kind == 'scope'}


@pytest.mark.parametrize('fips', [False, True])
@pytest.mark.parametrize('service', ['sagemaker', 'resourcegroupstaggingapi', 'sts'])
def test_the_hosts_are_those_of_aws(service: str, fips: bool) -> None:
    config = Config(use_fips_endpoint=fips)
    client = boto3.client(service, 'us-east-1', aws_access_key_id='test', aws_secret_access_key='test', config=config)
    host = str(urlsplit(client.meta.endpoint_url).hostname).replace('us-east-1', '<region>')

    assert (f'`{host}`' in section('Troubleshooting')) == (host != 'tagging-fips.<region>.amazonaws.com')


def test_the_example_configuration_tells_the_same_number_of_time_series() -> None:
    example = (PACKAGE / 'data' / 'conf.yaml.example').read_text(encoding='utf-8')
    [at_a_time] = re.findall(r'for each followed job, (\d+) on average', PROSE)
    [of_life] = re.findall(r'leaves about (\d+) series', PROSE)

    assert f'about {at_a_time} time series for each job at a time, about {of_life} over its life' in ' '.join(
        example.replace('##', '').split()
    )


def test_the_simulated_day_has_as_many_jobs_as_the_demo_tells() -> None:
    last_poll = every(POLL_SECONDS, START, START + timedelta(days=1))[-1]
    day = true_counts(living_fleet(START, 24), week_before(START)[-1], last_poll)

    assert f'On the simulated day, with {day.created} jobs' in PROSE


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
        f'looks back {LONGEST_LIFE.days} days plus `history_hours`',
        f'at {POLL_SHARE:.0%} of `min_collection_interval`, the listing at {LISTING_SHARE:.0%}'.replace('%', ' %'),
        f'among the newest {PAGE_SIZE}. ',
        f'up to {WORDS[TAGS_PATIENCE // timedelta(minutes=1)]} minutes, for its resource tags',
    ):
        assert text in PROSE
