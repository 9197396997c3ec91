# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The CloudFormation templates grant what the docs say; the Terraform module makes what the assets say."""

import json
import os
import re
import shlex
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.session
import hcl2
import pytest
import yaml
from botocore import xform_name

from datadog_checks.sagemaker_training.aws import errors
from tools.push.wanted import notified

from .pages import example_instances, statements

ASSETS = Path(__file__).parent.parent / 'assets'
TEMPLATES = sorted((ASSETS / 'iam').glob('*.yaml'))
ROLE = ASSETS / 'iam' / 'role.yaml'
AGENT_POLICY = ASSETS / 'iam' / 'agent_policy.yaml'
MODULE = ASSETS / 'terraform'
APP = 'https://app.datadoghq.com/'

[TRUST] = [statement for statement in statements() if 'Principal' in statement]
[ASSUME] = [statement for statement in statements() if statement['Action'] == 'sts:AssumeRole' and statement != TRUST]
READ = [statement for statement in statements() if statement not in (TRUST, ASSUME)]
# What a stack must be given, with the values of the docs.
GIVEN = {
    ROLE: {
        'AgentRoleArn': TRUST['Principal']['AWS'],
        'ExternalId': TRUST['Condition']['StringEquals']['sts:ExternalId'],
    },
    AGENT_POLICY: {'AgentRoleName': 'datadog-agent'},
}

# Template -> what to replace there, with what, and the rule of cfn-lint that forbids the result.
BREAKAGE = [
    (ROLE, 'sts:ExternalId: !Ref ExternalId', 'sts:ExternalId: !Ref External', 'E1020'),
    (ROLE, 'Effect: Allow', 'Effect: Permit', 'E3530'),
    (AGENT_POLICY, 'Condition: OwnAccount', 'Condition: OwnAccounts', 'E3015'),
    (AGENT_POLICY, 'Action: tag:GetResources', 'Actions: tag:GetResources', 'E3510'),
]


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation: `!Ref X` is the pair ('Ref', 'X')."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> tuple[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        return name, loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    return name, loader.construct_scalar(node)


_Loader.add_multi_constructor('!', _short_form)


def load(template: Path) -> dict[str, Any]:
    return yaml.load(template.read_text(encoding='utf-8'), _Loader)


def resolve(node: Any, known: dict[str, Any]) -> Any:
    """What CloudFormation makes of a part of a template, given its parameters, pseudo parameters and conditions."""
    match node:
        case ('Ref', name):
            return known[name]
        case ('Sub', text):
            return re.sub(r'\$\{([^}]+)\}', lambda name: known[name[1]], text)
        case ('Equals', [left, right]):
            return resolve(left, known) == resolve(right, known)
        case ('Not', [condition]):
            return not resolve(condition, known)
        case ('Join', [separator, items]):
            return separator.join(resolve(items, known))
        case ('If', [condition, yes, no]):
            return resolve(yes if known[condition] else no, known)
        case dict():
            resolved = {key: resolve(value, known) for key, value in node.items()}
            return {key: value for key, value in resolved.items() if value is not None}
        case list():
            return [value for item in node if (value := resolve(item, known)) is not None]
    return node


def deploy(template: Path, partition: str = 'aws', **parameters: str) -> dict[str, dict[str, Any]]:
    """The resources of a stack by their logical names. What a stack must be given has the values of the docs."""
    content = load(template)
    known: dict[str, Any] = {'AWS::Partition': partition, 'AWS::NoValue': None}
    given = GIVEN[template] | parameters
    for name, parameter in content['Parameters'].items():
        value = given[name] if name in given else parameter['Default']
        known[name] = value.split(',') if parameter['Type'] == 'CommaDelimitedList' else value
    known |= {name: resolve(condition, known) for name, condition in content['Conditions'].items()}
    return {
        name: resolve(resource['Properties'], known)
        for name, resource in content['Resources'].items()
        if 'Condition' not in resource or known[resource['Condition']]
    }


def reading(template: Path, **parameters: str) -> list[dict[str, Any]]:
    """The statements that let somebody read jobs."""
    resources = deploy(template, **parameters)
    policy = resources['Role']['Policies'][0] if 'Role' in resources else resources['ReadPolicy']
    return policy['PolicyDocument']['Statement']


def commands(template: Path) -> list[list[str]]:
    """The words of each command in the comment on top of the template."""
    comment = '\n'.join(re.findall(r'^#   (.+)$', template.read_text(encoding='utf-8'), re.MULTILINE))
    return [shlex.split(line) for line in comment.replace('\\\n', ' ').splitlines()]


def lint(text: str) -> list[tuple[str, str]]:
    # Importing it takes as long as all these tests together.
    import cfnlint.api

    partitions = ['us-east-1', 'us-gov-west-1', 'cn-north-1']
    config = cfnlint.api.ManualArgs(regions=partitions)
    return [(match.rule.id, match.message) for match in cfnlint.api.lint(text, config=config)]


@pytest.mark.parametrize('template', TEMPLATES, ids=lambda template: template.stem)
def test_a_template_is_valid(template: Path) -> None:
    assert lint(template.read_text(encoding='utf-8')) == []


@pytest.mark.parametrize(('template', 'old', 'new', 'rule'), BREAKAGE)
def test_a_broken_template_is_not(template: Path, old: str, new: str, rule: str) -> None:
    text = template.read_text(encoding='utf-8')
    assert old in text
    assert rule in {found for found, _ in lint(text.replace(old, new))}


@pytest.mark.parametrize('template', TEMPLATES, ids=lambda template: template.stem)
def test_a_template_asks_for_each_parameter_in_one_group(template: Path) -> None:
    content = load(template)
    groups = content['Metadata']['AWS::CloudFormation::Interface']['ParameterGroups']

    assert sorted(name for group in groups for name in group['Parameters']) == sorted(content['Parameters'])


@pytest.mark.parametrize('template', TEMPLATES, ids=lambda template: template.stem)
def test_the_commands_of_a_template_give_what_it_asks_for(template: Path) -> None:
    parameters = load(template)['Parameters']
    required = {name for name, parameter in parameters.items() if 'Default' not in parameter}
    given = [
        dict(word.removeprefix('ParameterKey=').replace(',ParameterValue=', '=', 1).split('=', 1) for word in words)
        for command in commands(template)
        for flag in {'--parameters', '--parameter-overrides'} & set(command)
        for words in [takewhile(lambda word: not word.startswith('--'), command[command.index(flag) + 1 :])]
    ]

    assert len(given) > 1
    for values in given:
        assert required <= values.keys() <= parameters.keys()
        assert all(re.search(parameters[name].get('AllowedPattern', ''), value) for name, value in values.items())
        assert all(value in parameters[name].get('AllowedValues', [value]) for name, value in values.items())
        deploy(template, **values)


def test_the_commands_for_a_stack_set_have_the_options_that_aws_asks_for() -> None:
    model = botocore.session.get_session().get_service_model('cloudformation')
    shapes = {xform_name(name, '-'): model.operation_model(name).input_shape for name in model.operation_names}
    stack_sets = [command for command in commands(ROLE) if command[2] in shapes]

    assert [command[2] for command in stack_sets] == [
        'activate-organizations-access',
        'create-stack-set',
        'create-stack-instances',
    ]
    for command in stack_sets:
        shape = shapes[command[2]]
        options = {word.removeprefix('--') for word in command if word.startswith('--')}
        required = {xform_name(name, '-') for name in shape.required_members}
        assert required <= options <= {xform_name(name, '-') for name in shape.members}


@pytest.mark.parametrize('template', TEMPLATES, ids=lambda template: template.stem)
def test_a_template_allows_what_the_readme_does_and_the_check_asks_for(template: Path) -> None:
    allowed = reading(template)

    assert allowed == READ
    assert {statement['Action'] for statement in allowed} == set(errors._ACTIONS.values()) - {'sts:AssumeRole'}


@pytest.mark.parametrize('template', TEMPLATES, ids=lambda template: template.stem)
def test_either_way_to_read_tags_can_be_left_out(template: Path) -> None:
    def without(action: str) -> list[dict[str, Any]]:
        return [statement for statement in READ if statement['Action'] != action]

    assert reading(template, AllowGetResources='false') == without('tag:GetResources')
    assert reading(template, AllowListTags='false') == without('sagemaker:ListTags')


@pytest.mark.parametrize('template', TEMPLATES, ids=lambda template: template.stem)
def test_a_template_is_of_no_partition_account_or_region(template: Path) -> None:
    arns = {statement['Resource'] for statement in reading(template, partition='aws-cn')} - {'*'}
    text = re.sub('^#.*$', '', template.read_text(encoding='utf-8'), flags=re.MULTILINE)

    assert arns == {'arn:aws-cn:sagemaker:*:*:training-job/*'}
    assert not re.search(r'arn:aws:|[0-9]{12}|\b[a-z]{2}-[a-z]+-[0-9]', text)


def test_the_role_trusts_the_agent_with_the_external_id_and_nobody_else() -> None:
    external_id = load(ROLE)['Parameters']['ExternalId']

    assert deploy(ROLE)['Role']['AssumeRolePolicyDocument']['Statement'] == [TRUST]
    assert 'Default' not in external_id, 'then it could be left out'
    assert (external_id['NoEcho'], external_id['MinLength'] >= 8) == (True, True)


def test_the_role_has_the_name_that_the_agent_may_assume() -> None:
    assumed = {instance['assume_role_arn'] for instance in example_instances() if 'assume_role_arn' in instance}

    assert {arn.partition(':role/')[2] for arn in assumed} == {deploy(ROLE)['Role']['RoleName']}


def test_the_role_has_a_boundary_only_if_one_is_named() -> None:
    boundary = 'arn:aws:iam::444455556666:policy/boundary'

    assert 'PermissionsBoundary' not in deploy(ROLE)['Role']
    assert deploy(ROLE, PermissionsBoundaryArn=boundary)['Role']['PermissionsBoundary'] == boundary


def test_the_agent_reads_its_own_account_and_assumes_no_role_unless_told() -> None:
    assert deploy(AGENT_POLICY).keys() == {'ReadPolicy'}
    assert deploy(AGENT_POLICY, ReadOwnAccount='false', AssumeRoleArns=ASSUME['Resource']).keys() == {'AssumePolicy'}


def test_the_agent_assumes_the_roles_that_it_is_told() -> None:
    def assuming(**parameters: str) -> list[dict[str, Any]]:
        return deploy(AGENT_POLICY, **parameters)['AssumePolicy']['PolicyDocument']['Statement']

    organization = {'StringEquals': {'aws:ResourceOrgID': 'o-a1b2c3d4e5'}}
    anywhere = ASSUME | {'Resource': [ASSUME['Resource']]}

    assert assuming(AssumeRoleArns=ASSUME['Resource']) == [anywhere]
    assert assuming(AssumeRoleArns='a,b') == [ASSUME | {'Resource': ['a', 'b']}]
    assert assuming(AssumeRoleArns=ASSUME['Resource'], OrganizationId='o-a1b2c3d4e5') == [
        anywhere | {'Condition': organization}
    ]


def test_sessions_with_tags_are_allowed_on_both_sides() -> None:
    tagged = {'Action': ['sts:AssumeRole', 'sts:TagSession']}
    agent = deploy(AGENT_POLICY, AllowSessionTags='true', AssumeRoleArns=ASSUME['Resource'])['AssumePolicy']

    assert deploy(ROLE, AllowSessionTags='true')['Role']['AssumeRolePolicyDocument']['Statement'] == [TRUST | tagged]
    assert agent['PolicyDocument']['Statement'][0].items() >= tagged.items()


def blocks(kind: str) -> dict[str, Any]:
    """The module's blocks of a kind by their names; by type and name, with a dot, if they have both."""
    found: dict[str, Any] = {}
    for file in MODULE.glob('*.tf'):
        for block in hcl2.loads(file.read_text(encoding='utf-8')).get(kind, []):
            [(label, body)] = ((label.strip('"'), body) for label, body in block.items())
            found |= (
                {label: body} if kind != 'resource' else {f'{label}.{name.strip('"')}': body[name] for name in body}
            )
    return found


def module_text() -> str:
    """The module without its comments."""
    text = '\n'.join(file.read_text(encoding='utf-8') for file in sorted(MODULE.glob('*.tf')))
    return re.sub(r'^ *#.*$', '', text, flags=re.MULTILINE)


def test_the_module_uses_what_it_declares() -> None:
    text = module_text()

    assert set(re.findall(r'\bvar\.(\w+)', re.sub(r'validation \{.*?\n  \}', '', text, flags=re.DOTALL))) == set(
        blocks('variable')
    )
    assert set(re.findall(r'\b(datadog_\w+\.\w+)', text)) <= set(blocks('resource'))
    assert all({'description', 'type', 'default'} <= variable.keys() for variable in blocks('variable').values())


def test_the_module_makes_what_the_provider_knows() -> None:
    known = {'datadog_dashboard_json': {'dashboard', 'dashboard_lists'}, 'datadog_monitor_json': {'monitor'}}
    [provider] = re.findall(r'datadog = \{\s+source += "(.+)"\s+version += "(.+)"\s+\}', module_text())

    assert provider[0] == 'DataDog/datadog'
    assert re.fullmatch(r'~> \d+\.\d+', provider[1])
    for address, body in blocks('resource').items():
        assert {name for name in body if not name.startswith('__')} - {'for_each'} <= known[address.partition('.')[0]]


def test_the_module_reads_folders_that_have_assets() -> None:
    [kinds] = re.findall(r'kind in (\[.+?\])', module_text())

    assert all(list((ASSETS / kind).glob('*.json')) for kind in json.loads(kinds))


needs_terraform = pytest.mark.skipif(not shutil.which('terraform'), reason='there is no terraform on the PATH')


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {'CHECKPOINT_DISABLE': '1', 'TF_CLI_CONFIG_FILE': os.devnull}
    command = ['terraform', *arguments, '-no-color']
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


# What is easily lost or taken for something else on the way through Terraform.
ODD_DASHBOARD = {'title': 'A & b', 'widgets': [1, 0.5, None, True, {'query': '${x} %{y} <z>'}], 'url': f'{APP}metric'}
ODD_LINK = f'{APP}dashboard/lists?q={quote("A & b")}'
ODD_MONITOR = {
    'name': 'M',
    'message': f'{{{{a}}}} ${{b}} [1]({ODD_LINK}&c={{{{d.e}}}}&f=1) [2]({ODD_LINK}), {ODD_LINK}. '
    '`docs/a-b.md#c-d` `e`\n',
}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A copy of the module and the assets whose resources need no provider: they keep their JSON, and have an id."""
    folder = shutil.copytree(ASSETS, tmp_path / 'assets') / 'terraform'
    (folder.parent / 'dashboards' / 'odd.json').write_text(json.dumps(ODD_DASHBOARD))
    (folder.parent / 'monitors' / 'odd.json').write_text(json.dumps({'definition': ODD_MONITOR}))
    text = (folder / 'main.tf').read_text(encoding='utf-8')
    text = re.sub(r'\n +required_providers \{.+?\n  \}', '', text, flags=re.DOTALL)
    for kind in ('dashboard', 'monitor'):
        text = text.replace(f'"datadog_{kind}_json" "this"', f'"terraform_data" "{kind}"')
        text = text.replace(f'datadog_{kind}_json.this', f'terraform_data.{kind}').replace(f'  {kind} =', '  input =')
    (folder / 'main.tf').write_text(text, encoding='utf-8')
    return folder


def apply(folder: Path, **variables: Any) -> str:
    """What Terraform said of errors, if any."""
    (folder / 'terraform.tfvars.json').write_text(json.dumps(variables), encoding='utf-8')
    return terraform(folder, 'init').stderr + terraform(folder, 'apply', '-auto-approve', '-input=false').stderr


def made(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The JSON and the ids of what the module made, each by the names of the assets."""
    state = json.loads((folder / 'terraform.tfstate').read_text(encoding='utf-8'))
    [resource] = [resource for resource in state['resources'] if resource['name'] == kind]
    attributes = {instance['index_key']: instance['attributes'] for instance in resource['instances']}
    definitions = {name: json.loads(values['input']['value']) for name, values in attributes.items()}
    return definitions, {name: values['id'] for name, values in attributes.items()}


def assets(folder: Path, kind: str) -> dict[str, Any]:
    """The assets beside the copy of the module by their names."""
    files = (folder.parent / kind).glob('*.json')
    return {file.stem: json.loads(file.read_text(encoding='utf-8')) for file in files}


@needs_terraform
def test_terraform_makes_the_assets_as_they_are(module: Path) -> None:
    assert apply(module) == ''

    dashboards, ids = made(module, 'dashboard')
    monitors, _ = made(module, 'monitor')
    urls = {name: f'{APP}dashboard/{made_id}' for name, made_id in ids.items()}
    found = {quote(asset['title']): urls[name] for name, asset in dashboards.items()}

    def linked(message: str) -> str:
        link = re.escape(f'{APP}dashboard/lists?q=')
        message = re.sub(rf'{link}([\w%-]+)&', lambda title: f'{found[title[1]]}?', message)
        return re.sub(rf'{link}([\w%-]+)', lambda title: found[title[1]], message).strip()

    assert dashboards == assets(module, 'dashboards')
    assert monitors == {
        name: asset['definition'] | {'message': linked(asset['definition']['message'])}
        for name, asset in assets(module, 'monitors').items()
    }
    state = json.loads((module / 'terraform.tfstate').read_text(encoding='utf-8'))
    assert state['outputs']['dashboard_urls']['value'] == urls


@needs_terraform
def test_terraform_adds_what_the_user_wants(module: Path) -> None:
    site = 'https://us5.datadoghq.com/'
    docs = 'https://git.example.com/ml/it/docs'
    whom = {'notify': ['@a', '@b'], 'notify_recovery': ['@a'], 'notify_warning': ['@c']}
    assert apply(module, prefix='Staging ', app_url=site, docs_url=docs, **whom) == ''

    dashboards, ids = made(module, 'dashboard')
    monitors, _ = made(module, 'monitor')
    url = f'{site}dashboard/{ids["odd"]}'

    assert dashboards['odd'] == ODD_DASHBOARD | {'title': 'Staging A & b', 'url': f'{site}metric'}
    assert monitors['odd']['name'] == 'Staging M'
    links = f'[1]({url}?c={{{{d.e}}}}&f=1) [2]({url}), {url}. [docs/a-b.md#c-d]({docs}/a-b.md#c-d) `e`'
    assert monitors['odd']['message'].startswith(f'{{{{a}}}} ${{b}} {links}\n\n')
    notify = {'alert': ['@a', '@b'], 'recovery': ['@a'], 'warning': ['@c']}
    of_push = {name: notified(asset['definition'], notify) for name, asset in assets(module, 'monitors').items()}
    assert {name: each['message'].rpartition('\n\n')[2] for name, each in monitors.items()} == of_push
    assert '`docs/' not in json.dumps([dashboards, monitors])
    assert APP not in json.dumps([dashboards, monitors])


@needs_terraform
def test_terraform_leaves_out_what_the_user_excludes(module: Path) -> None:
    assert apply(module, exclude=['odd']) == ''

    assert 'odd' in made(module, 'dashboard')[0]
    assert 'odd' not in made(module, 'monitor')[0]


@needs_terraform
def test_terraform_changes_nothing_more_the_second_time(module: Path) -> None:
    apply(module)

    assert terraform(module, 'plan', '-detailed-exitcode', '-input=false').returncode == 0


@needs_terraform
@pytest.mark.parametrize(
    'variables',
    [
        {'app_url': 'https://app.datadoghq.eu'},
        *({name: ['slack-ml-oncall']} for name in ('notify', 'notify_recovery', 'notify_warning')),
        {'docs_url': 'docs/'},
    ],
)
def test_terraform_refuses_a_value_that_would_break_the_messages(module: Path, variables: dict[str, Any]) -> None:
    assert 'Invalid value for variable' in apply(module, **variables)


@needs_terraform
def test_the_module_is_formatted() -> None:
    assert terraform(MODULE, 'fmt', '-check', '-diff').stdout == ''
