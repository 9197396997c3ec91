# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""An organisation's API on this machine, and small assets to push there."""

import json
import re
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from tools.push.organisation import Retries

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
