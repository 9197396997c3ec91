# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Keys, sites, permissions, proxies and answers that are wrong: named, and nothing is half done unsaid."""

import json
import re
from base64 import b64encode
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from tools.push.organisation import APP_HOSTS

from .datadog import API_KEY, APP_KEY, AT_ONCE, Datadog, Fault, Push, monitor, write


@pytest.mark.parametrize(('kind', 'content'), [('dashboard', []), ('monitor', {'definition': {'message': None}})])
def test_a_file_that_is_no_asset_is_named(push: Push, assets: Path, kind: str, content: Any) -> None:
    write(assets / f'{kind}s' / 'a.json', content)
    pushed = push()
    assert pushed.code == 2
    assert f'a.json is not a {kind}' in pushed.err


def test_a_key_that_is_sent_back_is_not_shown(push: Push, datadog: Datadog) -> None:
    datadog.faults['POST .*dashboard'] = Fault(400, json.dumps({'errors': [f'bad header DD-API-KEY: {API_KEY}']}))
    pushed = push()
    assert pushed.code == 1
    assert 'bad header DD-API-KEY: <redacted>' in pushed.out


@pytest.mark.parametrize('status', [301, 302, 307, 308])
def test_the_keys_are_taken_nowhere_else(push: Push, datadog: Datadog, status: int) -> None:
    elsewhere = Datadog()
    datadog.faults['.*'] = Fault(status, '', {'Location': f'{elsewhere.url}/api/v1/dashboard'})
    pushed = push()
    elsewhere.close()
    assert elsewhere.requests == []
    assert pushed.code == 2
    assert re.search(f'sends list dashboards elsewhere .*{status}', pushed.err)


@pytest.mark.parametrize('missing', [['DD_API_KEY', 'DD_APP_KEY'], ['DD_APP_KEY']])
def test_a_dry_run_without_keys_asks_nobody(
    push: Push, datadog: Datadog, monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    for variable in missing:
        monkeypatch.delenv(variable)

    pushed = push('--dry-run')

    assert (pushed.code, datadog.requests) == (0, [])
    assert pushed.told('create') == ['job_detail', 'overview', 'job_failed', 'too_slow']
    assert pushed.out.startswith(f'No keys ({" and ".join(missing)}): the organisation was not asked')
    assert re.search('^create +monitor +job_failed +job failed$', pushed.out, re.MULTILINE)


@pytest.mark.parametrize(('variable', 'page'), [('DD_API_KEY', 'api-keys'), ('DD_APP_KEY', 'application-keys')])
def test_a_missing_key_is_named_with_where_to_get_one(
    push: Push, datadog: Datadog, monkeypatch: pytest.MonkeyPatch, variable: str, page: str
) -> None:
    monkeypatch.setenv(variable, ' ')
    monkeypatch.setenv('DD_SITE', 'datadoghq.eu')

    pushed = push()

    assert (pushed.code, datadog.requests) == (2, [])
    (line,) = pushed.err.splitlines()
    assert line.startswith(f'{variable} is not set')
    assert f'https://app.datadoghq.eu/organization-settings/{page},' in line


def test_a_key_that_cannot_be_sent_is_not_shown(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DD_API_KEY', f'{API_KEY}\nexport DD_APP_KEY={APP_KEY}')

    pushed = push()

    assert (pushed.code, pushed.err) == (2, 'DD_API_KEY has characters in it that no key has\n')


@pytest.mark.parametrize('site', ['app.datadoghq.com', 'https://datadoghq.eu', 'US5'])
def test_what_is_no_site_is_said_with_the_sites_there_are(
    push: Push, datadog: Datadog, monkeypatch: pytest.MonkeyPatch, site: str
) -> None:
    monkeypatch.setenv('DD_SITE', site)

    pushed = push()

    assert (pushed.code, datadog.requests) == (2, [])
    (line,) = pushed.err.splitlines()
    assert line.startswith(f"DD_SITE is '{site}'")
    assert [known for known in APP_HOSTS if known not in line] == []


def test_a_wrong_key_is_said(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DD_APP_KEY', 'ofAnotherOrganisation')

    pushed = push()

    (line,) = pushed.err.splitlines()
    assert pushed.code == 2
    assert line.startswith('Datadog refuses to list dashboards (403 Forbidden): DD_API_KEY or DD_APP_KEY is not')
    assert 'ofAnotherOrganisation' not in line


@pytest.mark.parametrize(
    ('request_', 'permission', 'before'),
    [
        ('GET /api/v1/dashboard', 'dashboards_read', None),
        ('POST /api/v1/dashboard', 'dashboards_write', None),
        ('GET /api/v1/monitor', 'monitors_read', '2 created'),
        ('POST /api/v1/monitor', 'monitors_write', '2 created'),
    ],
)
def test_a_missing_permission_is_named_and_what_was_done_before(
    push: Push, datadog: Datadog, request_: str, permission: str, before: str | None
) -> None:
    datadog.faults[request_] = Fault(403, f'{{"errors": ["Forbidden for {APP_KEY}"]}}')

    pushed = push()

    assert pushed.code == 2
    line, *rest = pushed.err.splitlines()
    assert re.search(rf'lacks the permission {permission}\.$', line)
    assert 'Forbidden for <redacted>' in line
    assert rest == ([f'Before that: {before}. Run it again to go on; nothing is made twice.'] if before else [])


def test_what_others_may_not_edit_is_named(push: Push, datadog: Datadog) -> None:
    push()
    restricted = datadog.named('job is slow')
    restricted['message'] = 'Ours.'
    datadog.faults[f'PUT /api/v1/monitor/{restricted["id"]}'] = Fault(403, '{"errors": ["Forbidden"]}')

    pushed = push()

    assert pushed.code == 2
    assert pushed.err.startswith('monitor too_slow: Datadog refuses to update monitor (403 Forbidden)')
    assert 'lacks the permission monitors_write or, if it is restricted, the right to edit it.\n' in pushed.err


def test_it_waits_when_the_rate_limit_is_reached(push: Push, datadog: Datadog) -> None:
    limit = Fault(429, '{"errors": ["Rate limit exceeded"]}', {'X-Ratelimit-Reset': '7'}, times=2)
    datadog.faults = {'GET /api/v1/dashboard': limit, 'POST /api/v1/monitor': limit}

    assert len(push().told('created')) == 4
    assert (len(datadog.dashboards), len(datadog.monitors)) == (2, 2)


def test_it_does_not_wait_for_ever(push: Push, datadog: Datadog) -> None:
    datadog.faults['GET .*'] = Fault(429, '{"errors": ["Rate limit exceeded"]}', {'X-Ratelimit-Reset': '3600'})

    pushed = push()

    assert (pushed.code, len(datadog.requests)) == (2, 1 + AT_ONCE.total)
    assert pushed.err == (
        'Datadog limits how often it can be asked (429 Rate limit exceeded): try again in 3600 seconds.\n'
    )


def test_a_passing_failure_to_read_is_not_seen(push: Push, datadog: Datadog) -> None:
    datadog.faults['GET .*'] = Fault(503, '<html>upstream</html>', times=2)

    assert len(push().told('created')) == 4


def test_a_lasting_failure_is_said(push: Push, datadog: Datadog) -> None:
    datadog.faults['GET .*/monitor'] = Fault(502, '<html>Bad gateway</html>')

    pushed = push()

    assert pushed.code == 2
    assert pushed.err.splitlines() == [
        'Datadog fails to list monitors (502 Bad Gateway); see https://status.datadoghq.com',
        'Before that: 2 created. Run it again to go on; nothing is made twice.',
    ]


def test_what_was_created_although_the_answer_was_lost_is_found_again(push: Push, datadog: Datadog) -> None:
    datadog.lost_answers.add('POST /api/v1/monitor')
    assert push().code == 2
    datadog.lost_answers.clear()

    assert push().code == 0
    assert (len(datadog.dashboards), len(datadog.monitors)) == (2, 2)


def test_a_datadog_out_of_reach_is_said(push: Push) -> None:
    with socket() as unused:
        unused.bind(('127.0.0.1', 0))
        pushed = push(host=f'http://127.0.0.1:{unused.getsockname()[1]}')

    assert pushed.code == 2
    (line,) = pushed.err.splitlines()
    assert line.startswith('Datadog cannot be reached: Failed to ')
    assert line.endswith('Connection refused')


def test_it_goes_through_the_proxy_of_the_environment(
    push: Push, datadog: Datadog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HTTP_PROXY', datadog.url.replace('//', '//me:p%40ss@'))

    assert len(push(host='http://api.datadog.test').told('created')) == 4
    assert datadog.proxy_authorization == f'Basic {b64encode(b"me:p@ss").decode()}'

    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    assert len(push().told('unchanged')) == 4
    assert datadog.proxy_authorization is None


@pytest.mark.parametrize(
    'proxy', ['127.0.0.1:9', 'socks5://127.0.0.1:9', 'http://me:secret@some where', 'http://h:99999']
)
def test_a_proxy_that_is_none_is_said(proxy: str, push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HTTP_PROXY', proxy)

    pushed = push(host='http://api.datadog.test')
    assert pushed.code == 2
    assert pushed.err == 'http_proxy of the environment is no address like http://proxy:3128\n'


@pytest.mark.parametrize(
    ('request_', 'answer', 'says'),
    [
        ('GET .*', '<html>Please log in to the Wi-Fi</html>', 'its answer is not JSON'),
        ('GET .*', '{}', 'does not list dashboards'),
        ('GET .*', 'null', 'does not list dashboards'),
        ('GET .*', '[]', 'does not list dashboards'),
        ('GET .*', '{"dashboards": null}', 'does not list dashboards'),
        ('GET .*', '{"dashboards": [{"title": "x"}]}', 'does not list dashboards'),
        ('GET .*monitor', '{"monitors": []}', 'does not list monitors'),
        ('GET .*monitor', '[{"id": 1, "name": "x", "tags": null}]', 'does not list monitors'),
        ('POST .*dashboard', '[]', 'does not create dashboard'),
        ('POST .*monitor', '{"ok": true}', 'does not create monitor'),
    ],
)
def test_an_answer_from_something_else_is_said(
    request_: str, answer: str, says: str, push: Push, datadog: Datadog
) -> None:
    datadog.faults[request_] = Fault(200, answer)

    pushed = push()
    assert pushed.code == 2
    line = pushed.err.splitlines()[0]
    assert 'What answers is not the API of Datadog: ' in line
    assert says in line
    assert line.endswith('. Is it a proxy?')


def test_an_asset_that_is_refused_keeps_back_no_other(push: Push, datadog: Datadog, assets: Path) -> None:
    broken = monitor('job failed')
    del broken['definition']['query']
    write(assets / 'monitors' / 'job_failed.json', broken)
    write(assets / 'dashboards' / 'a.json', {'title': 'No widgets', 'description': '[sagemaker-training:a]'})

    pushed = push()

    assert pushed.code == 1
    assert pushed.told('created') == ['job_detail', 'overview', 'too_slow']
    said = [line for line in pushed.out.splitlines() if line.startswith('failed')]
    assert [re.search(r'assets/\S+', line)[0] for line in said] == [
        'assets/dashboards/a.json:',
        'assets/monitors/job_failed.json:',
    ]
    assert 'is a required property' in said[0]
    assert "The value provided for parameter 'query' is invalid" in said[1]


def test_a_created_dashboard_that_may_not_be_linked_keeps_back_no_other(push: Push, datadog: Datadog) -> None:
    datadog.faults['PUT .*'] = Fault(400, '{"errors": ["Not now"]}', times=1)

    pushed = push()

    assert pushed.code == 1
    assert pushed.told('created') == ['job_detail', 'overview', 'job_failed', 'too_slow']
    assert pushed.told('failed') == ['job_detail']
    assert 'assets/dashboards/job_detail.json: Datadog refuses to update dashboard: 400 Not now\n' in pushed.out
    assert push().told('updated') == ['job_detail']


def test_a_created_dashboard_is_named_if_linking_it_ends_the_run(push: Push, datadog: Datadog) -> None:
    datadog.faults['PUT .*'] = Fault(403, '{"errors": ["Forbidden"]}')

    pushed = push()

    assert pushed.code == 2
    assert pushed.err.startswith('dashboard job_detail: Datadog refuses to update dashboard (403 Forbidden)')


def test_a_file_that_is_no_asset_is_named_before_anything_is_done(push: Push, datadog: Datadog, assets: Path) -> None:
    (assets / 'monitors' / 'too_slow.json').write_text('{"definition": ', encoding='utf-8')

    pushed = push()

    assert (pushed.code, datadog.requests) == (2, [])
    assert 'too_slow.json is not a monitor' in pushed.err
