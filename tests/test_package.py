# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What only the whole repository shows: ddev accepts it, and its wheel works beside what an Agent embeds."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = Path('datadog_checks', 'sagemaker_training')
DASHBOARDS = len(list((ROOT / 'assets' / 'dashboards').glob('*.json')))

# Validator -> what it says when all is well. An exit code of 0 alone may mean that it looked at nothing.
PRAISE = {
    'config': 'All 2 configuration files are valid!',
    'dashboards': f'{DASHBOARDS} valid files' if DASHBOARDS else 'Validating Dashboard definition files',
    'dep': 'All dependencies are valid!',
    'http': 'Passed: 1',
    'imports': 'Validation passed!',
    'legacy-signature': 'Check `sagemaker_training` uses the new agent signature.',
    'license-headers': 'All license headers are valid.',
    'metadata': 'Passed: 1',
    'models': 'All 5 data model files are in sync!',
    'package': '1 valid files',
    'readmes': 'All 1 READMEs are valid!',
    'saved-views': 'All saved views are valid!',
    'service-checks': '1 valid files',
    'version': 'Version checks out.',
}

# Validator -> the file to break for it, what to replace there (nothing: append), and with what.
BREAKAGE = {
    'config': (PACKAGE / 'data' / 'conf.yaml.example', '', '\n    # undocumented: true\n'),
    'dep': (Path('pyproject.toml'), '"boto3==1.43.98"', '"boto3==1.43.97"'),
    'license-headers': (PACKAGE / '__init__.py', 'datadog-sagemaker-training authors', 'Somebody Else'),
    'metadata': (Path('metadata.csv'), '', 'other.metric,gauge,,parsec,,Not ours.,0,other,,,\n'),
    'models': (PACKAGE / 'config_models' / 'instance.py', '', '\n\nundocumented = True\n'),
    'readmes': (Path('README.md'), '', '\n\N{EM DASH}\n'),
}


def environment_for(purpose: str) -> Path:
    """The Python of another environment, which `make test` names."""
    variable = f'{purpose}_PYTHON'
    if variable not in os.environ and os.environ.get('CI') != 'true':
        pytest.skip(f'{variable} is not set; `make test` builds that environment and sets it')
    return ROOT / os.environ[variable]


def run(*command: object, **options: Any) -> str:
    """What the command printed; its error output is part of the failure if it fails."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert result.returncode == 0, f'{result.stdout}\n{result.stderr}'
    return result.stdout


def validate(tree: Path, *validators: str) -> dict[str, dict[str, Any]]:
    return json.loads(run(environment_for('DDEV'), ROOT / 'tests' / 'ddev_validate.py', tree, *validators))


def is_praised(validator: str, result: dict[str, Any]) -> bool:
    praise = re.search(rf'(^|\W){re.escape(PRAISE[validator])}', result['output'])
    return result['exit_code'] == 0 and praise is not None


@pytest.fixture(scope='module')
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git tracks, or would if all were added, as they are now; no leftovers of builds and tests."""
    tree = tmp_path_factory.mktemp('tree')
    names = run('git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', cwd=ROOT).split('\0')
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    return tree


@pytest.fixture(scope='module')
def validated(tree: Path) -> dict[str, dict[str, Any]]:
    return validate(tree, *PRAISE)


@pytest.fixture(scope='module')
def broken(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    copy = shutil.copytree(tree, tmp_path_factory.mktemp('broken') / 'tree')
    for file, old, new in BREAKAGE.values():
        text = (copy / file).read_text(encoding='utf-8')
        assert old in text
        (copy / file).write_text(text.replace(old, new) if old else text + new, encoding='utf-8')
    return validate(copy, *BREAKAGE)


@pytest.mark.parametrize('validator', PRAISE)
def test_ddev_validates(validator: str, validated: dict[str, dict[str, Any]]) -> None:
    assert is_praised(validator, validated[validator]), validated[validator]['output']


@pytest.mark.parametrize('validator', BREAKAGE)
def test_ddev_sees_what_is_broken(validator: str, broken: dict[str, dict[str, Any]]) -> None:
    assert not is_praised(validator, broken[validator]), broken[validator]['output']
    assert broken[validator]['exit_code'] == 1


# Not `ddev validate typos`: its exit code is 0 for typos and 1 for none.
def test_spelling(tree: Path, tmp_path: Path) -> None:
    python = environment_for('DDEV')
    run(python, '-m', 'codespell_lib', '--toml', ROOT / 'pyproject.toml', tree)
    (tmp_path / 'typo.md').write_text('recieve')
    with pytest.raises(AssertionError, match='receive'):
        run(python, '-m', 'codespell_lib', '--toml', ROOT / 'pyproject.toml', tmp_path)


@pytest.fixture(scope='module')
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree without a network."""
    directory = tmp_path_factory.mktemp('wheel')
    run(sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '--wheel-dir', directory, tree)
    (wheel,) = directory.glob('*.whl')
    return wheel


def test_the_wheel_holds_the_package_and_nothing_else(tree: Path, wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in names if '.dist-info/' not in name}

    assert package == {str(file.relative_to(tree)) for file in (tree / PACKAGE).rglob('*') if file.is_file()}
    assert {str(PACKAGE / 'data' / 'conf.yaml.example'), str(PACKAGE / 'resource_schema.csv')} < package
    assert {name.partition('.dist-info/')[2] for name in names - package} == {
        'METADATA',
        'RECORD',
        'WHEEL',
        'licenses/LICENSE',
    }


def test_the_wheel_asks_for_what_the_agent_embeds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith('/METADATA'))
        metadata = message_from_bytes(archive.read(name))

    assert metadata['Name'] == 'datadog-sagemaker-training'
    assert metadata['Requires-Python'] == '>=3.13'
    assert metadata.get_all('Requires-Dist') == ['datadog-checks-base>=37.40.0', "boto3==1.43.98; extra == 'deps'"]


def test_the_agents_environment_has_the_oldest_base_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    pins = set((ROOT / 'requirements' / 'agent.txt').read_text(encoding='utf-8').splitlines())

    assert {dependency.replace('>=', '[deps]==') for dependency in project['dependencies']} < pins
    assert set(project['optional-dependencies']['deps']) < pins


# Finds the check as the Agent does: the one class derived from AgentCheck that no other derives from.
AGENT = """
import importlib, json, sys
from datadog_checks.base import AgentCheck
from datadog_checks.base.stubs import aggregator

module = importlib.import_module('datadog_checks.sagemaker_training')
classes = [
    value
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, AgentCheck) and value is not AgentCheck
    and not value.__subclasses__()
]
check, = (found('sagemaker_training', {}, [json.loads(sys.argv[1])]) for found in classes)
print(json.dumps({
    'file': module.__file__,
    'version': module.__version__,
    'error': check.run(),
    'statuses': [found.status for found in aggregator.service_checks('sagemaker_training.can_connect')],
    'resources': len(aggregator.get_event_platform_events('genresources', parse_json=False)),
}))
"""


def test_an_agent_runs_the_wheel(wheel: Path, tmp_path: Path) -> None:
    from tools.aws.clock import SimulatedClock
    from tools.aws.fleet import Job, Step
    from tools.aws.server import SimulatedAws

    python = environment_for('AGENT')
    run(python, '-m', 'pip', 'install', '--no-deps', '--no-index', '--force-reinstall', '--no-compile', wheel)
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    job = Job(
        name='churn',
        account='123456789012',
        region='us-east-1',
        steps=(Step('Training', now - hour), Step('Completed', now + hour)),
        fields={'ResourceConfig': {'InstanceType': 'ml.m5.large', 'InstanceCount': 1}},
    )
    with SimulatedAws(SimulatedClock(now), [job]) as aws:
        instance = {
            'regions': ['us-east-1'],
            'endpoint_url': aws.endpoint_url,
            'aws_access_key_id': 'test',
            'aws_secret_access_key': 'test',
        }
        printed = run(python, '-I', '-c', AGENT, json.dumps(instance), cwd=tmp_path, timeout=60)

    seen = json.loads(printed.splitlines()[-1])
    assert Path(seen.pop('file')).is_relative_to(python.parent.parent)
    assert re.fullmatch(r'\d+\.\d+\.\d+', seen.pop('version'))
    assert seen == {'error': '', 'statuses': [0], 'resources': 1}
