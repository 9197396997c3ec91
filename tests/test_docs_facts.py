# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the README and docs/ say of the code is so."""

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, get_args
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import pytest
import yaml
from botocore.config import Config
from botocore.stub import Stubber

from datadog_checks.base import ConfigurationError
from datadog_checks.sagemaker_training import SagemakerTrainingCheck, resources
from datadog_checks.sagemaker_training.aws import PAGE_SIZE, codes, errors
from datadog_checks.sagemaker_training.config_models.instance import InstanceConfig
from datadog_checks.sagemaker_training.counts import News
from datadog_checks.sagemaker_training.entry import TAGS_PATIENCE
from datadog_checks.sagemaker_training.events import ALERT_TYPES, transition_logs
from datadog_checks.sagemaker_training.families import job_family
from datadog_checks.sagemaker_training.health import Status
from datadog_checks.sagemaker_training.listing import LONGEST_LIFE
from datadog_checks.sagemaker_training.region import LISTING_SHARE, POLL_SHARE
from datadog_checks.sagemaker_training.tags import GROUP_TAGS, JOB_TAGS, STATUS_TAGS
from tools.aws.fleet import Step
from tools.aws.scenario import living_fleet, quiet_history
from tools.datadog.assets import load as load_assets
from tools.demo.simulation import POLL_SECONDS, START, every, simulate, week_before
from tools.demo.truth import true_counts

from .builders import NOW, job, transition
from .pages import ROOT, blocks, example_instances, prose, rows, section, statements

PACKAGE = ROOT / 'datadog_checks' / 'sagemaker_training'
WORDS = {5: 'five'}


def options() -> list[list[str]]:
    return rows(section('docs/configuration.md', 'Options'))


def load(instance: dict[str, Any]) -> InstanceConfig:
    check = SagemakerTrainingCheck('sagemaker_training', {}, [instance])
    check.load_configuration_models()
    return check.config


def metadata() -> Iterator[dict[str, str]]:
    with (ROOT / 'metadata.csv').open(encoding='utf-8') as file:
        yield from csv.DictReader(file)


def code() -> str:
    """The source of the check, without the models of its options."""
    files = (path for path in sorted(PACKAGE.rglob('*.py')) if path.parent.name != 'config_models')
    return '\n'.join(path.read_text(encoding='utf-8') for path in files)


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
    unlimited = {'pricing:GetProducts', 'sagemaker:ListTrainingJobs', 'tag:GetResources'}
    assert on_everything == unlimited, 'AWS narrows only the others'
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
    documented = [(name, unit) for name, unit, _ in rows(section('docs/data.md', 'Metrics'))]

    assert sorted(documented) == sorted(
        (row['metric_name'].removeprefix('sagemaker_training.'), row['unit_name'] or '-') for row in metadata()
    )


def test_the_tags_are_those_of_the_code() -> None:
    documented: dict[str, set[str]] = {}
    for name, kind, _ in rows(section('docs/data.md', 'Tags')):
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


def test_the_names_from_elsewhere_are_refused_for_ours() -> None:
    for ours, theirs in rows(section('docs/configuration.md', 'Names in other integrations')):
        for name in re.findall(r'\w+', theirs):
            with pytest.raises(ConfigurationError, match=f'`{name}` has no effect: use `{ours}`'):
                load({name: 'x'})


def test_each_option_has_an_effect() -> None:
    of_the_agent = {'service', 'empty_default_hostname', 'metric_patterns'}

    assert {option for option, *_ in options() if not re.search(rf'\b{option}\b', code())} <= of_the_agent


def test_the_dashboards_and_monitors_are_those_of_the_assets() -> None:
    documented = [
        *rows(section('docs/dashboards-and-monitors.md', 'Dashboards')),
        *rows(section('docs/dashboards-and-monitors.md', 'Monitors')),
    ]
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
    [names] = re.findall(r'left to `failure_rate`: (.+?) leave them out', prose('docs/dashboards-and-monitors.md'))
    queries = {name: monitor['definition']['query'] for name, monitor in load_assets('monitors').items()}

    assert set(re.findall(r'`(\w+)`', names)) == {name for name in queries if 'NOT tuning_job_name:*' in queries[name]}


# Whose alert is worded without the number.
UNNUMBERED = {'job_failed'}


def amounts(text: str) -> set[float]:
    return {float(number) for number in re.findall(r'[\d.]*\d', text)}


def scaled(threshold: float) -> set[float]:
    """A threshold as it is, and, if it is one of seconds, in minutes and hours."""
    return {threshold, threshold / 60, threshold / 3600}


def costs() -> list[list[float]]:
    """The table of calls: open jobs, jobs a day, calls in a poll, calls to list and describe all of 30 days."""
    tables = [[cell.replace(',', '') for cell in row] for row in rows(section('docs/cost.md', 'Calls to AWS'))]
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
    simulation = simulate(fleet, every(60, START, START + timedelta(minutes=75)), min_collection_interval=60)
    in_the_last_hour = sum(call.time >= 900 for call in simulation.calls)
    assert in_the_last_hour / 60 == pytest.approx(calls, rel=0.1)


def test_what_the_machine_of_the_agent_gives_is_what_was_measured() -> None:
    benchmarks = rows((ROOT / 'benchmarks' / 'README.md').read_text(encoding='utf-8'))

    def number(cell: str) -> float:
        return float(re.findall(r'[\d.]+', cell)[0])

    def most(start: str, column: int) -> float:
        return max(number(row[column]) for row in benchmarks if re.match(start, row[0]))

    told = {what: number(much) for what, much in rows(section('docs/cost.md', "The Agent's machine"))}
    assert told == {
        'CPU of a quiet poll': pytest.approx(most('Quiet poll.*: CPU for each', 1) / 1000, rel=0.3),
        'CPU of describing a job': most('Cold start, all', 2),
        'Memory': pytest.approx(most('Memory, what 99 more instances .* 4 regions', 1) / 99, rel=0.1),
        'Disk': most('Stored state, ', 2),
    }


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
    told = re.findall(
        r'`(\w+)`(?:,? and `(\w+)`)? \((?:alert type )?(\w+)\)', ' '.join(section('docs/data.md', 'Events').split())
    )

    assert {word: alert for *words, alert in told for word in words if word} == ALERT_TYPES
    for title in ('Events', 'Logs'):
        [search] = re.findall(r'Search\s+for\s+`(.+?)`', section('docs/data.md', title))
        assert search in json.dumps(load_assets('dashboards')['job_detail'])
    assert {name for name, _ in rows(section('docs/data.md', 'Logs'))} == log.keys() - {'timestamp'}


def test_the_service_check_is_that_of_the_code() -> None:
    [described] = json.loads((ROOT / 'assets' / 'service_checks.json').read_text(encoding='utf-8'))
    sent = set(get_args(Status.__value__))

    assert {status for status, _ in rows(section('docs/data.md', 'Service check'))} == sent
    assert {status.upper() for status in described['statuses']} == sent
    assert described['check'] in section('docs/data.md', 'Service check')
    assert set(described['groups']) == {
        name for name, kind, _ in rows(section('docs/data.md', 'Tags')) if kind == 'scope'
    }


@pytest.mark.parametrize('fips', [False, True])
@pytest.mark.parametrize('service', ['sagemaker', 'resourcegroupstaggingapi', 'sts'])
def test_the_hosts_are_those_of_aws(service: str, fips: bool) -> None:
    config = Config(use_fips_endpoint=fips)
    client = boto3.client(service, 'us-east-1', aws_access_key_id='test', aws_secret_access_key='test', config=config)
    host = str(urlsplit(client.meta.endpoint_url).hostname).replace('us-east-1', '<region>')

    assert (f'`{host}`' in section('docs/aws-access.md', 'Hosts to reach')) == (
        host != 'tagging-fips.<region>.amazonaws.com'
    )


def test_the_example_configuration_tells_the_same_number_of_time_series() -> None:
    example = (PACKAGE / 'data' / 'conf.yaml.example').read_text(encoding='utf-8')
    [at_a_time] = re.findall(r'for each followed job, (\d+) on average', prose('docs/cost.md'))
    [of_life] = re.findall(r'leaves about (\d+) series', prose('docs/cost.md'))

    assert f'about {at_a_time} time series for each job at a time, about {of_life} over its life' in ' '.join(
        example.replace('##', '').split()
    )


def test_the_simulated_day_has_as_many_jobs_as_the_demo_tells() -> None:
    last_poll = every(POLL_SECONDS, START, START + timedelta(days=1))[-1]
    day = true_counts(living_fleet(START, 24), week_before(START)[-1], last_poll)

    assert f'On the simulated day there are {day.created} jobs' in prose('docs/cost.md')


def test_its_numbers_are_those_of_the_code() -> None:
    with (PACKAGE / 'resource_schema.csv').open(encoding='utf-8') as file:
        fields = Counter(row['source'] for row in csv.DictReader(file))
    [described] = json.loads((ROOT / 'assets' / 'service_checks.json').read_text(encoding='utf-8'))
    agent = described['agent_version']
    [base] = re.findall(r'"datadog-checks-base>=([\d.]+)"', (ROOT / 'pyproject.toml').read_text(encoding='utf-8'))

    for page, text in (
        ('README.md', f'**Agent {agent.removesuffix(".0")} or newer**, the first with `datadog-checks-base` {base}'),
        ('docs/install.md', f'FROM datadog/agent:{agent}'),
        ('docs/data.md', f'the {fields["catalog"]} fields'),
        ('docs/data.md', f'and {fields["api"]} that AWS has added'),
        ('docs/how-it-works.md', f'looks back {LONGEST_LIFE.days} days plus `history_hours`'),
        (
            'docs/how-it-works.md',
            f'at {_percent(POLL_SHARE)} of `min_collection_interval`, the listing at {_percent(LISTING_SHARE)}',
        ),
        ('docs/how-it-works.md', f'among the newest {PAGE_SIZE}. '),
        (
            'docs/how-it-works.md',
            f'up to {WORDS[TAGS_PATIENCE // timedelta(minutes=1)]} minutes, for its resource tags',
        ),
    ):
        assert text in prose(page)


def _percent(share: float) -> str:
    return f'{share:.0%}'.replace('%', ' %')


# What happens to a field of a resource on its way out; `Sent` in the table of docs/security.md.
SENT = {resources._string: 'text', resources._strings: 'text', resources._map: 'pairs'}
# Those that are no text of users, or get more care.
SENT_OTHERWISE = {
    **dict.fromkeys(('account_id', 'region', *resources._IDENTITY), 'as is'),
    'tags': 'pairs',
    'environment': 'names only; with `collect_environment_values`, pairs',
}


def test_each_field_that_leaves_the_account_is_named() -> None:
    sent: defaultdict[str, set[str]] = defaultdict(set)
    with (PACKAGE / 'resource_schema.csv').open(encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if not row['type'].endswith('STRUCT'):
                projected = SENT.get(resources._PROJECTIONS[row['type']], 'as is')
                how = 'command' if '.container_' in row['path'] else projected
                sent[re.split(r'\W', row['path'])[0]].add(how)
    documented = {name: how for name, _, how in rows(section('docs/security.md', 'Field by field'))}

    assert documented.keys() == sent.keys() | {'region'}
    for name, how in documented.items():
        assert {how} == {SENT_OTHERWISE[name]} if name in SENT_OTHERWISE else {*how.split(', ')} == sent[name], name


def test_each_error_code_is_explained() -> None:
    cells = [codes for codes, *_ in rows(section('docs/troubleshooting.md', 'By error code'))]
    explained = {code for codes in cells for code in re.findall(r'[A-Z4]\w+', codes)}
    of_aws = {*codes._BY_CODE, *(code for _, code in codes._OF_STS)}
    elsewhere = {'AssumeRole', 'AssumeRoleWithWebIdentity', 'MalformedAnswer', 'ValidationException'}
    elsewhere |= {'GetProducts', 'NoEndpoint', 'NoPrices'}

    assert of_aws <= explained
    assert explained - of_aws - elsewhere <= vars(botocore.exceptions).keys(), 'the rest is what botocore says'


def test_the_families_of_the_examples_are_so() -> None:
    examples = [(name, family) for _, name, family in rows(section('docs/data.md', 'Job families'))]

    assert len(examples) > 3
    assert {name: job_family(name) for name, _ in examples} == dict(examples)


def test_each_module_of_the_check_has_its_place_in_the_house() -> None:
    described = {
        name for cells in rows(section('CONTRIBUTING.md', 'The check')) for name in re.findall(r'\w+', cells[0])
    }
    modules = {path.stem for path in PACKAGE.glob('*.py')} - {'__init__', '__about__'}
    packages = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}

    assert modules | packages <= described


def test_each_call_is_explained() -> None:
    explained = {action for action, *_ in rows(section('docs/aws-access.md', 'The calls'))}
    assert explained == {*errors._ACTIONS.values()} - {'sts:AssumeRole'}


def test_the_readme_tells_the_same_number_of_time_series() -> None:
    [at_a_time] = re.findall(r'for each followed job, (\d+) on average', prose('docs/cost.md'))
    assert f'{at_a_time} time series for each followed job, on average' in prose('README.md')
