# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The README and the pages of docs/, in the parts that tests compare with the code."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FILES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
PAGES = {str(file.relative_to(ROOT)): file.read_text(encoding='utf-8') for file in FILES}

FENCE = re.compile(r'^ *```(\w*)\n(.*?)^ *```$', re.DOTALL | re.MULTILINE)
HEADING = re.compile(r'^(#+) (.+)$', re.MULTILINE)
DEFINITION = re.compile(r'^\[(\d+)\]: (\S+)$', re.MULTILINE)
INLINE_LINK = re.compile(r'(?<!`)\]\(([^)\s]+)\)')
LINK_TEXT = re.compile(r'!?\[([^\]]*)\](?:\([^)]*\)|\[\d+\])')
LONGEST_SENTENCE = 40
LONG_SENTENCE = 25


def prose(page: str) -> str:
    """The page's words in one line, as they may be wrapped anywhere."""
    return ' '.join(PAGES[page].split())


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next one of its level or above it; headings in code blocks are none."""
    text = PAGES[page]
    code = [range(*fence.span()) for fence in FENCE.finditer(text)]
    headings = [each for each in HEADING.finditer(text) if not any(each.start() in block for block in code)]
    (start,) = (each for each in headings if each[2] == title)
    ends = (each.start() for each in headings if each.start() > start.start() and len(each[1]) <= len(start[1]))
    return text[start.end() : next(ends, len(text))]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the text's tables, without their header rows and without backquotes around a cell."""
    lines = re.findall(r'^\| (.+) \|$', re.sub(r'^\|.+\n\|---.*$', '', text, flags=re.MULTILINE), re.MULTILINE)
    return [[re.sub('^`([^`]*)`$', r'\1', cell.strip()) for cell in line.split('|')] for line in lines]


def blocks(language: str) -> Iterator[str]:
    """The code blocks of that language on all pages."""
    for text in PAGES.values():
        yield from (code for name, code in FENCE.findall(text) if name == language)


def example_instances() -> list[dict[str, Any]]:
    configurations = [yaml.safe_load(block) for block in blocks('yaml')]
    for values in [each for each in configurations if 'clusterAgent' in each]:
        files = values['clusterAgent']['advancedConfd']['sagemaker_training.d'].values()
        configurations += map(yaml.safe_load, files)
    return [instance for configuration in configurations for instance in configuration.get('instances', ())]


def statements() -> list[dict[str, Any]]:
    """Those of all policies, permissions and trust."""
    return [statement for block in blocks('json') for statement in json.loads(block).get('Statement', ())]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings: https://github.com/gjtorikian/html-pipeline, `toc_filter`."""
    found: Counter[str] = Counter()
    result = set()
    for _, heading in HEADING.findall(FENCE.sub('', text)):
        slug = re.sub(r'[^\w\- ]', '', LINK_TEXT.sub(r'\1', heading).lower()).replace(' ', '-')
        result.add(f'{slug}-{found[slug]}' if found[slug] else slug)
        found[slug] += 1
    return result


def links(text: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    without_code = FENCE.sub('', text)
    return INLINE_LINK.findall(without_code) + [target for _, target in DEFINITION.findall(without_code)]


def broken_links(page: str, pages: dict[str, str]) -> list[str]:
    """The links of a page that lead to no file of the repository, or to no heading of a page."""
    broken = []
    for link in links(pages[page]):
        if link.startswith('https://'):
            continue
        path, _, anchor = link.partition('#')
        target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        name = str(target.relative_to(ROOT)) if target.is_relative_to(ROOT) else ''
        if not (name in pages or target.is_file()) or (anchor and anchor not in anchors(pages.get(name, ''))):
            broken.append(link)
    return broken


def sentences(text: str) -> list[str]:
    """The sentences outside of code blocks, tables and headings; an item of a list begins one of its own."""
    text = DEFINITION.sub('', FENCE.sub('\n\n', text))
    text = re.sub(r'^(?:\||#+ ).*$', '\n', text, flags=re.MULTILINE)
    text = LINK_TEXT.sub(r'\1', text)
    parts = re.split(r'\n\s*\n|^ *(?:[-*]|\d+\.) ', text, flags=re.MULTILINE)
    return [
        sentence
        for part in parts
        for sentence in re.split(r'(?<=[.!?])[*)]*\s+(?=[A-Z`*"(\[])', ' '.join(part.split()))
        if sentence
    ]
