# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What make says where it cannot set up, and what it installs for whom."""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / 'requirements'

# Of an index that is reached.
LACKING = """ERROR: Could not find a version that satisfies the requirement a==1 (from versions: none)
ERROR: No matching distribution found for a==1"""
# A Python whose pip fails.
PIP = """case "$*" in *pip*install*) printf '%%s\\n' '%s'; exit 1;; esac
"""
# As if the packages of these names were not installed.
WITHOUT = """
import json, os, sys
folder, absent = sys.argv[1], set(json.loads(sys.argv[2]))

class Absent:
    def find_spec(name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Absent)
"""
COMMANDS = {
    # Of the week before the day, two polls: all of it takes long, and the very first counts nothing.
    'demo': WITHOUT
    + """
from tools.demo import __main__, day
os.chdir(folder)
week, day.week_before = day.week_before, lambda start: week(start)[-2:]
sys.exit(__main__.main(['--hours', '0.25']))
""",
    'push': WITHOUT + "from tools.push.__main__ import main; sys.exit(main(['--dry-run']))",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """As much of the repository as make needs, with no environment in it."""
    tree = tmp_path / 'tree'
    shutil.copytree(REQUIREMENTS, tree / 'requirements')
    for name in ('Makefile', 'pyproject.toml'):
        shutil.copy(ROOT / name, tree / name)
    return tree


def make(tree: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which('make') or 'make', *arguments]
    path = {'PATH': '/usr/bin:/bin', 'HOME': str(tree)}
    return subprocess.run(command, cwd=tree, env=path | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize('version', ['', '3.11.2'], ids=['missing', 'too old'])
def test_without_a_python_that_will_do_make_says_so_in_a_line(version: str, tree: Path) -> None:
    folder = tree / 'bin'
    folder.mkdir()
    for name in filter(None, map(shutil.which, ('date', 'sh'))):
        (folder / Path(name).name).symlink_to(name)
    if version:
        (folder / 'python3').write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo Python {version}\n')
        (folder / 'python3').chmod(0o755)
    made = make(tree, 'demo', PATH=str(folder))
    [line] = made.stderr.splitlines()
    assert made.returncode == 2
    assert 'Python 3.13 or newer' in line
    assert 'uv python install 3.13' in line
    assert (f'python3 is {version}' in line) == bool(version)
    assert not (tree / '.venv').exists()


def test_where_the_package_index_cannot_be_reached_make_says_so_in_a_line(tree: Path) -> None:
    (tree / '.venv' / 'bin').mkdir(parents=True)
    with socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))
        pip = {
            'PYTHON': sys.executable,
            'PIP_INDEX_URL': f'http://127.0.0.1:{closed.getsockname()[1]}/simple',
            'PIP_CONFIG_FILE': '/dev/null',
            'PIP_NO_CACHE_DIR': '1',
            'PIP_RETRIES': '1',
        }
        made = make(tree, 'demo', **pip)
    line, _ = made.stderr.splitlines()
    assert 'The package index cannot be reached: check the network, PIP_INDEX_URL' in line
    assert made.returncode == 2
    assert 'Setting up .venv' in made.stdout, 'what was half made is made anew'
    assert not (tree / '.venv' / 'demo').exists(), 'nor is this taken for ready'


@pytest.mark.parametrize(
    ('printed', 'line'),
    [
        ('  ERROR: Cannot install a==1 and a==2', 'ERROR: Cannot install a==1 and a==2'),
        ('Terminated', 'Terminated'),
        (LACKING, LACKING.partition('\n')[0]),
        ('WARNING: Retrying after connection broken by X\nERROR: y', 'The package index cannot be reached: check'),
    ],
)
def test_of_what_pip_says_when_it_fails_make_says_what_matters(printed: str, line: str, tree: Path) -> None:
    python = tree / 'python'
    python.write_text(f'#!/bin/sh\n[ "$2" = venv ] && mkdir -p .venv/bin && cp "$0" .venv/bin/ || {PIP % printed}')
    python.chmod(0o755)
    made = make(tree, 'demo', PYTHON=str(python))
    said, _ = made.stderr.splitlines()
    assert said.startswith(line)
    assert made.returncode == 2


@pytest.mark.parametrize(
    ('target', 'files'),
    [
        (['demo'], ['demo']),
        (['dry-run', 'REGION=us-east-1'], ['demo']),
        (['push-assets'], ['demo', 'push']),
        (['lint'], ['demo', 'push', 'dev']),
    ],
    ids=lambda each: each[0],
)
def test_a_target_installs_what_it_needs(target: list[str], files: list[str], tree: Path) -> None:
    planned = make(tree, '--dry-run', *target, PYTHON=sys.executable)
    assert planned.returncode == 0
    assert re.findall(r'--requirement requirements/(\w+)\.txt', planned.stdout) == files


@pytest.mark.parametrize('file', ['demo', 'push'])
def test_what_is_installed_for_a_command_is_enough_for_it(file: str, tmp_path: Path) -> None:
    needed = set(closure('demo', file))
    owners = packages_distributions()
    others = {name for name, of in owners.items() if needed.isdisjoint(map(canonicalize_name, of))}
    absent = others | {'datadog_checks.dev'}
    assert {'hypothesis', 'ddtrace'} < absent
    assert ('datadog_api_client' in absent) == (file == 'demo')
    command = [sys.executable, '-c', COMMANDS[file], str(tmp_path), json.dumps(sorted(absent))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def closure(*files: str) -> Iterator[str]:
    """All distributions that the requirements bring, those of their requirements included."""
    lines = [line for file in files for line in (REQUIREMENTS / f'{file}.txt').read_text(encoding='utf-8').splitlines()]
    open_ = [Requirement(line) for line in lines if line and not line.startswith(('#', '--'))]
    seen = set()
    while open_:
        asked = open_.pop()
        key = (canonicalize_name(asked.name), *sorted(asked.extras))
        if key in seen:
            continue
        seen.add(key)
        yield key[0]
        for text in requires(asked.name) or ():
            needed = Requirement(text)
            extras = [{'extra': extra} for extra in asked.extras or ('',)]
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras):
                open_.append(needed)
