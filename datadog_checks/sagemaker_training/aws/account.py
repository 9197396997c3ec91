# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""One set of credentials: its clients, its rates, and what it has asked for."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from botocore.auth import AUTH_TYPE_MAPS
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError, UnknownSignatureVersionError
from botocore.session import Session

from datadog_checks.base import ConfigurationError
from datadog_checks.base.utils.http import should_bypass_proxy
from datadog_checks.sagemaker_training.config_models.instance import InstanceConfig

from .border import call, code_and_message, member
from .calls import Region
from .codes import error_class
from .credentials import GivenCredentials, NamedErrors, credentials
from .errors import AwsError, Throttled
from .handlers import register_handlers
from .models import TrimmedLoader
from .pace import Clock, Pace
from .parsing import Parsers, mend
from .regions import check_regions, price_region

# Instances that use the same credentials share what AWS allows them.
_paces: dict[tuple[Any, ...], Pace] = {}

# In the context of a call: the region that it is made for, where that is not the one that it goes to.
_ON_BEHALF = 'sagemaker_training_region'

# The loader is not for threads: instances that start together would each load the same files into it.
_building = threading.Lock()


@functools.cache
def _loader() -> TrimmedLoader:
    """One for the process: each of its own would keep a copy of the service models."""
    return TrimmedLoader()


class Account:
    """One set of credentials, and the regions it is used in.

    Every attempt that goes out is paced and counted, also those of botocore's own retries.

    Raises:
        ConfigurationError: no region or an unknown one, an unknown profile, or an option botocore does not know
        AwsError: the environment has no credentials, or cannot get them
    """

    def __init__(self, config: InstanceConfig, proxy: Mapping[str, Any], clock: Clock) -> None:
        self._attempts: Counter[tuple[str, str, str]] = Counter()
        self._config = config
        self._proxy = proxy
        self._clock = clock
        self._lock = threading.Lock()
        self._caller_lock = threading.Lock()
        self._caller: str | None = None
        self._ask_caller_at = float('-inf')
        self._client_config = _client_config(config)
        session = self._session()
        names = config.regions or tuple(filter(None, [session.get_config_variable('region')]))
        if not names:
            raise ConfigurationError(
                '`regions` is not set and the environment names no region: list the regions to poll in `regions`, '
                'or set AWS_DEFAULT_REGION or the region of the profile'
            )
        self._names = names
        if not config.endpoint_url:
            with _building:
                check_regions(session, names)
        client = functools.partial(self._client, session)
        provider = GivenCredentials(NamedErrors(credentials(config, session, names[0], client)))
        session.register_component('credential_provider', CredentialResolver([provider]))
        self.regions = [
            Region(
                name,
                client('sagemaker', name),
                functools.cache(functools.partial(client, 'resourcegroupstaggingapi', name)),
                functools.partial(self._pricing, session, name),
                functools.partial(self._rate, name),
            )
            for name in names
        ]
        self._sts = functools.partial(client, 'sts', names[0])

    @property
    def caller_account_id(self) -> str | None:
        """The account of the credentials, for when no job's ARN tells it. A call; after a failure, None for an hour."""
        with self._caller_lock:  # many empty regions would all ask
            if self._caller is None and self._clock.monotonic() >= self._ask_caller_at:
                self._ask_caller_at = self._clock.monotonic() + 3600
                try:
                    self._caller = self.caller_arn().split(':')[4]
                except AwsError:
                    return None
            return self._caller

    def caller_arn(self) -> str:
        """Whose the credentials are, to AWS. A call."""
        return member(call('GetCallerIdentity', self._sts().get_caller_identity), 'Arn', 'GetCallerIdentity')

    def take_attempts(self, region: str) -> dict[tuple[str, str], int]:
        """The attempts in the region since the last time, by (operation, outcome).

        Those in a region that is not polled are told with the first one's.
        """
        with self._lock:
            keys = [key for key in self._attempts if key[0] == region]
            return {key[1:]: self._attempts.pop(key) for key in keys}

    def _session(self) -> Session:
        session = Session(profile=self._config.aws_profile, include_builtin_handlers=False)
        register_handlers(session.get_component('event_emitter'))
        with _building:
            session.register_component('data_loader', _loader())
        session.register_component('response_parser_factory', Parsers())
        session.register('before-sign', self._wait)
        session.register('response-received', mend)
        session.register('response-received', self._count)
        try:
            session.get_scoped_config()
        except BotoCoreError as e:
            raise ConfigurationError(f'`aws_profile`, or the AWS configuration files: {e}') from None
        return session

    def _client(self, session: Session, service: str, region: str, **keys: str) -> BaseClient:
        create = functools.partial(
            session.create_client, service, region_name=region, endpoint_url=self._config.endpoint_url, **keys
        )
        try:
            with _building:
                client = create(config=self._client_config)
        except (TypeError, ValueError, BotoCoreError) as e:
            raise ConfigurationError(f'`boto_config`, or the AWS settings of the environment: {e}') from None
        proxies = {scheme: self._proxy[scheme] for scheme in ('http', 'https') if self._proxy.get(scheme)}
        own_proxies = 'proxies' in (self._config.boto_config or {})
        if not proxies or own_proxies or should_bypass_proxy(client.meta.endpoint_url, self._proxy.get('no') or ()):
            return client
        with _building:
            return create(config=self._client_config.merge(Config(proxies=proxies)))

    def _pricing(self, session: Session, region: str) -> BaseClient:
        """For the prices of the region, which are not told there.

        Raises:
            NoPriceList: nor anywhere else
        """
        with _building:
            home = price_region(session, region)
        client = self._client(session, 'pricing', home)
        client.meta.events.register('provide-client-params', functools.partial(_note_region, region))
        return client

    def _wait(self, operation_name: str, region_name: str, **_: Any) -> None:
        self._pace(region_name, operation_name).wait(self._limit(operation_name), self._clock)

    def _pace(self, region: str, operation: str) -> Pace:
        config = self._config
        identity = (config.assume_role_arn or config.aws_access_key_id or config.aws_profile, config.endpoint_url)
        return _paces.setdefault((*identity, region, operation, self._clock), Pace())

    def _limit(self, operation: str) -> float:
        is_list = operation == 'ListTrainingJobs'
        return self._config.list_requests_per_second if is_list else self._config.describe_requests_per_second

    def _rate(self, region: str, operation: str) -> float:
        return self._pace(region, operation).rate(self._limit(operation))

    def _count(
        self,
        event_name: str,
        parsed_response: Mapping[str, Any] | None,
        context: Mapping[str, Any],
        exception: Exception | None,
        **_: Any,
    ) -> None:
        operation = event_name.rpartition('.')[2]
        outcome = 'ok'
        if exception:
            outcome = AwsError.outcome
        elif parsed_response and 'Error' in parsed_response:
            outcome = error_class(*code_and_message(parsed_response)).outcome
        region = context['client_region']
        self._pace(region, operation).answered(is_throttled=outcome == Throttled.outcome)
        polled = context.get(_ON_BEHALF, region)
        if polled not in self._names:  # as STS may be, where the Agent runs
            polled = self._names[0]
        with self._lock:
            self._attempts[polled, operation, outcome] += 1


def _note_region(region: str, context: dict[str, Any], **_: Any) -> None:
    context[_ON_BEHALF] = region


def _client_config(config: InstanceConfig) -> Config:
    options: dict[str, Any] = {
        # A call that begins at the last moment ends before the next poll: 2 x 5 seconds, and a wait between them.
        'connect_timeout': 5,
        'read_timeout': 5,
        'max_pool_connections': config.max_concurrency,
        'retries': {'mode': 'standard', 'total_max_attempts': 2},
        'user_agent_extra': 'datadog-sagemaker-training',
    }
    try:
        client_config = Config(**options | _plain(config.boto_config or {}))
        # botocore would find these out at the first call, as if they were the network's.
        if not isinstance(client_config.proxies, dict | None):
            raise TypeError('proxies must be a mapping, such as https: http://proxy.example.com:3128')
        if client_config.signature_version not in (None, *AUTH_TYPE_MAPS):
            raise UnknownSignatureVersionError(signature_version=client_config.signature_version)
    except (TypeError, ValueError, BotoCoreError) as e:
        raise ConfigurationError(f'`boto_config`: {e}') from None
    return client_config


def _plain(value: Any) -> Any:
    """The mappings and lists that the configuration model has made immutable, as botocore wants them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return list(map(_plain, value)) if isinstance(value, tuple) else value
