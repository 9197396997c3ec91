# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The calls to AWS: credentials, clients, rate limits, counting. The only user of botocore."""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import batched
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.auth import AUTH_TYPE_MAPS
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
    create_credential_resolver,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    UnknownRegionError,
    UnknownSignatureVersionError,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError
from botocore.session import Session

from datadog_checks.base import ConfigurationError
from datadog_checks.base.utils.http import should_bypass_proxy

from .config_models.instance import InstanceConfig
from .config_models.names import closest_to
from .errors import (
    AwsError,
    BadCredentials,
    Denied,
    Missing,
    NoAnswer,
    Throttled,
    Unavailable,
    authentication_error_class,
    error_class,
)
from .pace import Clock, Pace
from .text import well_formed

# botocore's debug log prints whole answers, and with them the passwords in job descriptions.
_log = logging.getLogger('botocore')
_log.setLevel(max(_log.getEffectiveLevel(), logging.INFO))

snake_case = xform_name

PAGE_SIZE = 100  # the most that ListTrainingJobs answers, and that GetResources takes

AUTHENTICATION = 'Authentication'

# How JSON escapes a NUL, or half a character, which is malformed unless the other half follows. It has neither as is.
_MALFORMED = re.compile(rb'\\u(?:0000|[dD][89a-fA-F])')

# Instances that use the same credentials share what AWS allows them.
_paces: dict[tuple[Any, ...], Pace] = {}


@functools.cache
def _loader() -> Loader:
    """One for the process: each of its own would keep a copy of the service model, 20 MB for SageMaker's."""
    return Loader()


class Page(NamedTuple):
    """A page of a listing, and when AWS answered by its own clock."""

    summaries: list[dict[str, Any]]
    answered_at: datetime | None


class Region:
    """The calls to one region of an account."""

    def __init__(self, name: str, sagemaker: BaseClient, tagging: BaseClient, rate: Callable[[str], float]) -> None:
        self.name = name
        self.rate = rate  # of an operation: how many calls a second AWS takes without refusing any, as far as known
        self._sagemaker = sagemaker
        self._tagging = tagging

    def list_training_jobs(self, after: datetime | None = None, before: datetime | None = None) -> Iterator[Page]:
        """Pages of job summaries, the newest job first, created between `after` and `before`.

        No other filter: AWS applies those after it has cut the page. Only a missing NextToken ends the listing.
        """
        bounds = {'CreationTimeAfter': after, 'CreationTimeBefore': before}
        pages = iter(
            self._sagemaker.get_paginator('list_training_jobs').paginate(
                SortBy='CreationTime',
                SortOrder='Descending',
                PaginationConfig={'PageSize': PAGE_SIZE},
                **{name: bound for name, bound in bounds.items() if bound},
            )
        )
        while (page := _call('ListTrainingJobs', lambda: next(pages, None))) is not None:
            yield Page(_member(page, 'TrainingJobSummaries', 'ListTrainingJobs'), _answered_at(page))

    def describe_training_job(self, name: str) -> dict[str, Any]:
        """The whole answer.

        Raises:
            Missing: the job was deleted
        """
        answer = _call('DescribeTrainingJob', lambda: self._sagemaker.describe_training_job(TrainingJobName=name))
        _member(answer, 'TrainingJobArn', 'DescribeTrainingJob')
        return answer

    def tags(self, arns: Iterable[str], out_of_time: Callable[[], bool]) -> dict[str, dict[str, str]]:
        """The tags of each job, by ARN: one call for 100 jobs, or one for each job where only ListTags will do.

        Jobs whose own tags are denied, or that there was no time for, are left out.

        Raises:
            Denied: neither call is allowed
        """
        arns = list(arns)
        # Where FIPS endpoints are asked for, botocore makes up a name for this one, which AWS has nowhere.
        if '//tagging-fips.' not in self._tagging.meta.endpoint_url:
            with suppress(Denied):
                return self._tags_in_batches(arns)
        return self._tags_one_by_one(arns, out_of_time)

    def _tags_in_batches(self, arns: list[str]) -> dict[str, dict[str, str]]:
        tags: dict[str, dict[str, str]] = {arn: {} for arn in arns}
        for batch in batched(arns, PAGE_SIZE):
            get_resources = functools.partial(self._tagging.get_resources, ResourceARNList=list(batch))
            answer = _call('GetResources', get_resources)
            for resource in _member(answer, 'ResourceTagMappingList', 'GetResources'):
                if resource['ResourceARN'] in tags:
                    tags[resource['ResourceARN']] = _as_mapping(resource.get('Tags', ()))
        return tags

    def _tags_one_by_one(self, arns: list[str], out_of_time: Callable[[], bool]) -> dict[str, dict[str, str]]:
        tags: dict[str, dict[str, str]] = {}
        denied: Denied | None = None
        for arn in arns:
            if out_of_time():
                break
            pages = self._sagemaker.get_paginator('list_tags').paginate(ResourceArn=arn)
            try:
                tags[arn] = _as_mapping(_call('ListTags', pages.build_full_result).get('Tags', []))
            except Missing:
                tags[arn] = {}
            except Denied as e:
                if denied and not tags:
                    raise  # two of two: it is not about the job
                denied = e
        if denied and not tags:
            raise denied
        return tags


class _NamedErrors(Credentials):
    """Credentials that botocore may renew at every use; what goes wrong then is told as at the start."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return _authenticate(self._credentials.get_frozen_credentials)


class _GivenCredentials(CredentialProvider):
    METHOD = 'given'

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


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
        if not config.endpoint_url:
            _check_regions(session, names)
        provider = _GivenCredentials(_NamedErrors(self._credentials(session, names[0])))
        session.register_component('credential_provider', CredentialResolver([provider]))
        self.regions = [
            Region(
                name,
                self._client(session, 'sagemaker', name),
                self._client(session, 'resourcegroupstaggingapi', name),
                functools.partial(self._rate, name),
            )
            for name in names
        ]
        self._sts = functools.partial(self._client, session, 'sts', names[0])

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
        return _member(_call('GetCallerIdentity', self._sts().get_caller_identity), 'Arn', 'GetCallerIdentity')

    def take_attempts(self, region: str) -> dict[tuple[str, str], int]:
        """The attempts in the region since the last time, by (operation, outcome)."""
        with self._lock:
            keys = [key for key in self._attempts if key[0] == region]
            return {key[1:]: self._attempts.pop(key) for key in keys}

    def _session(self) -> Session:
        session = Session(profile=self._config.aws_profile)
        session.register_component('data_loader', _loader())
        session.register('before-sign', self._wait)
        session.register('response-received', _mend)
        session.register('response-received', self._count)
        try:
            session.get_scoped_config()
        except BotoCoreError as e:
            raise ConfigurationError(f'`aws_profile`, or the AWS configuration files: {e}') from None
        return session

    def _credentials(self, session: Session, region: str) -> Credentials:
        """The configured credentials; the role's, if one is to be assumed, refreshed by botocore before they expire."""
        config = self._config
        if config.aws_access_key_id:
            own = Credentials(config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token)
        else:
            # botocore would ask the global STS for the role of a profile without a region, which is of one partition.
            chain = create_credential_resolver(session, region_name=_sts_region(session, region))
            own = _authenticate(chain.load_credentials)
        if own is None:
            raise BadCredentials(AUTHENTICATION, 'NoCredentialsError', 'no credentials were found in the environment')
        if not config.assume_role_arn:
            return own
        extra_args = {
            'RoleSessionName': config.assume_role_session_name,
            'ExternalId': config.assume_role_external_id,
        }
        fetcher = AssumeRoleCredentialFetcher(
            functools.partial(self._client, session, region=region),
            own,
            config.assume_role_arn,
            extra_args={name: value for name, value in extra_args.items() if value},
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, 'assume-role')

    def _client(self, session: Session, service: str, region: str, **credentials: str) -> BaseClient:
        create = functools.partial(
            session.create_client, service, region_name=region, endpoint_url=self._config.endpoint_url, **credentials
        )
        try:
            client = create(config=self._client_config)
        except (TypeError, ValueError, BotoCoreError) as e:
            raise ConfigurationError(f'`boto_config`, or the AWS settings of the environment: {e}') from None
        proxies = {scheme: self._proxy[scheme] for scheme in ('http', 'https') if self._proxy.get(scheme)}
        own_proxies = 'proxies' in (self._config.boto_config or {})
        if not proxies or own_proxies or should_bypass_proxy(client.meta.endpoint_url, self._proxy.get('no') or ()):
            return client
        return create(config=self._client_config.merge(Config(proxies=proxies)))

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
        elif parsed_response and (error := parsed_response.get('Error')):
            outcome = error_class(error.get('Code', ''), error.get('Message', '')).outcome
        region = context['client_region']
        self._pace(region, operation).answered(is_throttled=outcome == Throttled.outcome)
        with self._lock:
            self._attempts[region, operation, outcome] += 1


def _check_regions(session: Session, names: Iterable[str]) -> None:
    """That botocore knows them: it would make up a host for any other, and the calls fail as if it were the network.

    Raises:
        ConfigurationError: it does not; with the names that are closest
    """
    known = [name for partition in session.get_data('endpoints')['partitions'] for name in partition['regions']]
    unknown = [(name, closest_to(name, known)) for name in names if name not in known]
    if unknown:
        told = [f'{name!r} (do you mean {closest!r}?)' if closest else repr(name) for name, closest in unknown]
        raise ConfigurationError(
            f'`regions`, or the region of the environment: the AWS SDK of this Agent knows no {", ".join(told)}. '
            'A region that is newer than the Agent needs a newer Agent, or an `endpoint_url`'
        )


def _sts_region(session: Session, region: str) -> str:
    """Where to ask for the role of a profile or service account: in the session's own region, if it has one, as long as
    that is of the same partition as the region that is polled; else in this."""
    own = session.get_config_variable('region')
    try:
        is_near = own and session.get_partition_for_region(own) == session.get_partition_for_region(region)
    except UnknownRegionError:
        is_near = False
    return own if is_near else region


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


def _mend(response_dict: Mapping[str, Any] | None, parsed_response: dict[str, Any] | None, **_: Any) -> None:
    """Make all text of an answer well-formed, errors too. Nearly all is, which its bytes show at little cost."""
    if response_dict and parsed_response and _MALFORMED.search(response_dict['body']):
        parsed_response.update(_well_formed(parsed_response))


def _well_formed(value: Any) -> Any:
    match value:
        case str():
            return well_formed(value)
        case dict():
            return {well_formed(key): _well_formed(item) for key, item in value.items()}
        case list():
            return [_well_formed(item) for item in value]
    return value


def _call[T](operation: str, call: Callable[[], T]) -> T:
    """The call's result, or what went wrong as one of the exceptions of this module; never with the answer's body."""
    try:
        return call()
    except ClientError as e:
        error = e.response.get('Error', {})
        code, message = error.get('Code', 'Unknown'), error.get('Message', '')
        is_own = e.operation_name == operation
        kind = error_class(code, message) if is_own else authentication_error_class(e.operation_name, code, message)
        raise kind(e.operation_name, code, message) from None
    except ResponseParserError as e:
        raise Unavailable(operation, type(e).__name__, 'the answer is not what AWS sends') from None
    except (ConnectionError, HTTPClientError) as e:
        raise NoAnswer(operation, type(e).__name__, str(e)) from None
    except BotoCoreError as e:
        raise Unavailable(operation, type(e).__name__, str(e)) from None


def _authenticate[T](call: Callable[[], T]) -> T:
    """The result of a call that gets credentials, or what went wrong: as for other calls, or BadCredentials."""

    def get() -> T:
        try:
            return call()
        except (ClientError, ResponseParserError, ConnectionError, HTTPClientError):
            raise
        except Exception as e:  # files, commands and services bring them, of whatever content
            raise BadCredentials(AUTHENTICATION, type(e).__name__, str(e)) from None

    return _call(AUTHENTICATION, get)


def _member(answer: Mapping[str, Any], name: str, operation: str) -> Any:
    """A member that every answer has; botocore reads a body that is no JSON as an answer without members."""
    if name not in answer:
        raise Unavailable(operation, 'IncompleteAnswer', f'the answer has no {name}')
    return answer[name]


def _answered_at(answer: Mapping[str, Any]) -> datetime | None:
    date = answer.get('ResponseMetadata', {}).get('HTTPHeaders', {}).get('date', '')
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        return None


def _as_mapping(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag['Key']: tag['Value'] for tag in tags}
