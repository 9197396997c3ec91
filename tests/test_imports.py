# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / 'datadog_checks' / 'sagemaker_training'
# Who alone may import what: name of the module, and the start of the names that are its own.
RESERVED = (
    ('__init__', '.check.'),
    ('aws', 'boto3.'),
    ('aws', 'botocore.'),
    ('check', 'datadog_checks.base.AgentCheck.'),
    ('check', 'datadog_checks.base.checks.'),
)


def imported(source: str) -> Iterator[str]:
    """The dotted names that a module imports, those of its own package from the dot on: `.job.TrainingJob`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = '.' * node.level + f'{node.module or ""}.' if isinstance(node, ast.ImportFrom) else ''
            for alias in node.names:
                yield f'{module}{alias.name}'.replace('..', '.').removeprefix('datadog_checks.sagemaker_training')


def violations(sources: Mapping[str, str]) -> list[str]:
    """What is wrong with the imports of a package's modules, name -> source; a sentence each."""
    names = {module: set(imported(source)) for module, source in sources.items()}
    found = [
        f'{module} imports {name}, which only {owner} may'
        for owner, reserved in RESERVED
        for module in names.keys() - {owner}
        for name in names[module]
        if f'{name}.'.startswith(reserved)
    ]
    siblings = {module: {name.split('.')[1] for name in names[module] if name.startswith('.')} for module in names}
    try:
        TopologicalSorter(siblings).prepare()
    except CycleError as e:
        found.append(f'imports in a circle: {" <- ".join(e.args[1])}')
    return sorted(found)


def test_imports_point_one_way() -> None:
    found = violations({path.stem: path.read_text(encoding='utf-8') for path in PACKAGE.glob('*.py')})
    assert not found, '\n'.join(found)


def test_the_scrubber_needs_nothing_but_itself_and_text() -> None:
    sources = {path.stem: path.read_text(encoding='utf-8') for path in (PACKAGE / 'scrub').glob('*.py')}
    modules = {
        name.split('.')[1 if name.startswith('.') else 0] for source in sources.values() for name in imported(source)
    }
    assert not violations(sources)
    assert modules <= {*sources, 'text', *sys.stdlib_module_names}


@pytest.mark.parametrize(
    ('sources', 'violation'),
    [
        (
            {'job': 'from .check import SagemakerTrainingCheck'},
            'job imports .check.SagemakerTrainingCheck, which only __init__ may',
        ),
        ({'job': 'from . import check'}, 'job imports .check, which only __init__ may'),
        (
            {'job': 'from datadog_checks.sagemaker_training.check import X'},
            'job imports .check.X, which only __init__ may',
        ),
        ({'job': 'import boto3'}, 'job imports boto3, which only aws may'),
        (
            {'job': 'def f():\n    from botocore.config import Config'},
            'job imports botocore.config.Config, which only aws may',
        ),
        (
            {'job': 'from datadog_checks.base import AgentCheck'},
            'job imports datadog_checks.base.AgentCheck, which only check may',
        ),
        ({'job': 'from .tags import family', 'tags': 'from . import job'}, 'imports in a circle: job <- tags <- job'),
    ],
)
def test_a_forbidden_import_is_named(sources: dict[str, str], violation: str) -> None:
    assert violations(sources) == [violation]


def test_permitted_imports() -> None:
    assert not violations(
        {
            '__init__': 'from .check import SagemakerTrainingCheck',
            'check': 'from datadog_checks.base import AgentCheck\nfrom .job import TrainingJob',
            'aws': 'import boto3, botocore.config\nfrom datadog_checks.base import ConfigurationError',
            'job': 'from .aws import snake_case\nimport boto3_like',
        }
    )
