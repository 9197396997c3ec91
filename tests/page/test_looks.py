# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""It can be read, at any width, in light and dark, and nothing is cut without a sign."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.assets import DASHBOARDS
from tools.browser.screenshots import go, show, taken

from .widgets import WIDGETS, Answer

# Of each text that can be seen: how large it is, and its contrast to all that is below it.
READ = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const once = (known, make) => (key) => known.get(key) ?? known.set(key, make(key)).get(key);
  const rgba = once(new Map(), (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  });
  const over = ([r, g, b, alpha], below, opacity) =>
    [r, g, b].map((c, i) => c * alpha * opacity + below[i] * (1 - alpha * opacity));
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const opacity = once(new Map([[null, 1]]), (node) => getComputedStyle(node).opacity * opacity(node.parentElement));
  const colours = once(new Map(), (node) => {
    const {backgroundColor, backgroundImage} = getComputedStyle(node);
    return [backgroundColor, ...(backgroundImage.match(/(?:rgba?|color)\\([^()]*\\)/g) ?? [])].map(rgba);
  });
  // Asking what is below a text takes long: of rows, some will do.
  const others = 'script, style, noscript, select, datalist, .slicetext, tr:nth-child(n+7), .rank:nth-child(n+7)';
  const found = [];
  // Each range that there is is kept up to date with each change of the document: one for all.
  const range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    const node = walker.currentNode.parentElement;
    if (!text || node.closest(others)) continue;
    range.selectNodeContents(walker.currentNode);
    const box = range.getClientRects()[0];
    const stack = box ? document.elementsFromPoint(box.left + 3, box.top + box.height / 2) : [];
    const drawing = node.closest('svg');
    if (!stack.includes(drawing ? drawing.parentElement.closest('.widget') : node)) continue;
    let below = [[255, 255, 255]];
    for (const each of stack.reverse()) {
      below = colours(each).flatMap((colour) => below.map((under) => over(colour, under, opacity(each))));
    }
    const {color, fill, fontSize} = getComputedStyle(node);
    const contrasts = below.map((under) => {
      const one = over(rgba(drawing ? fill : color), under, opacity(node));
      const [dark, light] = [one, under].map(luminance).sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    });
    found.push({text: text.slice(0, 40), size: parseFloat(fontSize), contrast: Math.min(...contrasts)});
  }
  return found;
}"""


# Of tables with a first row, the cells of it that are not within their card.
OUTSIDE = """() => {
  const cards = document.querySelectorAll('.widget:is([data-type="query_table"], [data-type="change"])');
  return [...cards].flatMap((card) => {
    const {left, right} = card.getBoundingClientRect();
    const isOut = (box) => box.left < left || box.right > right || !box.width;
    const cells = [...card.querySelectorAll('tbody tr:first-child td')];
    return cells.filter((cell) => isOut(cell.getBoundingClientRect())).map((cell) => cell.innerText);
  });
}"""

# What has more to show than can be seen, and no sign of it: dots with a title, or an edge that says so.
CUT = """() => [...document.querySelectorAll('body *')].filter((node) => {
  const {overflowX, overflowY, textOverflow} = getComputedStyle(node);
  if (node.closest('svg, select, .js-plotly-plot') || !node.clientWidth) return false;
  const isWide = overflowX !== 'visible' && node.scrollWidth > node.clientWidth + 4;
  const isHigh = overflowY !== 'visible' && node.scrollHeight > node.clientHeight + 4;
  const isMarked = (textOverflow === 'ellipsis' && node.title) || node.closest('.cut-right');
  return (isWide && !isMarked) || (isHigh && !node.closest('.cut'));
}).map((node) => `${node.closest('[data-widget]')?.dataset.widget} ${node.localName}.${node.className}`)"""


# No colour depends on the width, and no width on the colours.
@pytest.mark.parametrize(('width', 'scheme'), [(1280, 'light'), (400, 'dark')])
def test_all_can_be_read_and_nothing_is_cut_without_a_sign(width: int, scheme: Any, shared: Page) -> None:
    go(shared, '#monitors')
    shared.emulate_media(color_scheme=scheme)
    # So high that nothing is hidden: what is below a text is asked of what can be seen.
    shared.set_viewport_size({'width': width, 'height': 12_000})
    shared.locator(f':root[data-theme={scheme}]').wait_for()
    for shown in [*WIDGETS, 'monitors']:
        go(shared, f'#{shown}')
        assert shared.evaluate('document.documentElement.scrollWidth') <= width
        texts = shared.evaluate(READ)
        assert len(texts) > 50
        assert [text for text in texts if text['size'] < 11 or text['contrast'] < 4.5] == [], shown
        assert shared.evaluate(CUT) == [], shown
        assert width > 400 or shared.evaluate(OUTSIDE) == [], shown


@pytest.mark.parametrize('width', [1280, 400])
def test_a_sign_of_more_below_is_there_until_the_end_is_seen(width: int, shared: Page) -> None:
    shared.set_viewport_size({'width': width, 'height': 900})
    go(shared, '#overview')
    streams = shared.locator('.stream')
    assert shared.locator('.cut > .stream').count() == streams.count() > 0
    streams.evaluate_all('all => all.forEach((box) => box.scrollTo(0, box.scrollHeight))')
    expect(shared.locator('.cut > .stream')).to_have_count(0)


@pytest.mark.parametrize('dashboard', WIDGETS)
def test_a_number_is_as_near_as_three_digits_or_its_precision(
    dashboard: str, shared: Page, unfiltered: Callable[[str], dict[int, Answer]]
) -> None:
    """Those that no unit scales. One that is shortened, as `7.52k`, has three digits."""
    go(shared, f'#{dashboard}')
    for widget, definition in WIDGETS[dashboard].items():
        unit = json.dumps(definition.get('requests', ()))
        if definition['type'] != 'query_value' or '"second"' in unit or '"byte"' in unit:
            continue
        [[value]] = unfiltered(dashboard)[widget][0].values()
        text = shared.locator(f'[data-widget="{widget}"] .value').inner_text()
        [(number, letter)] = re.findall(r'^\$?([\d.]+)([kMGT]?)', text)
        size = {'': 1, 'k': 1e3, 'M': 1e6, 'G': 1e9, 'T': 1e12}[letter]
        least = 0.005 * value if letter else 0.5 * 10 ** -definition['precision']
        assert float(number) * size == pytest.approx(value, abs=1.001 * least), text
        assert len(number.replace('.', '')) <= 3 or not letter


def test_the_page_is_small_enough_to_be_sent(file: Path) -> None:
    assert file.stat().st_size < 8_000_000


@pytest.mark.parametrize('dashboard', WIDGETS)
def test_on_a_desktop_the_first_screen_is_not_about_the_dashboard(dashboard: str, shared: Page) -> None:
    shared.set_viewport_size({'width': 1440, 'height': 900})
    show(shared, f'#{dashboard}')
    about = shared.locator('details.about')
    boxes = about.bounding_box(), shared.locator('.group').first.bounding_box()
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]['height'] < 60
    assert boxes[1]['width'] > 1300
    assert boxes[1]['y'] < 450
    about.locator('summary').click()
    assert len(about.locator('.note').first.inner_text()) > 100


def test_the_images_are_of_each_dashboard_and_small(browser: Browser, file: Path, tmp_path: Path) -> None:
    sizes = {image.stem: image.stat().st_size for image in taken(browser, file, tmp_path)}
    assert sizes.keys() == DASHBOARDS.keys()
    assert max(sizes.values()) < 300_000
