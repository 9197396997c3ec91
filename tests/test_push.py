# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tools.push.__main__ import ASSETS, main
from tools.push.organisation import APP_HOSTS, Retries

API_KEY, APP_KEY = 'api-key-of-the-test', 'app-key-of-the-test'
AT_ONCE = Retries(total=2, backoff_factor=0, retry_after_max=0)
SEARCH = 'https://app.datadoghq.com/dashboard/lists?q='
TAG = 'integration:sagemaker-training'

type Json = dict[str, Any]


class Fault(NamedTuple):
    """An answer in place of the right one; once it has been given so many times, Datadog is well again."""

    status: int
    body: str = '{"errors": ["out of order"]}'
    headers: Mapping[str, str] = {}
    times: float = float('inf')


class Datadog:
    """The two APIs as far as they are used, with the same habits: fields added, ids changed, empty values nulled."""

    def __init__(self) -> None:
        self.dashboards: dict[Any, Json] = {}
        self.monitors: dict[Any, Json] = {}
        self.requests: list[str] = []
        self.faults: dict[str, Fault] = {}
        self.lost_answers: set[str] = set()
        self.proxy_authorization: str | None = None
        self._numbers = count(1000)
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith('GET')]

    def titled(self, title: str) -> Json:
        (found,) = (each for each in self.dashboards.values() if each['title'] == title)
        return found

    def named(self, name: str) -> Json:
        (found,) = (each for each in self.monitors.values() if each['name'] == name)
        return found

    def copy_of(self, monitor: Json, **changes: Any) -> None:
        number = next(self._numbers)
        self.monitors[number] = monitor | {'id': number} | changes

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        datadog = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                url = urlsplit(self.path)
                request = f'{self.command} {url.path}'
                datadog.requests.append(request)
                datadog.proxy_authorization = self.headers['Proxy-Authorization']
                body = json.loads(self.rfile.read(int(self.headers.get('Content-Length') or 0)) or 'null')
                status, headers, text = datadog.fault(request)
                if not status:
                    keys = (self.headers['DD-API-KEY'], self.headers['DD-APPLICATION-KEY'])
                    query = {name: values[0] for name, values in parse_qs(url.query).items()}
                    status, answer = (
                        datadog.answer(request, query, body)
                        if keys == (API_KEY, APP_KEY)
                        else (403, {'errors': ['Forbidden']})
                    )
                    text = json.dumps(answer)
                if request in datadog.lost_answers:
                    status, text = 503, 'upstream connect error'
                self.send_response(status)
                for name, value in {'Content-Length': str(len(text.encode())), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def fault(self, request: str) -> tuple[int, Mapping[str, str], str]:
        for pattern, fault in self.faults.items():
            if fault.times and re.fullmatch(pattern, request):
                self.faults[pattern] = fault._replace(times=fault.times - 1)
                return fault.status, fault.headers, fault.body
        return 0, {}, ''

    def answer(self, request: str, query: Mapping[str, str], body: Json) -> tuple[int, Any]:
        match request.split('/'):
            case ['GET ', 'api', 'v1', 'dashboard']:
                start = int(query.get('start', 0))
                shown = ('id', 'title', 'description', 'layout_type', 'url', 'author_handle')
                page = list(self.dashboards.values())[start : start + int(query.get('count', 100))]
                return 200, {'dashboards': [{name: each[name] for name in shown} for each in page]}
            case ['GET ', 'api', 'v1', 'dashboard', id_] if id_ in self.dashboards:
                return 200, self.dashboards[id_]
            case [('POST ' | 'PUT ') as verb, 'api', 'v1', 'dashboard', *ids] if set(ids) <= self.dashboards.keys():
                if missing := {'title', 'layout_type', 'widgets'} - body.keys():
                    return 400, {'errors': [f"'{missing.pop()}' is a required property"]}
                id_ = ids[0] if verb == 'PUT ' else f'abc-{next(self._numbers)}-xyz'
                self.dashboards[id_] = self._stored_dashboard(id_, body)
                return 200, self.dashboards[id_]
            case ['GET ', 'api', 'v1', 'monitor']:
                tags = set(filter(None, query.get('monitor_tags', '').split(',')))
                listed = [each for each in self.monitors.values() if tags <= set(each['tags'])]
                if 'page' in query:
                    size = int(query.get('page_size', 100))
                    listed = listed[int(query['page']) * size :][:size]
                return 200, listed
            case ['POST ', 'api', 'v1', 'monitor']:
                if 'query' not in body:
                    return 400, {'errors': ["The value provided for parameter 'query' is invalid"]}
                number = next(self._numbers)
                self.monitors[number] = self._stored_monitor(number, body)
                return 200, self.monitors[number]
            case ['PUT ', 'api', 'v1', 'monitor', number] if int(number) in self.monitors:
                changed = self.monitors[int(number)] | body
                self.monitors[int(number)] = self._stored_monitor(int(number), changed)
                return 200, self.monitors[int(number)]
        return 404, {'errors': ['Not found']}

    def _stored_dashboard(self, id_: str, body: Json) -> Json:
        return {
            'author_handle': 'someone@example.com',
            'created_at': '2026-11-24T00:00:00.000000+00:00',
            'modified_at': '2026-11-24T00:00:00.000000+00:00',
            'is_read_only': False,
            'restricted_roles': [],
            **{name: value or None for name, value in body.items()},
            'widgets': [self._stored_widget(widget) for widget in body['widgets']],
            'id': id_,
            'url': f'/dashboard/{id_}/title-in-words',
        }

    def _stored_widget(self, widget: Json) -> Json:
        definition = {'title_size': '16', **widget['definition']}
        if 'widgets' in definition:
            definition['widgets'] = [self._stored_widget(each) for each in definition['widgets']]
        return widget | {'id': next(self._numbers), 'definition': definition}

    def _stored_monitor(self, number: int, body: Json) -> Json:
        return {
            'creator': {'email': 'someone@example.com'},
            'created': '2026-11-24T00:00:00.000000+00:00',
            'overall_state': 'No Data',
            'restricted_roles': None,
            'multi': True,
            **body,
            'id': number,
            'type': body['type'].replace('query', 'metric'),
            'name': body['name'].strip(),
            'message': body['message'].strip(),
            'tags': sorted(body['tags'], reverse=True),
            'options': {'notify_no_data': False, 'new_host_delay': 300, 'silenced': {}, **body['options']},
        }


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


def write(path: Path, content: Json) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding='utf-8')


def dashboard(name: str, title: str, linked_title: str) -> Json:
    links = f'[Next]({SEARCH}{quote(linked_title)}&tpl_var_region=eu), [that]({SEARCH}{quote(linked_title)})'
    note = {'type': 'note', 'content': f'{links}, [events](https://app.datadoghq.com/event/explorer?query=a%20b).'}
    group = {'type': 'group', 'layout_type': 'ordered', 'widgets': [{'id': 2, 'definition': note}]}
    return {
        'title': title,
        'description': f'About it. [sagemaker-training:{name}]',
        'layout_type': 'ordered',
        'widgets': [{'id': 1, 'definition': group}],
        'template_variables': [{'name': 'region', 'prefix': 'region', 'available_values': [], 'defaults': ['*']}],
        'notify_list': [],
    }


def monitor(name: str) -> Json:
    message = f'It {name}.\n\n{SEARCH}{quote("Fleet - Job Detail")}&tpl_var_training_job_name={{{{job.name}}}}\n'
    options = {'thresholds': {'critical': 1}, 'renotify_interval': 0, 'include_tags': True}
    query = 'max(last_10m):max:sagemaker_training.job.elapsed_time{*} by {region} > 1'
    definition = {'name': name, 'type': 'query alert', 'query': query, 'message': message, 'options': options}
    return {'version': 2, 'title': name, 'definition': definition | {'tags': [TAG, 'team:ml'], 'priority': None}}


class Pushed(NamedTuple):
    code: int
    out: str
    err: str

    def told(self, word: str) -> list[str]:
        """The names of the assets of which this is said."""
        return [line.split()[2] for line in self.out.splitlines() if line.startswith(f'{word} ')]


type Push = Callable[..., Pushed]


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


def test_the_first_run_creates_everything_and_says_where_it_is(push: Push, datadog: Datadog) -> None:
    pushed = push()

    assert pushed.code == 0
    assert sorted(pushed.told('created')) == ['job_detail', 'job_failed', 'overview', 'too_slow']
    assert sorted(each['title'] for each in datadog.dashboards.values()) == ['Fleet - Job Detail', 'Fleet - Overview']
    assert sorted(each['name'] for each in datadog.monitors.values()) == ['job failed', 'job is slow']
    assert f'https://app.datadoghq.com/dashboard/{datadog.titled("Fleet - Overview")["id"]}\n' in pushed.out
    assert f'https://app.datadoghq.com/monitors/{datadog.named("job failed")["id"]}\n' in pushed.out
    assert pushed.out.endswith('4 created\n')


def test_links_lead_to_what_was_pushed(push: Push, datadog: Datadog) -> None:
    push()

    detail, overview = (datadog.titled(f'Fleet - {title}') for title in ('Job Detail', 'Overview'))
    for one, other in ((overview, detail), (detail, overview)):
        address = f'https://app.datadoghq.com/dashboard/{other["id"]}'
        note = one['widgets'][0]['definition']['widgets'][0]['definition']['content']
        assert note.startswith(f'[Next]({address}?tpl_var_region=eu), [that]({address}), [events](https://app.')
    assert f'/dashboard/{detail["id"]}?tpl_var_training_job_name={{{{' in datadog.named('job failed')['message']


def test_links_lead_to_the_site_in_use(push: Push, datadog: Datadog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('DD_SITE', 'us5.datadoghq.com')

    pushed = push()

    stored = json.dumps([datadog.dashboards, datadog.monitors])
    assert set(re.findall(r'https://([^/]+)/', stored + pushed.out)) == {'us5.datadoghq.com'}
    assert 'https://us5.datadoghq.com/event/explorer?query=a%20b' in stored


def test_a_second_run_writes_nothing(push: Push, datadog: Datadog) -> None:
    push()

    pushed = push()

    assert (pushed.code, datadog.writes) == (0, [])
    assert pushed.out.endswith('\n4 unchanged\n')


def test_a_hand_edit_is_put_right_by_one_update(push: Push, datadog: Datadog) -> None:
    push()
    edited = datadog.titled('Fleet - Overview')
    group = edited['widgets'][0]['definition']
    group['widgets'].append({'id': 3, 'definition': {'type': 'note', 'content': 'Mine.'}})

    pushed = push()

    assert datadog.writes == [f'PUT /api/v1/dashboard/{edited["id"]}']
    assert pushed.told('updated') == ['overview']
    assert len(datadog.titled('Fleet - Overview')['widgets'][0]['definition']['widgets']) == 1
    assert push().told('updated') == []


@pytest.mark.parametrize(
    'edit',
    [
        {'query': 'max(last_1h):max:sagemaker_training.job.elapsed_time{*} > 1'},
        {'message': 'Never mind.'},
        {'priority': 3},
        {'tags': [TAG]},
        {'options': {'thresholds': {'critical': 2}}},
    ],
)
def test_an_edited_monitor_is_put_right(push: Push, datadog: Datadog, edit: Json) -> None:
    push()
    before = json.loads(json.dumps(datadog.named('job failed')))
    datadog.named('job failed').update(edit)

    assert push().told('updated') == ['job_failed']
    assert {name: datadog.named('job failed')[name] for name in edit if name != 'options'} == {
        name: before[name] for name in edit if name != 'options'
    }
    assert datadog.named('job failed')['options']['thresholds'] == {'critical': 1}
    assert push().told('updated') == []


def test_what_the_asset_says_nothing_about_is_no_difference(push: Push, datadog: Datadog) -> None:
    push()
    datadog.named('job failed')['options']['silenced'] = {'*': None}
    datadog.titled('Fleet - Overview')['is_read_only'] = True

    assert push().told('unchanged') == ['job_detail', 'overview', 'job_failed', 'too_slow']


def test_what_is_on_later_pages_of_the_lists_is_found(push: Push, datadog: Datadog) -> None:
    for number in range(250):
        others = {'title': f'{number}', 'description': None, 'layout_type': 'free', 'url': '/', 'author_handle': ''}
        datadog.dashboards[f'other-{number}'] = others | {'id': f'other-{number}'}
        datadog.monitors[number] = {'id': number, 'name': f'{number}', 'tags': [TAG]}
    push()

    pushed = push()

    assert datadog.writes == []
    assert len(pushed.told('unchanged')) == 4
    assert len(datadog.dashboards) == 252


@pytest.mark.parametrize('prefix', ['Staging ', ' [Staging] - '])
def test_a_prefix_makes_a_set_of_its_own(push: Push, datadog: Datadog, prefix: str) -> None:
    push()
    plain = datadog.dashboards | datadog.monitors

    assert len(push('--prefix', prefix).told('created')) == 4
    assert len(push('--prefix', prefix).told('unchanged')) == 4
    assert len(push().told('unchanged')) == 4
    assert plain.items() <= (datadog.dashboards | datadog.monitors).items()
    overview, detail = (datadog.titled(f'{prefix.strip()} Fleet - {title}') for title in ('Overview', 'Job Detail'))
    assert f'/dashboard/{detail["id"]}?' in json.dumps(overview)
    assert f'/dashboard/{detail["id"]}?' in datadog.named(f'{prefix.strip()} job failed')['message']


def test_monitors_notify_whom_this_run_names(push: Push, datadog: Datadog) -> None:
    push('--notify', '@slack-ml-oncall', '--notify', '@pagerduty-ml')
    assert datadog.named('job failed')['message'].endswith('\n\n@slack-ml-oncall @pagerduty-ml')
    assert push('--notify', '@slack-ml-oncall', '@pagerduty-ml').told('updated') == []

    pushed = push('--notify', '@pagerduty-ml')

    assert pushed.told('updated') == ['job_failed', 'too_slow']
    assert len(re.findall('no longer notifies @slack-ml-oncall$', pushed.out, re.MULTILINE)) == 2
    assert datadog.named('job failed')['message'].endswith('\n\n@pagerduty-ml')
    push()
    assert '@' not in datadog.named('job failed')['message']


def test_a_handle_without_an_at_is_a_mistake(push: Push, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='2'):
        push('--notify', 'slack-ml-oncall')
    assert "'slack-ml-oncall' does not look like @somebody" in capsys.readouterr().err


def test_only_what_is_named_is_pushed_with_links_to_what_is_there(push: Push, datadog: Datadog) -> None:
    push('--only', 'job_detail')
    assert (len(datadog.dashboards), len(datadog.monitors)) == (1, 0)

    assert push('--only', 'overview', '--only', 'job_failed').told('created') == ['overview', 'job_failed']
    detail = datadog.titled('Fleet - Job Detail')
    assert f'/dashboard/{detail["id"]}?' in datadog.named('job failed')['message']
    assert f'/dashboard/{detail["id"]}?' in json.dumps(datadog.titled('Fleet - Overview'))
    assert quote('Fleet - Overview') in json.dumps(detail), 'it is not this run that updates it'

    push()
    assert quote('Fleet - Overview') not in json.dumps(datadog.titled('Fleet - Job Detail'))


def test_a_runbook_is_a_path_or_a_link_to_where_the_docs_are_read(push: Push, datadog: Datadog) -> None:
    push(folder=ASSETS)
    message = datadog.named('SageMaker training job failed')['message']
    assert message.endswith('\n\nRunbook: `docs/runbooks.md#job-failed`')

    url = 'https://git.example.com/ml/it/blob/main/docs'
    assert len(push('--docs-url', f'{url}/', folder=ASSETS).told('unchanged')) < 4, 'all that name a page are updated'
    message = datadog.named('SageMaker training job failed')['message']
    assert message.endswith(f'\n\nRunbook: [docs/runbooks.md#job-failed]({url}/runbooks.md#job-failed)')
    assert '`docs/' not in json.dumps([datadog.dashboards, datadog.monitors])
    assert push('--docs-url', url, folder=ASSETS).told('updated') == [], 'with and without the slash'


@pytest.mark.parametrize(
    'url', ['docs/', 'http://git.example.com/docs/', 'https://a b/', 'https://a/#b', 'https://a/"b']
)
def test_what_is_no_url_of_docs_is_refused(
    push: Push, datadog: Datadog, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        push('--docs-url', url)
    assert 'does not look like https://' in capsys.readouterr().err
    assert datadog.requests == []


def test_a_monitor_that_is_pushed_alone_links_to_a_dashboard_that_is_there(push: Push, datadog: Datadog) -> None:
    push('--only', 'job_detail')
    push('--only', 'job_failed')
    assert f'/dashboard/{datadog.titled("Fleet - Job Detail")["id"]}?' in datadog.named('job failed')['message']


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(
    push: Push, datadog: Datadog, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        push('--only', 'overview', 'nothing')
    assert 'no asset is named nothing; there are job_detail, job_failed, overview, too_slow' in capsys.readouterr().err
    assert datadog.requests == []


def test_a_dry_run_shows_what_would_change_and_changes_nothing(push: Push, datadog: Datadog) -> None:
    push('--only', 'overview', 'job_failed')
    datadog.named('job failed')['message'] = 'All is well.\n\n@my-own-handle'

    pushed = push('--dry-run')

    assert (pushed.code, datadog.writes) == (0, [])
    assert pushed.told('create') == ['job_detail', 'too_slow']
    assert pushed.told('update') == ['overview', 'job_failed'], 'the one will link to what is not there yet'
    assert re.search('^    -    "All is well."', pushed.out, re.MULTILINE)
    assert re.search(r'^    \+    "It job failed."', pushed.out, re.MULTILINE)
    assert '@@' in pushed.out
    assert 'no longer notifies @my-own-handle' in pushed.out
    assert pushed.out.endswith('Nothing was changed. Without --dry-run: 2 created, 2 updated\n')
    assert 'someone@example.com' not in pushed.out, 'what only Datadog has is not shown'
    assert push().told('updated') == ['overview', 'job_failed'], 'as was foretold'


def test_a_dry_run_that_breaks_off_has_done_nothing(push: Push, datadog: Datadog) -> None:
    datadog.faults['GET .*monitor'] = Fault(502, 'bad gateway')
    pushed = push('--dry-run')
    assert pushed.code == 2
    assert 'Before that' not in pushed.err
    assert 'Before that: 2 created' in push().err


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


def test_of_several_that_could_be_meant_none_is_touched(push: Push, datadog: Datadog) -> None:
    push()
    clone = datadog.titled('Fleet - Overview') | {'id': 'clone', 'title': 'Overview (cloned)'}
    datadog.dashboards['clone'] = clone
    original = datadog.titled('Fleet - Overview')
    original['layout_type'] = 'free'
    datadog.copy_of(datadog.named('job failed'))

    pushed = push()

    assert pushed.code == 1
    assert pushed.told('failed') == ['overview', 'job_failed']
    assert [request for request in datadog.writes if 'clone' in request or original['id'] in request] == []
    assert f'Fleet - Overview ({original["id"]}), Overview (cloned) (clone)' in pushed.out
    assert 'take [sagemaker-training:overview] out of the descriptions of all but one' in pushed.out
    assert 'delete or rename the copies' in pushed.out


def test_a_monitor_of_that_name_without_the_tag_is_somebody_elses(push: Push, datadog: Datadog) -> None:
    datadog.copy_of({'name': 'job failed', 'tags': [], 'message': 'Mine.'})

    assert 'job_failed' in push().told('created')
    assert [each['message'] for each in datadog.monitors.values()][0] == 'Mine.'


def test_the_shipped_assets_are_pushed_once_with_no_link_left_to_a_search(push: Push, datadog: Datadog) -> None:
    shipped = len([*ASSETS.glob('dashboards/*.json'), *ASSETS.glob('monitors/*.json')])

    first, second = push(folder=ASSETS), push(folder=ASSETS)

    assert (first.code, second.code) == (0, 0)
    assert (len(first.told('created')), len(second.told('unchanged'))) == (shipped, shipped)
    assert datadog.writes == []
    assert '/dashboard/lists' not in json.dumps([datadog.dashboards, datadog.monitors])
