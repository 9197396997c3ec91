# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The preview's page, in a browser without a network: all is drawn, is what the evaluator says, and can be read."""

import base64
import copy
import functools
import gzip
import json
import math
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tools.browser.screenshots import (
    HEIGHT,
    JOB_ROWS,
    NO_BROWSER,
    WIDTH,
    go,
    installed,
    launched,
    load,
    opened,
    show,
    taken,
)
from tools.browser.serve import PageServer
from tools.datadog.assets import Json, frames, is_group, queries
from tools.datadog.frames import Frame
from tools.datadog.query import metrics
from tools.datadog.recording import PREFIX, Recording
from tools.preview.document import drawn
from tools.preview.page import PAGE, compressed, page, write

from .test_assets import DASHBOARDS, DAY, filler

pytestmark = pytest.mark.skipif(not installed(), reason=NO_BROWSER)

WIDGETS = {
    name: {
        widget['id']: widget['definition']
        for outer in dashboard['widgets']
        for widget in outer['definition'].get('widgets', [outer])
    }
    for name, dashboard in DASHBOARDS.items()
}
SCRIPT = '<script>alert(1)</script>'
# What each widget of a dashboard answers: too much to be handed over other than as text.
EVALUATE = """([name, ids, chosen]) =>
  JSON.stringify(Object.fromEntries(ids.map((id) => [id, preview.evaluate(name, id, chosen)])))"""
type Answer = list[dict[tuple[str, ...], list[float | None]]]


@pytest.fixture(scope='module')
def file(day: Recording, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The page of the simulated day; one worker writes it for all of them."""
    folder = tmp_path_factory.getbasetemp()
    file = (folder if worker_id == 'master' else folder.parent) / 'preview.html'
    with FileLock(f'{file}.lock'):
        if not file.exists():
            write(day, DAY, file)
    return file


@pytest.fixture(scope='module')
def shown(file: Path) -> Json:
    """All that the page shows, as it is in it: to draw it again takes seconds."""
    [data] = re.findall('id="data">([^<]+)<', file.read_text(encoding='utf-8'))
    return dict(json.loads(gzip.decompress(base64.b64decode(data))))


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope='module')
def shared(browser: Browser, file: Path) -> Page:
    return opened(browser, file)


@pytest.fixture(scope='module')
def unfiltered(shared: Page) -> Callable[[str], dict[int, Answer]]:
    """What the page says of a dashboard on which nothing is chosen."""
    return functools.cache(lambda dashboard: evaluated(shared, dashboard, {}))


@pytest.fixture(autouse=True)
def _no_problem(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing that a browser complains about, no dialog, and nothing asked of a network, in any of these tests."""
    problems: list[str] = []
    context: BrowserContext = request.getfixturevalue('shared').context
    listeners: dict[str, Callable[[Any], object]] = {
        'console': lambda message: message.type in ('error', 'warning') and problems.append(message.text),
        'weberror': lambda error: problems.append(str(error.error)),
        'dialog': lambda dialog: (problems.append(f'dialog: {dialog.message}'), dialog.dismiss()),
        'request': lambda asked: asked.url.startswith(('file:', 'data:', 'blob:')) or problems.append(asked.url),
    }
    for event, listener in listeners.items():
        context.on(event, listener)  # type: ignore[call-overload]
    yield
    for event, listener in listeners.items():
        context.remove_listener(event, listener)
    assert problems == []


def empty(page: Page, dashboard: str) -> set[int]:
    """The widgets of a dashboard that say that they have no data."""
    go(page, f'#{dashboard}')
    return set(page.locator('.widget:has(.no-data)').evaluate_all('all => all.map((card) => +card.dataset.widget)'))


def expected(definition: Json, day: Recording, fill: Callable[[str], str]) -> Answer:
    """What the evaluator says, in the form of the page."""
    return [in_buckets(frame) for frame in frames(definition, day, DAY, fill)]


def in_buckets(frame: Frame) -> dict[tuple[str, ...], list[float | None]]:
    return {group: [line.get(bucket) for bucket in frame.window.buckets] for group, line in frame.lines.items()}


def evaluated(page: Page, dashboard: str, chosen: dict[str, str]) -> dict[int, Answer]:
    """What the page says, for each widget."""
    found = json.loads(page.evaluate(EVALUATE, [dashboard, list(WIDGETS[dashboard]), chosen]))
    return {
        int(widget): [{tuple(line['group']): line['values'] for line in lines} for lines in answers]
        for widget, answers in found.items()
    }


def is_same(one: Answer, other: Answer) -> bool:
    return len(one) == len(other) and all(
        left.keys() == right.keys() and all(is_near(left[group], right[group]) for group in left)
        for left, right in zip(one, other, strict=True)
    )


def is_near(one: list[float | None], other: list[float | None]) -> bool:
    """As near as the six digits that the page has of each value allow."""
    return len(one) == len(other) and all(
        left is right if left is None or right is None else math.isclose(left, right, rel_tol=1e-4, abs_tol=1e-9)
        for left, right in zip(one, other, strict=True)
    )


@pytest.mark.parametrize('dashboard', WIDGETS)
def test_each_widget_is_drawn_and_shows_data(dashboard: str, shared: Page) -> None:
    """The account of the demo has jobs of all kinds, and a week behind it: so no widget has a reason to be empty."""
    assert empty(shared, dashboard) == set()
    cards = shared.locator(f'.widget[data-dashboard="{dashboard}"][data-drawn="1"]')
    drawn = cards.evaluate_all('all => all.map((card) => +card.dataset.widget)')
    assert sorted(drawn) == sorted(WIDGETS[dashboard])
    assert shared.locator('.undrawn').all_inner_texts() == []


def test_a_card_is_drawn_as_soon_as_it_is_scrolled_to(shared: Page, file: Path) -> None:
    shared.set_viewport_size({'width': WIDTH, 'height': HEIGHT})
    shared.goto(file.as_uri())
    card = shared.locator('.widget').last
    assert card.get_attribute('data-drawn') is None
    card.scroll_into_view_if_needed()
    card.and_(shared.locator('[data-drawn]')).wait_for()


@pytest.mark.parametrize(
    ('dashboard', 'name'),
    [(name, variable['name']) for name, each in DASHBOARDS.items() for variable in each['template_variables']],
)
def test_a_selector_filters_each_widget_as_the_evaluator_does(
    dashboard: str, name: str, shared: Page, day: Recording, unfiltered: Callable[[str], dict[int, Answer]]
) -> None:
    show(shared, f'#{dashboard}')
    control = shared.locator(f'#selection [name={name}]')
    if name == 'training_job_name':
        control.fill(day.events[-1]['msg_title'].split()[3])
        control.press('Enter')
    else:
        control.select_option(control.locator('option:not([selected])').first.get_attribute('value'))
    shared.wait_for_selector(f'#selection .chosen [name={name}]')
    chosen = dict(parse_qsl(shared.evaluate('location.hash').partition('?')[2]))
    assert list(chosen) == [name]
    filtered = evaluated(shared, dashboard, chosen)

    concerned = {
        widget
        for widget, definition in WIDGETS[dashboard].items()
        if any(f'${name}' in query for query in queries(definition))
    }
    changed = {widget for widget, before in unfiltered(dashboard).items() if filtered[widget] != before}
    assert changed
    assert changed <= concerned
    fill = filler(dashboard, **chosen)
    wrong = {
        WIDGETS[dashboard][widget]['title']
        for widget in concerned
        if not is_same(filtered[widget], expected(WIDGETS[dashboard][widget], day, fill))
    }
    assert wrong == set()


@pytest.mark.parametrize('dashboard', WIDGETS)
def test_with_nothing_chosen_each_widget_answers_as_the_evaluator_does(
    dashboard: str, day: Recording, unfiltered: Callable[[str], dict[int, Answer]]
) -> None:
    answers, fill = unfiltered(dashboard), filler(dashboard)
    wrong = {
        definition['title']
        for widget, definition in WIDGETS[dashboard].items()
        if not is_same(answers[widget], expected(definition, day, fill))
    }
    assert wrong == set()


def test_a_job_that_is_picked_in_a_table_opens_its_detail_and_back_goes_back(shared: Page) -> None:
    go(shared, '#overview')
    row = shared.locator(f'.widget[data-type="query_table"] {JOB_ROWS}').first
    job, account, region = row.locator('td').all_inner_texts()[:3]
    row.locator('a').click()
    shared.wait_for_selector('#tabs [data-tab=job_detail][aria-current]')
    for name, value in {'training_job_name': job, 'aws_account': account, 'region': region}.items():
        assert shared.locator(f'#selection [name={name}]').input_value() == value
    go(shared, shared.evaluate('location.hash'))
    detail = shared.locator('.widget[data-type="query_table"]').first
    assert detail.locator('tbody tr td:first-child').first.inner_text() == job
    shared.go_back()
    shared.wait_for_selector('#tabs [data-tab=overview][aria-current]')
    assert shared.locator('#selection .chosen').count() == 0


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


def test_the_page_is_small_enough_to_be_sent(file: Path) -> None:
    assert file.stat().st_size < 8_000_000


def beside(
    shared: Page, day: Recording, names: Iterable[str], file: Path, change: Callable[[Json], object] = id
) -> Page:
    """A page of its own, of some dashboards, with a document that was changed."""
    shown = drawn({name: DASHBOARDS[name] for name in names}, {}, day, DAY) | {'notice': ''}
    change(shown)
    file.write_text(page(shown), encoding='utf-8')
    opened = shared.context.new_page()
    load(opened, file)
    return opened


def test_widgets_of_a_metric_that_was_not_sent_have_visibly_no_data(
    shared: Page, day: Recording, tmp_path: Path
) -> None:
    metric = f'{PREFIX}job.elapsed_time'
    without = copy.copy(day)
    without.series = day.series.copy()
    del without.series[metric.removeprefix(PREFIX)]
    found = beside(shared, without, ('cost_and_efficiency', 'job_detail'), tmp_path / 'page.html')
    for dashboard in ('cost_and_efficiency', 'job_detail'):
        asked = {
            widget: {each.name for query in queries(definition) for each in metrics(query)}
            for widget, definition in WIDGETS[dashboard].items()
        }
        wholly = {widget for widget, names in asked.items() if names == {metric}}
        partly = {widget for widget, names in asked.items() if metric in names}
        assert wholly <= empty(found, dashboard) <= partly
        assert wholly or dashboard != 'job_detail'
    found.close()


def test_what_users_write_is_shown_as_text(shared: Page, day: Recording, tmp_path: Path) -> None:
    """Even as a tag, in which Datadog would not keep such letters."""
    go(shared, '#overview')
    job = shared.locator(f'{JOB_ROWS} td').first.inner_text()

    def rename(shown: Json) -> None:
        for names in (shown['tags'], shown['variables']['training_job_name']):
            names[:] = [SCRIPT if name == job else name for name in names]

    renamed = copy.copy(day)
    renamed.events = [event | {'msg_title': SCRIPT, 'msg_text': SCRIPT} for event in day.events]
    renamed.logs = [log | {'message': SCRIPT} for log in day.logs]
    found = beside(shared, renamed, ('overview', 'job_detail'), tmp_path / 'page.html', rename)
    assert found.locator(f'{JOB_ROWS} td').first.inner_text() == SCRIPT
    go(found, '#job_detail')
    assert found.locator('.stream .content').get_by_text(SCRIPT, exact=True).count() > 100
    go(found, f'#job_detail?{urlencode({"training_job_name": SCRIPT})}')
    assert found.locator('.widget td').get_by_text(SCRIPT, exact=True).count() > 0
    assert found.locator('script').count() == shared.locator('script').count()
    found.close()


def test_slices_that_are_too_many_to_draw_are_one_slice(shared: Page, shown: Json, tmp_path: Path) -> None:
    folder = tmp_path / 'page'
    shutil.copytree(PAGE, folder)
    script = (folder / 'hierarchies.js').read_text(encoding='utf-8')
    few = re.sub('SHOWN_SLICES = [0-9]+', 'SHOWN_SLICES = 3', script)
    assert few != script
    (folder / 'hierarchies.js').write_text(few, encoding='utf-8')
    (tmp_path / 'page.html').write_text(page(shown, folder), encoding='utf-8')
    found = shared.context.new_page()
    found.goto(f'{(tmp_path / "page.html").as_uri()}#cost_and_efficiency')
    slices = """() => {
      preview.drawAll();
      const [{values, labels}] = document.querySelector('[data-type=sunburst] .js-plotly-plot').data;
      return [Math.max(...values), labels];
    }"""
    found.locator('#tabs a').first.wait_for()
    total, labels = found.evaluate(slices)
    found.close()
    go(shared, '#cost_and_efficiency')
    of_all, all_labels = shared.evaluate(slices)
    assert total == pytest.approx(of_all)
    assert any(label.endswith(' others') for label in labels)
    assert len(labels) < len(all_labels)
    assert not any(label.endswith(' others') for label in all_labels)


def test_each_script_is_a_module_that_imports_what_it_uses(browser: Browser, shown: Json) -> None:
    """Joined, they share one scope, in which a forgotten import is not missed."""
    address = 'http://page.test/'
    problems: list[object] = []
    whole = page(shown)
    start, end = whole.index('<script type="module">'), whole.rindex('</script>')
    apart = f'{whole[:start]}<script type="module" src="main.js">{whole[end:]}'
    apart = apart.replace('script-src', f'script-src {address}')

    def answer(route: Route) -> None:
        script = PAGE / route.request.url.removeprefix(address)
        if script.suffix == '.js':
            route.fulfill(path=script, content_type='text/javascript')
        else:
            route.fulfill(body=apart, content_type='text/html')

    with browser.new_context() as context:
        found = context.new_page()
        found.on('pageerror', lambda error: problems.append(error))
        found.route('**', answer)
        found.goto(address)
        found.locator('#tabs a').first.wait_for(timeout=10_000)
        for tab in [*WIDGETS, 'monitors']:
            go(found, f'#{tab}')
            assert found.locator('.undrawn').all_inner_texts() == []
    assert problems == []


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


def test_without_a_job_its_dashboard_offers_those_that_are_worth_a_look(shared: Page) -> None:
    go(shared, '#job_detail')
    assert shared.locator('.pick').inner_text().startswith('Pick a job')
    offered = shared.locator('.pick a')
    assert offered.count() > 1
    job = offered.first.inner_text()
    offered.first.click()
    shared.wait_for_selector('#selection .chosen [name=training_job_name]')
    assert shared.locator('#selection [name=training_job_name]').input_value() == job
    assert shared.locator('.pick').count() == 0
    go(shared, shared.evaluate('location.hash'))
    assert job in shared.locator('.widget[data-type="query_table"] tbody').first.inner_text()


def not_filtered(definition: Json, names: Iterable[str]) -> list[str]:
    """The template variables that a widget, or one of its queries, does not name."""
    if definition['type'] == 'note':
        return []
    is_whole = definition['type'] in ('list_stream', 'check_status', 'manage_status')
    texts = [json.dumps(definition)] if is_whole else list(queries(definition))
    return [name for name in names if not all(f'${name}' in text for text in texts)]


@pytest.mark.parametrize('dashboard', WIDGETS)
def test_a_widget_that_a_filter_does_not_touch_says_so(dashboard: str, shared: Page) -> None:
    variables = DASHBOARDS[dashboard]['template_variables']
    names = [variable['name'] for variable in variables if not is_group(variable)]
    marks = 'all => all.map((card) => [card.dataset.widget, card.querySelector(".ignored")?.innerText ?? ""])'
    show(shared, f'#{dashboard}')
    assert shared.locator('.ignored').count() == 0
    show(shared, f'#{dashboard}?{urlencode(dict.fromkeys(names, "any:thing"))}')
    said = {
        int(widget): text.removeprefix('not by ').split(', ') if text else []
        for widget, text in shared.locator('.widget').evaluate_all(marks)
    }
    assert said == {widget: not_filtered(definition, names) for widget, definition in WIDGETS[dashboard].items()}
    assert any(said.values())


def test_a_stream_shows_all_that_its_query_asks_for_whatever_else_is_picked(shared: Page) -> None:
    """No event has a currency, and no query for events asks for one."""
    rows = shared.locator('.stream tbody tr')
    go(shared, '#overview')
    before = rows.all_inner_texts()
    assert before
    go(shared, '#overview?currency=cny')
    assert rows.all_inner_texts() == before
    go(shared, '#overview?region=nowhere')
    assert rows.all_inner_texts() == []


def test_counts_of_monitors_say_of_when_they_are(shared: Page) -> None:
    go(shared, '#monitors')
    now, worst = shared.locator('.counts').all_inner_texts()
    assert now.splitlines()[0] == 'now'
    assert worst.splitlines()[0] == 'worst of the time shown'
    go(shared, '#overview')
    assert shared.locator('[data-type="manage_status"] .counts').first.inner_text() == now


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
