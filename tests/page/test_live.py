# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A page that gets new data while somebody looks at it."""

import copy

from playwright.sync_api import Browser

from tools.browser.screenshots import JOB_ROWS, go
from tools.browser.serve import PageServer
from tools.datadog.assets import Json
from tools.preview.page import compressed, page

# What a viewer does, and what of it is to be seen afterwards.
LEAVE = """() => {
  window.wasThere = true;
  const stream = document.querySelector('.stream');
  stream.scrollIntoView({block: 'center'});
  const summary = stream.querySelectorAll('summary')[4];
  summary.focus();
  summary.click();
  stream.scrollTo(0, 30);
  document.querySelector('.legend tbody tr').click();
}"""
LEFT = """() => ({
  isTheSamePage: window.wasThere === true,
  scrolled: [scrollY, document.querySelector('.stream')?.scrollTop],
  unfolded: [...document.querySelectorAll('details[open] > summary')].map((each) => each.innerText),
  focused: document.activeElement.closest('a, summary')?.innerText,
  picked: [...document.querySelectorAll('.legend tr:not(.off) .name')].map((each) => each.innerText),
  theme: document.documentElement.dataset.theme,
  hash: location.hash,
})"""


def moved_on(shown: Json, notice: str) -> bytes:
    """With one more event than there was, on top of all, and other values."""
    later = copy.deepcopy(shown)
    for items in later['streams']:
        next_one = {'title': 'The next event', 'time': items[0]['time'] + 1}
        items.insert(0, items[0] | next_one | {'tags': items[0]['tags'] | {'team': 'nlp'}})
    for block in later['blocks']:
        block['rows'] = [[tags, at, [value and 3 * value for value in values]] for tags, at, values in block['rows']]
    return compressed(later | {'notice': notice})


def test_a_live_page_gets_new_data_and_stays_as_it_was_left(browser: Browser, shown: Json) -> None:
    first = shown | {'notice': 'one', 'live': 0.5}
    problems: list[object] = []
    with PageServer(0) as server, browser.new_context(color_scheme='light') as context:
        server.data, server.page = compressed(first), page(None)
        found = context.new_page()
        found.on('pageerror', lambda error: problems.append(error))
        found.goto(f'{server.url}#overview?team=nlp')
        found.locator('#notice', has_text='one').wait_for()
        found.locator('#theme').click()
        go(found, '#overview?team=nlp')
        found.evaluate(LEAVE)
        values = found.locator('.value').all_inner_texts()
        left = found.evaluate(LEFT)
        assert left['scrolled'][0] > 1000
        assert left['scrolled'][1] == 30
        assert [left['focused']] == left['unfolded']

        server.data = moved_on(first, 'two')
        found.locator('#notice', has_text='two').wait_for()
        assert found.evaluate(LEFT) == left
        assert found.locator('.value').all_inner_texts() != values
        assert found.locator('.stream tbody tr').first.inner_text().endswith('The next event')

        found.evaluate('rows => document.querySelector(`${rows} a`).focus({preventScroll: true})', JOB_ROWS)
        left = found.evaluate(LEFT)
        server.data = moved_on(first, 'three')
        found.locator('#notice', has_text='three').wait_for()
        assert found.evaluate(LEFT) == left

        go(found, '#monitors')
        found.evaluate("document.querySelectorAll('.strip summary')[3].click()")
        left = found.evaluate(LEFT)
        assert len(left['unfolded']) == 1
        server.data = moved_on(first, 'four')
        found.locator('#notice', has_text='four').wait_for()
        assert found.evaluate(LEFT) == left
    assert problems == []


def test_a_live_page_says_when_nobody_updates_it_any_more(browser: Browser, shown: Json) -> None:
    with browser.new_context() as context:
        with PageServer(0) as server:
            server.data, server.page = compressed(shown | {'notice': 'one', 'live': 0.5}), page(None)
            found = context.new_page()
            found.goto(server.url)
            found.locator('#notice', has_text='one').wait_for()
        found.locator('#notice', has_text='no longer updated').wait_for()
        assert found.locator('.widget').count() > 10, 'what was shown last is still there'
