# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.push.__main__ import main

from .datadog import API_KEY, APP_KEY, AT_ONCE, Datadog, Push, Pushed, dashboard, monitor, write


@pytest.fixture
def datadog() -> Iterator[Datadog]:
    datadog = Datadog()
    yield datadog
    datadog.close()


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """Two dashboards that link to each other, and two monitors that link to one of them."""
    write(tmp_path / 'dashboards' / 'overview.json', dashboard('overview', 'Fleet - Overview', 'Fleet - Job Detail'))
    write(
        tmp_path / 'dashboards' / 'job_detail.json', dashboard('job_detail', 'Fleet - Job Detail', 'Fleet - Overview')
    )
    write(tmp_path / 'monitors' / 'job_failed.json', monitor('job failed'))
    write(tmp_path / 'monitors' / 'too_slow.json', monitor('job is slow'))
    return tmp_path


@pytest.fixture
def push(
    datadog: Datadog, assets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Push]:
    for name in ('DD_SITE', 'http_proxy', 'HTTP_PROXY', 'no_proxy', 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('DD_API_KEY', API_KEY)
    monkeypatch.setenv('DD_APP_KEY', APP_KEY)
    printed = ''

    def push(*arguments: str, folder: Path = assets, host: str = datadog.url) -> Pushed:
        nonlocal printed
        datadog.requests.clear()
        code = main(arguments, assets=folder, host=host, retries=AT_ONCE)
        captured = capsys.readouterr()
        printed += captured.out + captured.err
        return Pushed(code, captured.out, captured.err)

    yield push
    assert API_KEY not in printed
    assert APP_KEY not in printed
