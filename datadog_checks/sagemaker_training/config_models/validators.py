# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The rules for an instance's options that assets/configuration/spec.yaml, with its types and ranges, cannot tell.

Every message names the option and what to do about it. None shows the value of an option that may hold a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from datadog_checks.sagemaker_training.prices import INSTANCE_TYPE
from datadog_checks.sagemaker_training.resources import excludes, is_within_map, schema_paths

from . import defaults
from .names import called_otherwise

if TYPE_CHECKING:
    from .instance import InstanceConfig

_KEYS = ('aws_access_key_id', 'aws_secret_access_key')

NEEDS: dict[str, tuple[str, ...]] = {
    'aws_access_key_id': _KEYS,
    'aws_secret_access_key': _KEYS,
    'aws_session_token': _KEYS,
    'assume_role_external_id': ('assume_role_arn',),
    'assume_role_session_name': ('assume_role_arn',),
    'price_discount_percent': ('estimate_cost',),
}
EXCLUDES: dict[str, tuple[str, ...]] = {'aws_profile': (*_KEYS, 'aws_session_token')}
REGEX_LISTS = ('name_include', 'name_exclude', 'sensitive_patterns', 'job_family_patterns')

REGION = re.compile(r'[a-z]+(-[a-z]+)+-[0-9]+')
# What botocore takes as a host: no underscore, also not in the name of a container.
HOST = re.compile(r'((?!-)[a-z0-9-]{1,63}(?<!-)(\.|$))+|[0-9a-f]*:[0-9a-f:.]*')


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        host, _ = url.hostname or '', url.port  # a port that is none raises
    except ValueError:
        return False
    return bool(re.fullmatch(r'https?://[^@\s]+', text) and HOST.fullmatch(host))


_credential = (re.compile(r'\S+').fullmatch, 'be one word, without spaces')

FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    'aws_access_key_id': _credential,
    'aws_secret_access_key': _credential,
    'aws_session_token': _credential,
    'aws_profile': (str.strip, 'be the name of a profile'),
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html and, for the ARN,
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    'assume_role_arn': (
        re.compile(r'arn:aws[a-z-]*:iam::\d{12}:role/([!-~]+/)?[\w+=,.@-]{1,64}', re.ASCII).fullmatch,
        'be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/datadog',
    ),
    'assume_role_external_id': (
        re.compile(r'[\w+=,.@:/-]{2,1224}', re.ASCII).fullmatch,
        'be 2 to 1224 letters, digits and characters out of _+=,.@:/-',
    ),
    'assume_role_session_name': (
        re.compile(r'[\w+=,.@-]{2,64}', re.ASCII).fullmatch,
        'be 2 to 64 letters, digits and characters out of _+=,.@-',
    ),
    'job_family_tag': (str.strip, 'be the key of an AWS tag'),
    'endpoint_url': (_is_url, 'be a URL such as http://localhost:5000, without user name and password'),
}


def initialize_instance(values: dict[str, Any]) -> dict[str, Any]:
    """An option that is named but left empty, `history_hours:`, has its default.

    Raises:
        ValueError: an option is called otherwise here
    """
    others = [(option, ours) for option, ours in called_otherwise(values) if ours != (option,)]
    if others:
        raise ValueError('\n  '.join(f'`{option}` has no effect: use {_listed(ours)}' for option, ours in others))
    return {option: _default(option) if value is None else value for option, value in values.items()}


def initialize_shared(values: dict[str, Any]) -> dict[str, Any]:
    """The values as they are.

    Raises:
        ValueError: an option that says whose jobs to poll is here, where nobody reads it
    """
    if others := list(called_otherwise(values)):
        told = (f'`{option}` has no effect here: use {_listed(ours)} under `instances`' for option, ours in others)
        raise ValueError('\n  '.join(told))
    return values


def instance_min_collection_interval(value: Any, **_: Any) -> Any:
    """As the Agent itself must be able to read it, before the check is asked."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value.is_integer():
        raise ValueError('must be a whole number of seconds, without quotes: the Agent reads no other')
    return value


def instance_empty_default_hostname(value: Any, **_: Any) -> Any:
    """As the Agent itself must be able to read it, before the check is asked."""
    if not isinstance(value, bool):
        raise ValueError('must be true or false, without quotes: the Agent reads no other')
    return value


def instance_instance_prices(value: Any, **_: Any) -> Any:
    """Of the types that AWS has, each an amount of money: a wrong one would be in every sum."""
    if not isinstance(value, dict | None):
        raise ValueError('must be a mapping, such as ml.g5.2xlarge: 1.515')
    for name, hour in (value or {}).items():
        if not INSTANCE_TYPE.fullmatch(str(name)):
            raise ValueError(f'must have instance types as AWS writes them, such as ml.g5.2xlarge, not {name!r}')
        if isinstance(hour, bool) or not isinstance(hour, int | float) or not 0 <= hour < math.inf:
            raise ValueError(f'must have a number for {name}, 0 or more: the price of an hour, without currency')
    return value


def check_instance(model: InstanceConfig) -> InstanceConfig:
    """The model as it is.

    Raises:
        ValueError: it breaks rules; the message has a line for each
    """
    rules = (_needs, _excludes, _formats, _regexes, _regions, _rates, _family_tag, _paths)
    if problems := [problem for rule in rules for problem in rule(model)]:
        raise ValueError('\n  '.join(problems))
    return model


def _needs(model: InstanceConfig) -> Iterator[str]:
    for option, needed in NEEDS.items():
        missing = [f'`{other}`' for other in needed if not _is_set(model, other)]
        if missing and _is_set(model, option):
            yield f'`{option}` does nothing without {" and ".join(missing)}: add what is missing or remove `{option}`'


def _excludes(model: InstanceConfig) -> Iterator[str]:
    for option, others in EXCLUDES.items():
        excluded = [f'`{other}`' for other in others if _is_set(model, other)]
        if excluded and _is_set(model, option):
            yield f'`{option}` excludes {" and ".join(excluded)}: keep either the one or the other'


def _formats(model: InstanceConfig) -> Iterator[str]:
    for option, (is_valid, form) in FORMATS.items():
        if _is_set(model, option) and not is_valid(getattr(model, option)):
            yield f'`{option}` must {form}'


def _regexes(model: InstanceConfig) -> Iterator[str]:
    for option in REGEX_LISTS:
        for number, pattern in enumerate(getattr(model, option) or (), 1):
            if not pattern:
                yield f'`{option}`, entry {number} is empty and would match everything: remove it'
                continue
            try:
                compiled = re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as e:
                yield f'`{option}`, entry {number} must be a regular expression, but {pattern!r} is not: {e}'
                continue
            if option == 'sensitive_patterns' and compiled.match(''):
                yield f'`{option}`, entry {number} must not match empty text, as {pattern!r} does'
            if option == 'job_family_patterns' and not compiled.groups:
                yield f'`{option}`, entry {number} must have a group, (...), for the family, and {pattern!r} has none'


def _regions(model: InstanceConfig) -> Iterator[str]:
    regions = model.regions or ()
    for number, region in enumerate(regions, 1):
        if not REGION.fullmatch(region):
            yield f'`regions`, entry {number} must be the name of an AWS region, such as us-east-1, not {region!r}'
        elif region in regions[: number - 1]:
            yield f'`regions`, entry {number} is {region!r} again: remove it'


def _rates(model: InstanceConfig) -> Iterator[str]:
    # Each poll lists first. If it has to wait for that longer than an interval, all of its time may be over by then.
    interval, rate = model.min_collection_interval, model.list_requests_per_second
    if interval * rate < 1:
        yield (
            f'`min_collection_interval` ({interval} s) leaves no time to describe jobs, as `list_requests_per_second` '
            f'({rate:g}) allows one ListTrainingJobs in {1 / rate:g} s, and each poll needs one: raise either'
        )


def _family_tag(model: InstanceConfig) -> Iterator[str]:
    if model.job_family_tag and not model.collect_resource_tags:
        yield '`job_family_tag` does nothing without resource tags: set `collect_resource_tags` to true or remove it'


def _paths(model: InstanceConfig) -> Iterator[str]:
    paths = [*schema_paths(), 'region']
    for number, glob in enumerate(model.resource_fields_exclude or (), 1):
        if not (is_within_map(glob) or any(excludes(glob, path) for path in paths)):
            nearest = get_close_matches(glob.rstrip('.*'), paths, 1, 0)
            yield (
                f'`resource_fields_exclude`, entry {number} must match a path of a resource, but {glob!r} does not: '
                f'the nearest one is {nearest[0]!r}'
            )


def _is_set(model: InstanceConfig, option: str) -> bool:
    return getattr(model, option) != _default(option)


def _default(option: str) -> Any:
    return getattr(defaults, f'instance_{option}', lambda: None)()


def _listed(options: tuple[str, ...]) -> str:
    return ', '.join(f'`{option}`' for option in options)
