# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""How a Datadog organisation is asked for its dashboards and monitors, and told to change them."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.rest import ClientRetry
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from urllib3.exceptions import HTTPError, LocationValueError, MaxRetryError
from urllib3.util import make_headers, parse_url

from .wanted import TAG, Json, PushError

PAGE_SIZE = 100
TIMEOUT_SECONDS = 30

# https://docs.datadoghq.com/getting_started/site/
APP_HOSTS = {
    'datadoghq.com': 'app.datadoghq.com',
    'us3.datadoghq.com': 'us3.datadoghq.com',
    'us5.datadoghq.com': 'us5.datadoghq.com',
    'datadoghq.eu': 'app.datadoghq.eu',
    'uk1.datadoghq.com': 'uk1.datadoghq.com',
    'ap1.datadoghq.com': 'ap1.datadoghq.com',
    'ap2.datadoghq.com': 'ap2.datadoghq.com',
    'ddog-gov.com': 'app.ddog-gov.com',
    'us2.ddog-gov.com': 'us2.ddog-gov.com',
}
DEFAULT_SITE = 'datadoghq.com'
# What the client calls a key, and the page of the organisation's settings that makes one.
KEYS = {'DD_API_KEY': ('apiKeyAuth', 'api-keys'), 'DD_APP_KEY': ('appKeyAuth', 'application-keys')}
PERMISSIONS = {
    'list_dashboards': 'dashboards_read',
    'get_dashboard': 'dashboards_read',
    'create_dashboard': 'dashboards_write',
    'update_dashboard': 'dashboards_write',
    'list_monitors': 'monitors_read',
    'create_monitor': 'monitors_write',
    'update_monitor': 'monitors_write',
}
# The least that each answer has, `...` being anything.
ANSWERS: dict[str, Any] = {
    'list_dashboards': {'dashboards': [{'id': ...}]},
    'get_dashboard': {'id': ...},
    'create_dashboard': {'id': ...},
    'update_dashboard': {'id': ...},
    'list_monitors': [{'id': ..., 'name': ..., 'tags': [...]}],
    'create_monitor': {'id': ...},
    'update_monitor': {'id': ...},
}
# What urllib3 begins its texts with.
CONNECTION = re.compile(r'^HTTPS?Connection(Pool)?\([^)]*\): ')


class Refused(PushError):
    """Datadog does not take this one asset."""


class Retries(ClientRetry):
    """The client's own, but a POST that may have been carried out is not sent again: that would make a second one."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return (method != 'POST' or status_code == 429) and bool(super().is_retry(method, status_code, has_retry_after))


PATIENCE = Retries(total=3, backoff_factor=2, retry_after_max=60)


class Calls(NamedTuple):
    """How an organisation is asked about one kind of asset."""

    page: Callable[[int], list[Json]]
    is_it: Callable[[Json, str], bool]  # an item of a page, and the key of an asset
    whole: Callable[[Json], Json]  # an item of a page
    create: Callable[[Json], Json]
    update: Callable[[Any, Json], Json]


def connect(
    keys: Mapping[str, str], site: str, host: str | None, retries: ClientRetry, *, dry_run: bool
) -> dict[str, Calls]:
    """How to ask the organisation; a dry run only reads, and finds nothing if there are no keys."""
    if site not in APP_HOSTS:
        raise PushError(f'DD_SITE is {site!r}, which is no site of Datadog; there are {", ".join(APP_HOSTS)}')
    for variable, key in keys.items():
        if not key and not dry_run:
            page = f'https://{APP_HOSTS[site]}/organization-settings/{KEYS[variable][1]}'
            raise PushError(f'{variable} is not set. Make a key at {page}, or add --dry-run, which needs none.')
        if not re.fullmatch('[!-~]*', key):
            raise PushError(f'{variable} has characters in it that no key has')
    organisation = _calls(_client(keys, host or f'https://api.{site}', retries))
    if not dry_run:
        return organisation
    readable = {kind: each._replace(create=dict, update=lambda _, body: body) for kind, each in organisation.items()}
    if all(keys.values()):
        return readable
    return {kind: each._replace(page=lambda _: []) for kind, each in readable.items()}


def listed(page: Callable[[int], list[Json]]) -> list[Json]:
    """The items of all pages, each once although pages move when something is created in between."""
    items: dict[Any, Json] = {}
    for number in count():
        more = {item['id']: item for item in page(number)}
        if more.keys() <= items.keys():
            break
        items |= more
    return list(items.values())


def _client(keys: Mapping[str, str], host: str, retries: ClientRetry) -> ApiClient:
    configuration = Configuration(
        host=host,
        api_key={KEYS[variable][0]: key for variable, key in keys.items()},
        # Followed, a redirect would take the keys with it.
        retry_policy=retries.new(redirect=False),
        request_timeout=TIMEOUT_SECONDS,
        # Neither what is sent nor what is answered goes through the client's models, which know less than the API.
        check_input_type=False,
        preload_content=False,
    )
    address = urlsplit(host)
    proxy = getproxies().get(address.scheme)
    logging.getLogger('urllib3').setLevel(logging.ERROR)  # of retries it would warn
    try:
        if proxy and not proxy_bypass(address.netloc):
            configuration.proxy = proxy
            configuration.proxy_headers = make_headers(proxy_basic_auth=unquote(parse_url(proxy).auth or '') or None)
        return ApiClient(configuration)
    except LocationValueError:
        # Without what it says, in which there may be a password.
        raise PushError(f'{address.scheme}_proxy of the environment is no address like http://proxy:3128') from None


def _calls(client: ApiClient) -> dict[str, Calls]:
    """By kind, in the order in which they are to be pushed."""
    dashboards, monitors = DashboardsApi(client), MonitorsApi(client)
    return {
        'dashboard': Calls(
            lambda number: _answer(dashboards.list_dashboards, count=PAGE_SIZE, start=number * PAGE_SIZE)['dashboards'],
            lambda item, key: key in (item.get('description') or ''),
            lambda item: _answer(dashboards.get_dashboard, item['id']),
            lambda body: _answer(dashboards.create_dashboard, body=body),
            lambda id_, body: _answer(dashboards.update_dashboard, id_, body=body),
        ),
        'monitor': Calls(
            lambda number: _answer(monitors.list_monitors, monitor_tags=TAG, page=number, page_size=PAGE_SIZE),
            lambda item, key: item['name'] == key,
            lambda item: item | {'tags': sorted(item['tags'])},
            lambda body: _answer(monitors.create_monitor, body=body),
            lambda id_, body: _answer(monitors.update_monitor, id_, body=body),
        ),
    }


def _answer(method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What Datadog answers; Refused if another request may fare better, PushError if none would."""
    try:
        answer = json.loads(method(*arguments, **named).data)
    except ApiException as error:
        raise _explained(method.__name__, error) from None
    except HTTPError as error:
        reason = error.reason if isinstance(error, MaxRetryError) else error
        raise PushError(f'Datadog cannot be reached: {CONNECTION.sub("", str(reason))}') from None
    except ValueError:
        raise PushError('What answers is not the API of Datadog: its answer is not JSON. Is it a proxy?') from None
    if not _has(answer, ANSWERS[method.__name__]):
        what = method.__name__.replace('_', ' ')
        raise PushError(f'What answers is not the API of Datadog: it does not {what} as that does. Is it a proxy?')
    return answer


def _has(answer: Any, least: Any) -> bool:
    match least:
        case dict():
            return isinstance(answer, dict) and all(key in answer and _has(answer[key], least[key]) for key in least)
        case [item]:
            return isinstance(answer, list) and all(_has(each, item) for each in answer)
    return True


def _explained(operation: str, error: ApiException) -> PushError:
    what = operation.replace('_', ' ')
    answer = f'{error.status} {_text(error)}'
    if error.status in (401, 403):
        return PushError(
            f'Datadog refuses to {what} ({answer}): DD_API_KEY or DD_APP_KEY is not one of this organisation on this '
            f'DD_SITE, or the application key or its owner lacks the permission {PERMISSIONS[operation]}'
            f'{" or, if it is restricted, the right to edit it" if operation.startswith("update") else ""}.'
        )
    if error.status == 429:
        seconds = {name.lower(): value for name, value in error.headers.items()}.get('x-ratelimit-reset', 'some')
        return PushError(f'Datadog limits how often it can be asked ({answer}): try again in {seconds} seconds.')
    if error.status >= 500:
        return PushError(f'Datadog fails to {what} ({answer}); see https://status.datadoghq.com')
    if 300 <= error.status < 400:
        return PushError(
            f'What answers sends {what} elsewhere ({answer}), and the keys are not taken there. Is DD_SITE right? '
            'Is it a proxy?'
        )
    if not error.status:
        return PushError(f'Datadog cannot be reached: {answer}')
    return Refused(f'Datadog refuses to {what}: {answer}')


def _text(error: ApiException) -> str:
    """What Datadog says is wrong, in one line."""
    errors = error.body.get('errors') if isinstance(error.body, dict) else None
    return ' '.join(' '.join(map(str, errors or [error.reason])).split())[:500]
