# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datadog_checks.sagemaker_training.families import families, job_family
from demo.scenario import living_fleet
from demo.workloads import WORKLOADS

from .builders import NOW

with (Path(__file__).parent / 'families.csv').open(encoding='utf-8') as _file:
    NAMES = [(row['name'], row['family']) for row in csv.DictReader(_file)]

ANY_NAME = st.from_regex(r'[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}', fullmatch=True)

HEX, LOWER, ALPHANUMERIC = '0123456789abcdef', 'abcdefghijklmnopqrstuvwxyz0123456789', 'ABCdef01GHIjkl23MNOpqr'
CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'


def _random(alphabet: str, length: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length)


_moments = st.integers(1_451_606_400, 2_208_988_799).map(lambda epoch: datetime.fromtimestamp(epoch, UTC))
_milliseconds = st.integers(0, 999)
_commits = _random(HEX, 7).filter(lambda text: not text.isdigit() and not text.isalpha())


def _written(form: str) -> st.SearchStrategy[str]:
    return _moments.map(lambda moment: moment.strftime(form))


# Each is what one tool writes behind a name to make a run of it unique.
SUFFIXES: dict[str, st.SearchStrategy[str]] = {
    'sdk': st.builds('{}-{:03}'.format, _written('-%Y-%m-%d-%H-%M-%S'), _milliseconds),
    'sdk, short': _written('-%y%m%d-%H%M'),
    'sdk, unique': st.builds('-{}-{}'.format, st.integers(1_420_000_000, 2_190_000_000), _random(HEX, 4)),
    'ModelTrainer': _written('-%Y%m%d%H%M%S'),
    'tuning': st.builds('-{:03}-{}'.format, st.integers(1, 9999), _random(HEX, 8)),
    'tuning of the sdk': st.builds(
        '{}-{:03}-{}'.format, _written('-%y%m%d-%H%M'), st.integers(1, 999), _random(HEX, 8)
    ),
    'airflow': _written('-%Y%m%dT%H%M%S'),
    'kubeflow': st.builds('{}-{}'.format, _written('-%Y%m%d%H%M%S'), _random(ALPHANUMERIC, 4)),
    'syne tune': st.builds('{}-{:03}-{}'.format, _written('-%Y-%m-%d-%H-%M-%S'), _milliseconds, st.integers(0, 5000)),
    'step functions': st.uuids().map('-{}'.format),
    'uuid': st.uuids().map(lambda uuid: f'-{uuid.hex}'),
    'ulid': _random(CROCKFORD, 24).map('-01{}'.format),
    'commit and time': st.builds('-{}{}'.format, _commits, _written('-%Y%m%d-%H%M%S')),
    'time and random': st.builds('{}-{}'.format, _written('-%Y-%m-%d-%H-%M-%S'), _random(LOWER, 5)),
    'pull request': st.builds('-pr-{}-{}'.format, st.integers(1, 99_999), _random(HEX, 7)),
    'microseconds': _written('--%Y-%m-%d--%H-%M-%S-%f'),
    'day first': _written('-%d%m%Y-%H-%M-%S'),
    'no year': _written('-%m-%d-%H-%M-%S'),
    'am and pm': _written('-%Y-%m-%d-%I-%M-%p'),
    'no dash': _written('%Y-%m-%d-%H-%M-%S'),
}
# What people call a model: words, with sizes and versions.
_words = st.sampled_from(['churn', 'ranker', 'resnet', 'two-tower', 'eu', 'gpt2', 'bert-base', 'LightGBM', 'train'])
_numbers = st.sampled_from(['', '', '', '3-'])
_sizes = st.sampled_from(['', '', '-50', '-7b', '-v12', '-v0-1', '-1024-768'])
COMMON = st.builds('{}-{}{}'.format, _words, _words, _sizes)
# A number in front is a name, unless a time stands behind.
NUMBERED = st.builds('{}{}'.format, _numbers, COMMON)


@pytest.mark.parametrize(('name', 'family'), NAMES)
def test_the_family_is_what_the_runs_of_one_pipeline_share(name: str, family: str) -> None:
    assert job_family(name) == family


def test_the_table_has_the_names_of_many_tools() -> None:
    assert len(dict(NAMES)) == len(NAMES) >= 100


@pytest.mark.parametrize('tool', SUFFIXES)
@given(data=st.data())
def test_runs_that_differ_in_what_makes_them_unique_are_one_family(tool: str, data: st.DataObject) -> None:
    common = data.draw(NUMBERED)
    if tool == 'no dash':  # behind a digit, a year would be more digits
        common += '-model'
    first, second = data.draw(SUFFIXES[tool]), data.draw(SUFFIXES[tool])
    family = job_family(f'{common}{first}')
    assert job_family(f'{common}{second}') == family
    assert family.startswith((common, common.removeprefix('3-')))


@given(common=st.lists(COMMON, min_size=2, max_size=2, unique=True), data=st.data())
def test_names_whose_common_part_differs_are_not_merged(common: list[str], data: st.DataObject) -> None:
    suffix = data.draw(SUFFIXES[data.draw(st.sampled_from(sorted(SUFFIXES.keys() - {'no dash'})))])
    first, second = (job_family(f'{name}{suffix}') for name in common)
    assert first != second


@given(ANY_NAME)
def test_a_family_is_its_own_family(name: str) -> None:
    family = job_family(name)
    assert job_family(family) == family
    assert not family.startswith('-')
    assert not family.endswith('-')
    assert len(family) <= len(name)


@given(_words, ANY_NAME)
def test_a_word_is_never_all_cut_away(word: str, rest: str) -> None:
    assert job_family(f'{word}-{rest}')


def test_a_month_of_a_fleet_has_a_family_for_each_workload() -> None:
    names = [job.name for job in living_fleet(NOW, hours=30 * 24)]
    assert len(names) > 20_000
    assert len(set(map(job_family, names))) == len(WORKLOADS)


PATTERNS = [r'^(?:prod|dev)-(.+)-b\d+$', r'-(?:x-(.*)|y)$', r'(nlp|vision)']


@pytest.mark.parametrize(
    ('name', 'tags', 'family'),
    [
        ('dev-churn-b17', {}, 'churn'),
        ('dev-churn-b17', {'pipeline': 'from-tag'}, 'from-tag'),
        ('dev-churn-b17', {'pipeline': ''}, 'churn'),
        ('dev-churn-b17', {'Pipeline': 'another key'}, 'churn'),
        ('nlp-y', {}, 'nlp'),  # the group of the second is not in the name
        ('nlp-x-', {}, 'nlp'),  # or has nothing in it
        ('vision-20261123', {}, 'vision'),
        ('churn-20261123', {}, 'churn'),
        ('dev-churn-20261123-b1', {}, 'churn-20261123'),  # as the user says
    ],
)
def test_the_tag_wins_then_the_patterns(name: str, tags: dict[str, str], family: str) -> None:
    assert families(PATTERNS, 'pipeline')(name, tags) == family


def test_without_options_the_family_is_in_the_name() -> None:
    assert families([], None)('churn-20261123', {'pipeline': 'p'}) == 'churn'
