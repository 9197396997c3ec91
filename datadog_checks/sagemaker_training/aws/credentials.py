# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Whose credentials the calls are made with: the instance's own, those of the environment, or of a role."""

from __future__ import annotations

import functools
from collections.abc import Callable

from botocore.client import BaseClient
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    Credentials,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
    create_credential_resolver,
)
from botocore.exceptions import UnknownRegionError
from botocore.session import Session

from datadog_checks.sagemaker_training.config_models.instance import InstanceConfig

from .border import AUTHENTICATION, authenticate
from .errors import BadCredentials


class NamedErrors(Credentials):
    """Credentials that botocore may renew at every use; what goes wrong then is told as at the start."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return authenticate(self._credentials.get_frozen_credentials)


class GivenCredentials(CredentialProvider):
    METHOD = 'given'

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def credentials(
    config: InstanceConfig, session: Session, region: str, client: Callable[..., BaseClient]
) -> Credentials:
    """The configured credentials; the role's, if one is to be assumed, refreshed by botocore before they expire."""
    if config.aws_access_key_id:
        own = Credentials(config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token)
    else:
        # botocore would ask the global STS for the role of a profile without a region, which is of one partition.
        chain = create_credential_resolver(session, region_name=_sts_region(session, region))
        own = authenticate(chain.load_credentials)
    if own is None:
        raise BadCredentials(AUTHENTICATION, 'NoCredentialsError', 'no credentials were found in the environment')
    if not config.assume_role_arn:
        return own
    extra_args = {
        'RoleSessionName': config.assume_role_session_name,
        'ExternalId': config.assume_role_external_id,
    }
    fetcher = AssumeRoleCredentialFetcher(
        functools.partial(client, region=region),
        own,
        config.assume_role_arn,
        extra_args={name: value for name, value in extra_args.items() if value},
    )
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, 'assume-role')


def _sts_region(session: Session, region: str) -> str:
    """Where to ask for the role of a profile or service account: in the session's own region, if it has one, as long as
    that is of the same partition as the region that is polled; else in this."""
    own = session.get_config_variable('region')
    try:
        is_near = own and session.get_partition_for_region(own) == session.get_partition_for_region(region)
    except UnknownRegionError:
        is_near = False
    return own if is_near else region
