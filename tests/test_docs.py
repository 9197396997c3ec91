# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The README and docs/ can be read, and lead where they say; whether they are right is for test_docs_facts.py."""

import json
import re
from collections import defaultdict

import pytest

from .asset_rules import DOCS_PATH, load, strings
from .pages import LONG_SENTENCE, LONGEST_SENTENCE, PAGES, ROOT, anchors, broken_links, links, section, sentences

README = PAGES['README.md']
FIRST_SCREENS = '\n'.join(README.splitlines()[:60])
PAGE_NAMES = {
    'aws-access',
    'configuration',
    'cost',
    'dashboards-and-monitors',
    'data',
    'how-it-works',
    'install',
    'runbooks',
    'security',
    'troubleshooting',
}


def test_there_is_a_page_for_each_question() -> None:
    assert {name.removeprefix('docs/').removesuffix('.md') for name in PAGES if name.startswith('docs/')} == PAGE_NAMES
    linked = {link.partition('#')[0] for link in links(README)}
    assert {f'docs/{name}.md' for name in PAGE_NAMES} <= linked, 'the README leads to each'


@pytest.mark.parametrize('page', PAGES)
def test_a_page_is_ascii(page: str) -> None:
    assert PAGES[page].isascii()


@pytest.mark.parametrize('page', PAGES)
def test_each_link_leads_somewhere(page: str) -> None:
    assert broken_links(page, PAGES) == []
    used, defined = set(re.findall(r'\]\[(\d+)\]', PAGES[page])), re.findall(r'^\[(\d+)\]: ', PAGES[page], re.MULTILINE)
    assert sorted(used, key=int) == defined, 'each reference is defined and used, in order'


@pytest.mark.parametrize(
    ('text', 'broken'),
    [
        ('[a](docs/nothing.md)', 'docs/nothing.md'),
        ('[a](#no-such-heading)', '#no-such-heading'),
        ('[a](docs/runbooks.md#job-fails)', 'docs/runbooks.md#job-fails'),
        ('![a](images/nothing.png)', 'images/nothing.png'),
        ('[a][1]\n\n[1]: docs/data.md#metric', 'docs/data.md#metric'),
        ('[a](../etc/hosts)', '../etc/hosts'),
        ('[a](http://example.com)', 'http://example.com'),
        ('[a](README.md#support)', None),
        ('[a](docs/runbooks.md#job-failed) and [b](Makefile)', None),
        ('# Two words, `code`\n[a](#two-words-code)', None),
        ('# Twice\n# Twice\n[a](#twice-1)', None),
        ('```shell\n# no heading\n```\n[a](#no-heading)', '#no-heading'),
    ],
)
def test_a_link_that_leads_nowhere_is_found(text: str, broken: str | None) -> None:
    assert broken_links('README.md', PAGES | {'README.md': f'# Support\n{text}\n'}) == ([broken] if broken else [])


@pytest.mark.parametrize('page', PAGES)
def test_no_sentence_is_long(page: str) -> None:
    lengths = {sentence: len(sentence.split()) for sentence in sentences(PAGES[page])}
    assert [each for each, words in lengths.items() if words > LONGEST_SENTENCE] == []
    long = [each for each, words in lengths.items() if words > LONG_SENTENCE]
    assert len(long) <= 0.1 * len(lengths), '\n'.join(long)


def test_each_fact_stands_in_one_place() -> None:
    pages: defaultdict[str, set[str]] = defaultdict(set)
    for page, text in PAGES.items():
        for sentence in sentences(text):
            pages[sentence].add(page)
    assert {each: on for each, on in pages.items() if len(on) > 1 and len(each.split()) > 6} == {}


def test_sentences_are_told_apart() -> None:
    text = (
        'One is here. `Two` is *there*. (Three is 1.5 long.) Four:\n\n'
        '- five [with a\n  link](x.md)\n- six\n1. seven\n\n| a | b |\n|---|---|\n| no. | No |\n\n'
        '```shell\nNo. Not this.\n```\nEight\nis wrapped.\n\n# Not this\n\n[1]: https://not.this\n'
    )
    assert sentences(text) == [
        'One is here.',
        '`Two` is *there*.',
        '(Three is 1.5 long.',
        'Four:',
        'five with a link',
        'six',
        'seven',
        'Eight is wrapped.',
    ]


def test_the_readme_is_for_ten_minutes() -> None:
    assert len(README.splitlines()) <= 220


@pytest.mark.parametrize(
    ('question', 'answers'),
    [
        ('What is it?', ('check for the Datadog Agent', 'training jobs', 'dashboards')),
        ('What does it cost to try?', ('Nothing', '`make demo`', 'no AWS', 'minutes')),
        (
            'What may it read?',
            ('`sagemaker:ListTrainingJobs`', '`sagemaker:DescribeTrainingJob`', '#the-read-only-policy'),
        ),
        ('How do I see it?', ('make demo', '![')),
        ('How do I install it?', ('`datadog-agent integration install`', 'conf.yaml')),
    ],
)
def test_its_first_screens_answer_a_newcomer(question: str, answers: tuple[str, ...]) -> None:
    assert f'| {question} |' in FIRST_SCREENS
    assert [answer for answer in answers if answer not in FIRST_SCREENS] == []


def test_the_readme_has_the_headings_that_a_reader_of_integrations_looks_for() -> None:
    tile = json.loads((ROOT / 'manifest.json').read_text(encoding='utf-8'))['tile']
    pointed_at = {tile[page].partition('#')[2] for page in ('overview', 'configuration', 'support')}
    headings = set(re.findall(r'^## (.+)$', README, re.MULTILINE))

    assert pointed_at | {'Overview', 'Setup', 'Data Collected', 'Troubleshooting', 'Support'} == headings
    for title in ('Installation', 'Configuration', 'Validation'):
        assert f'### {title}\n' in section('README.md', 'Setup')
    for title in ('Metrics', 'Events', 'Service Checks'):
        assert f'### {title}\n' in section('README.md', 'Data Collected')


def test_the_commands_that_are_named_exist() -> None:
    targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE)
    named = {target for text in PAGES.values() for target in re.findall(r'(?:^ *|`)make ([a-z-]+)', text, re.MULTILINE)}

    assert {'demo', 'test', 'dry-run', 'push-assets'} <= named
    assert named <= {*targets}


def test_each_monitor_has_its_runbook_and_leads_to_it() -> None:
    text = PAGES['docs/runbooks.md']
    expected = {name: f'docs/runbooks.md#{name.replace("_", "-")}' for name in load('monitors')}
    runbooks = set(re.findall('^## (.+)$', text, re.MULTILINE)) - {'Before you begin'}

    assert {f'docs/runbooks.md#{anchor}' for title in runbooks for anchor in anchors(f'## {title}')} == {
        *expected.values()
    }
    for name, monitor in load('monitors').items():
        assert DOCS_PATH.findall(monitor['definition']['message'])[-1] == expected[name]
    for title in sorted(runbooks):
        runbook = section('docs/runbooks.md', title)
        assert '**It means:**' in runbook
        assert 'ikely' in runbook
        for place in ('n a host', 'n Kubernetes', 'n ECS'):
            assert place in runbook, title


def test_each_page_that_an_asset_names_is_there() -> None:
    named = {
        path
        for kind in ('dashboards', 'monitors')
        for asset in load(kind).values()
        for text in strings(asset)
        for path in DOCS_PATH.findall(text)
    }
    assert any(path.startswith('docs/runbooks.md#') for path in named)
    assert broken_links('README.md', PAGES | {'README.md': ''.join(f'[a]({path})\n' for path in named)}) == []
