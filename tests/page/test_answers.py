# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""All is drawn, and is what the evaluator says; what is picked, linked or not filtered shows."""

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.sync_api import Page

from tests.assets import DASHBOARDS, DAY, filler
from tools.browser.screenshots import HEIGHT, JOB_ROWS, WIDTH, go, show
from tools.datadog.assets import Json, frames, is_group, queries
from tools.datadog.frames import Frame
from tools.datadog.recording import Recording

from .widgets import WIDGETS, Answer, empty, evaluated


def expected(definition: Json, day: Recording, fill: Callable[[str], str]) -> Answer:
    """What the evaluator says, in the form of the page."""
    return [in_buckets(frame) for frame in frames(definition, day, DAY, fill)]


def in_buckets(frame: Frame) -> dict[tuple[str, ...], list[float | None]]:
    return {group: [line.get(bucket) for bucket in frame.window.buckets] for group, line in frame.lines.items()}


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
