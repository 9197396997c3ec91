# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The widgets of the dashboards, and what the page answers for them."""

import json

from playwright.sync_api import Page

from tests.assets import DASHBOARDS
from tools.browser.screenshots import go

WIDGETS = {
    name: {
        widget['id']: widget['definition']
        for outer in dashboard['widgets']
        for widget in outer['definition'].get('widgets', [outer])
    }
    for name, dashboard in DASHBOARDS.items()
}
# What each widget of a dashboard answers: too much to be handed over other than as text.
EVALUATE = """([name, ids, chosen]) =>
  JSON.stringify(Object.fromEntries(ids.map((id) => [id, preview.evaluate(name, id, chosen)])))"""
type Answer = list[dict[tuple[str, ...], list[float | None]]]


def evaluated(page: Page, dashboard: str, chosen: dict[str, str]) -> dict[int, Answer]:
    """What the page says, for each widget."""
    found = json.loads(page.evaluate(EVALUATE, [dashboard, list(WIDGETS[dashboard]), chosen]))
    return {
        int(widget): [{tuple(line['group']): line['values'] for line in lines} for lines in answers]
        for widget, answers in found.items()
    }


def empty(page: Page, dashboard: str) -> set[int]:
    """The widgets of a dashboard that say that they have no data."""
    go(page, f'#{dashboard}')
    return set(page.locator('.widget:has(.no-data)').evaluate_all('all => all.map((card) => +card.dataset.widget)'))
