# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The names of options: which other tools give to ours, which belong to the Agent, which nobody knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any

# By our name, what other integrations of Datadog (amazon_msk, postgres), boto3, Telegraf, the Prometheus exporters,
# Elastic's and OpenTelemetry's agents and Terraform call it. Left unread, these would poll another account, or region.
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    'regions': (
        'region', 'region_name', 'region_names', 'default_region', 'aws_region', 'aws_region_name', 'aws_regions',
        'aws_default_region',
    ),
    'aws_profile': (
        'profile', 'profile_name', 'aws_profile_name', 'credential_profile', 'credential_profile_name',
    ),
    'aws_access_key_id': ('access_key', 'access_key_id', 'aws_access_key', 'aws_key_id', 'aws_key'),
    'aws_secret_access_key': (
        'secret_key', 'secret_access_key', 'aws_secret_key', 'aws_secret_access', 'aws_secret', 'aws_sec_key',
    ),
    'aws_session_token': ('session_token', 'security_token', 'aws_security_token', 'aws_token', 'token'),
    'assume_role_arn': (
        'assume_role', 'role', 'roles', 'role_arn', 'role_arns', 'aws_role', 'aws_role_arn', 'aws_assume_role',
        'aws_assume_role_arn', 'aws_iam_role', 'aws_iam_role_arn', 'iam_role', 'iam_role_arn', 'cross_account_role',
        'cross_account_role_arn', 'assumed_role', 'assumed_role_arn', 'sts_role_arn',
    ),
    'assume_role_external_id': ('external_id', 'aws_external_id', 'role_external_id', 'sts_external_id'),
    'assume_role_session_name': ('session_name', 'role_session_name', 'aws_role_session_name'),
    'endpoint_url': ('endpoint', 'aws_endpoint', 'aws_endpoint_url', 'sagemaker_endpoint', 'sts_endpoint'),
    'boto_config': ('aws_config', 'boto3_config', 'botocore_config'),
}  # fmt: skip
# Of mappings that hold several of these.
_NESTED = ('aws', 'aws_auth', 'aws_credentials', 'credentials')
_OURS: dict[str, tuple[str, ...]] = {
    **{ours: (ours,) for ours in _ELSEWHERE},
    **{theirs: (ours,) for ours, names in _ELSEWHERE.items() for theirs in names},
    **dict.fromkeys(_NESTED, tuple(_ELSEWHERE)),
}

# What the Agent and the base package read of any instance or init_config, beside the options of the models.
# https://github.com/DataDog/datadog-agent/blob/main/comp/core/autodiscovery/integration/config.go
OF_THE_AGENT = frozenset(
    {
        '__memory_profiling_tags',
        'debug_metrics',
        'loader',
        'max_returned_metrics',
        'name',
        'namespace',
        'no_index',
        'process_isolation',
        'process_isolation_timeout',
        'profile_memory',
        'use_agent_proxy',
    }
)


def called_otherwise(options: Mapping[Any, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The options out of these that are set and say whose jobs to poll, with what we call them: maybe the same."""
    for option, value in options.items():
        if value is not None and (ours := _OURS.get(_snake_case(str(option)))):
            yield str(option), ours


def unknown(options: Mapping[Any, Any], known: Collection[str]) -> dict[str, str]:
    """The options that nobody reads, each with a sentence that names the known one closest to it, if one is close."""
    sentences = {}
    for option in map(str, options):
        if option in known or option in OF_THE_AGENT:
            continue
        closest = closest_to(_snake_case(option), known)
        hint = f' The closest known one is `{closest}`.' if closest else ''
        sentences[option] = f'The option {option!r} is unknown and has no effect.{hint}'
    return sentences


def closest_to(name: str, known: Iterable[str]) -> str | None:
    """The known name that is closest, if one is close; of two, that of the same letters: us-east-1 for `us-esat-1`."""
    known = list(known)
    close = get_close_matches(name, known, n=len(known))
    return max(close, key=lambda match: [_likeness(name, match), _likeness(sorted(name), sorted(match))], default=None)


def _likeness(one: Sequence[str], other: Sequence[str]) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _snake_case(name: str) -> str:
    """`roleArn`, `Role-ARN` and `role.arn` as `role_arn`."""
    return re.sub(r'[-. ]', '_', re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name)).lower()
