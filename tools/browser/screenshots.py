# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Images of the dashboards, as the preview's page draws them in a browser that is installed here."""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
NO_BROWSER = f'no browser was found: install one of {", ".join(BROWSERS)}'
ARGUMENTS = (
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
)
DASHBOARDS = ('overview', 'cost_and_efficiency', 'job_detail', 'check_health')
JOB_ROWS = 'tr[data-link*="training_job_name="]'
WIDTH, HEIGHT = 1280, 1200

SHOW = """async (hash) => {
  if (location.hash === hash) return;
  const turned = new Promise((done) => addEventListener('hashchange', done, {once: true}));
  location.hash = hash;
  await turned;
}"""
# All cards, also those out of sight, and signs at their edges, which are set when the next frame is laid out.
DRAW = """async () => {
  preview.drawAll();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 if there is no browser."""
    parser = argparse.ArgumentParser(prog='python -m tools.browser.screenshots', description=__doc__)
    parser.add_argument('page', type=Path, help='what the demo has written')
    parser.add_argument('folder', type=Path, help='where to write the images')
    options = parser.parse_args(arguments)
    if not installed():
        print(NO_BROWSER, file=sys.stderr)
        return 2
    with launched() as browser:
        for image in taken(browser, options.page, options.folder):
            print(f'{image}: a preview, {image.stat().st_size / 1000:.0f} kB')
    return 0


def taken(browser: Browser, file: Path, folder: Path) -> Iterator[Path]:
    """An image of the beginning of each dashboard."""
    page = opened(browser, file)
    chosen = {'job_detail': telling_job(page)}
    for dashboard in DASHBOARDS:
        go(page, chosen.get(dashboard, f'#{dashboard}'))
        image = folder / f'{dashboard}.png'
        page.screenshot(path=image)
        yield image


def telling_job(page: Page) -> str:
    """The hash of the job that leaves the fewest empty cards, of those on top of a table of what jobs cost."""
    go(page, '#cost_and_efficiency')
    rows = page.locator(f'{JOB_ROWS}:first-child')
    empty: dict[str, int] = {}
    for job in rows.evaluate_all('rows => rows.map(({dataset}) => dataset.link)'):
        go(page, job)
        empty[job] = page.locator('.no-data').count()
    return min(empty, key=empty.__getitem__, default='#job_detail')


def opened(browser: Browser, file: Path) -> Page:
    """The page, drawn, without a network."""
    context = browser.new_context(viewport={'width': WIDTH, 'height': HEIGHT}, offline=True, color_scheme='light')
    page = context.new_page()
    load(page, file)
    return page


def load(page: Page, file: Path) -> None:
    page.goto(file.resolve().as_uri())
    page.locator('#tabs a').first.wait_for()
    go(page, '#overview')


def show(page: Page, hash: str) -> None:
    """A dashboard and what was chosen there, or the monitors; cards are drawn as they come into sight."""
    page.evaluate(SHOW, hash)


def go(page: Page, hash: str) -> None:
    """The same, with all cards drawn."""
    show(page, hash)
    page.evaluate(DRAW)


@contextmanager
def launched() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=ARGUMENTS)
        yield browser
        browser.close()


def installed() -> str | None:
    """The path of the browser, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


if __name__ == '__main__':
    sys.exit(main())
