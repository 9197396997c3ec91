# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import base64
import functools
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page

from tests.assets import DAY
from tools.browser.screenshots import NO_BROWSER, installed, launched, opened
from tools.datadog.assets import Json
from tools.datadog.recording import Recording
from tools.preview.page import write

from .widgets import Answer, evaluated


@pytest.fixture(scope='package')
def file(day: Recording, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The page of the simulated day; one worker writes it for all of them."""
    folder = tmp_path_factory.getbasetemp()
    file = (folder if worker_id == 'master' else folder.parent) / 'preview.html'
    with FileLock(f'{file}.lock'):
        if not file.exists():
            write(day, DAY, file)
    return file


@pytest.fixture(scope='package')
def shown(file: Path) -> Json:
    """All that the page shows, as it is in it: to draw it again takes seconds."""
    [data] = re.findall('id="data">([^<]+)<', file.read_text(encoding='utf-8'))
    return dict(json.loads(gzip.decompress(base64.b64decode(data))))


@pytest.fixture(scope='package')
def browser() -> Iterator[Browser]:
    if not installed():
        pytest.skip(NO_BROWSER)
    with launched() as browser:
        yield browser


@pytest.fixture(scope='package')
def shared(browser: Browser, file: Path) -> Page:
    return opened(browser, file)


@pytest.fixture(scope='package')
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
