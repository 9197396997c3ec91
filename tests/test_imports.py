# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'datadog_checks' / 'sagemaker_training'
# Who alone may import what: name of the module, and the start of the names that are its own.
RESERVED = (
    ('__init__', '.check.'),
    ('aws', 'boto3.'),
    ('aws', 'botocore.'),
    ('check', 'datadog_checks.base.AgentCheck.'),
    ('check', 'datadog_checks.base.checks.'),
)

CHECK = 'datadog_checks.sagemaker_training'
# Which other rooms each room may import; the tests may import them all.
ROOMS = {
    CHECK: (),
    'tools.aws': (),
    'tools.datadog': (CHECK,),
    'tools.preview': ('tools.datadog',),
    'tools.backtest': (CHECK, 'tools.aws'),
    'tools.browser': (),
    'tools.push': ('tools.datadog',),
    'tools.demo': (CHECK, 'tools.aws', 'tools.backtest', 'tools.browser', 'tools.datadog', 'tools.preview'),
    'benchmarks': (CHECK, 'tools.aws'),
    'tests': (
        CHECK,
        'tools.aws',
        'tools.backtest',
        'tools.browser',
        'tools.datadog',
        'tools.demo',
        'tools.preview',
        'tools.push',
    ),
}
MOST_LINES, MOST_LINES_OF_A_MODULE, MOST_LINES_OF_A_TEST = 2_000, 250, 500


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


def sources_of(folder: Path) -> dict[str, str]:
    """By module; a room within is one module."""
    return {path.stem: path.read_text(encoding='utf-8') for path in folder.glob('*.py')} | {
        room.parent.name: '\n'.join(path.read_text(encoding='utf-8') for path in room.parent.glob('*.py'))
        for room in folder.glob('*/__init__.py')
    }


@pytest.mark.parametrize('room', ['', 'aws', 'scrub'])
def test_imports_point_one_way(room: str) -> None:
    found = violations(sources_of(PACKAGE / room))
    if room == 'aws':  # all of which is that room's own
        found = [each for each in found if 'which only aws may' not in each]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize(
    ('room', 'needs'),
    [('scrub', {'text'}), ('aws', {'text', 'config_models', 'datadog_checks', 'botocore'})],
)
def test_a_room_of_the_check_needs_little_outside(room: str, needs: set[str]) -> None:
    sources = sources_of(PACKAGE / room)
    modules = {
        name.split('.')[1 if name.startswith('.') else 0] for source in sources.values() for name in imported(source)
    }
    assert modules <= {*sources, *needs, *sys.stdlib_module_names}


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


def room_of(name: str) -> str:
    """The room that a dotted name is in; empty if it is none of ours."""
    return next((room for room in ROOMS if f'{name}.'.startswith(f'{room}.')), '')


def reached(module: str, source: str, *, is_package: bool = False) -> Iterator[str]:
    """The dotted names, in full, that a module imports."""
    inside = module.split('.') if is_package else module.split('.')[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            parts = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            if isinstance(node, ast.ImportFrom) and node.level:
                parts = inside[: len(inside) + 1 - node.level] + parts
            yield from ('.'.join([*parts, alias.name]) for alias in node.names)


def ways_up(sources: Mapping[str, str], packages: Collection[str] = ()) -> list[str]:
    """What is wrong with the imports between rooms, dotted name of a module -> source; a sentence each."""
    names = {module: set(reached(module, source, is_package=module in packages)) for module, source in sources.items()}
    found = [
        f'{module} imports {name}, which {room_of(module)} may not'
        for module in names
        for name in names[module]
        if room_of(name) not in ('', room_of(module), *ROOMS[room_of(module)])
    ]
    own = {module: {each for name in names[module] if (each := _module_of(name, names)) != module} for module in names}
    try:
        TopologicalSorter(own).prepare()
    except CycleError as e:
        found.append(f'imports in a circle: {" <- ".join(filter(None, e.args[1]))}')
    return sorted(found)


def _module_of(name: str, modules: Collection[str]) -> str:
    """A name is of the module of that name, or of the one that it is imported from."""
    return next((each for each in (name, name.rpartition('.')[0]) if each in modules), '')


def test_rooms_import_one_way() -> None:
    folders = (PACKAGE, ROOT / 'benchmarks', *(path for path in (ROOT / 'tools').iterdir() if path.is_dir()))
    # What ddev generates imports in a circle.
    paths = {path for folder in folders for path in folder.rglob('*.py') if path.parent.name != 'config_models'}
    dotted = {path: '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__') for path in paths}
    assert {name for name in dotted.values() if not room_of(name)} == set(), 'not in any room of the table'
    sources = {dotted[path]: path.read_text(encoding='utf-8') for path in paths}
    found = ways_up(sources, {dotted[path] for path in paths if path.stem == '__init__'})
    assert not found, '\n'.join(found)
    gone = {(room_of(module), room_of(name)) for module, source in sources.items() for name in reached(module, source)}
    allowed = {(room, other) for room, others in ROOMS.items() if room != 'tests' for other in others}
    assert allowed <= gone, 'a way that nobody goes'


@pytest.mark.parametrize(
    ('module', 'source', 'sentence'),
    [
        (
            f'{CHECK}.job',
            'def f():\n    from tools.aws.clock import SimulatedClock',
            f'{CHECK}.job imports tools.aws.clock.SimulatedClock, which {CHECK} may not',
        ),
        ('tools.aws.fleet', 'import tools.datadog', 'tools.aws.fleet imports tools.datadog, which tools.aws may not'),
        (
            'tools.browser.serve',
            'from tools import demo',
            'tools.browser.serve imports tools.demo, which tools.browser may not',
        ),
        (
            'tools.datadog.query',
            'from ..preview import page',
            'tools.datadog.query imports tools.preview.page, which tools.datadog may not',
        ),
        (
            'tools.push.upsert',
            f'from {CHECK} import job',
            f'tools.push.upsert imports {CHECK}.job, which tools.push may not',
        ),
        (
            'tools.demo.day',
            'from tests.builders import NOW',
            'tools.demo.day imports tests.builders.NOW, which tools.demo may not',
        ),
    ],
)
def test_a_way_up_is_named(module: str, source: str, sentence: str) -> None:
    assert ways_up({module: source}) == [sentence]


def test_a_circle_of_modules_is_named() -> None:
    sources = {'tools.demo.day': 'from .live import live', 'tools.demo.live': 'from tools.demo import day'}
    assert ways_up(sources) == ['imports in a circle: tools.demo.day <- tools.demo.live <- tools.demo.day']


@pytest.mark.parametrize('room', [room for room in ROOMS if room.startswith('tools.')])
def test_a_room_says_what_it_is_for_and_can_be_surveyed(room: str) -> None:
    folder = ROOT / room.replace('.', '/')
    purpose = ast.get_docstring(ast.parse((folder / '__init__.py').read_text(encoding='utf-8')))
    assert purpose
    assert len(purpose.splitlines()) == 3
    written = [path for suffix in ('py', 'js', 'css', 'html') for path in folder.rglob(f'*.{suffix}')]
    assert sum(len(path.read_text(encoding='utf-8').splitlines()) for path in written) <= MOST_LINES


@pytest.mark.parametrize(
    ('folder', 'most'), [(PACKAGE, MOST_LINES_OF_A_MODULE), (ROOT / 'tests', MOST_LINES_OF_A_TEST)]
)
def test_a_module_can_be_surveyed(folder: Path, most: int) -> None:
    lines = {path: len(path.read_text(encoding='utf-8').splitlines()) for path in folder.rglob('*.py')}
    assert lines
    assert {path.name: count for path, count in lines.items() if count > most} == {}
