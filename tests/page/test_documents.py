# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Pages of other data, and of other scripts."""

import copy
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.assets import DASHBOARDS, DAY
from tools.browser.screenshots import JOB_ROWS, go, load
from tools.datadog.assets import Json, queries
from tools.datadog.query import metrics
from tools.datadog.recording import PREFIX, Recording
from tools.preview.document import drawn
from tools.preview.page import PAGE, page

from .widgets import WIDGETS, empty

SCRIPT = '<script>alert(1)</script>'


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
    found = beside(shared, without, ('job_detail',), tmp_path / 'page.html')
    asked = {
        widget: {each.name for query in queries(definition) for each in metrics(query)}
        for widget, definition in WIDGETS['job_detail'].items()
    }
    wholly = {widget for widget, names in asked.items() if names == {metric}}
    partly = {widget for widget, names in asked.items() if metric in names}
    assert wholly
    assert wholly < partly
    assert wholly <= empty(found, 'job_detail') <= partly
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
