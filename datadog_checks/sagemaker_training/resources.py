# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A DescribeTrainingJob answer as a resource of Datadog's catalogue, projected through resource_schema.csv.

https://docs.datadoghq.com/infrastructure/resource_catalog/aws_sagemaker_trainingjob/
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, NamedTuple

from .scrub import REDACTED, Scrubber

RESOURCE_TYPE = 'aws_sagemaker_trainingjob'


class Field(NamedTuple):
    """One row of the schema: the catalogue's name and type, the name AWS gives it, and the fields inside it."""

    name: str
    type: str
    provider_name: str
    fields: list[Field]


def load_schema() -> list[Field]:
    """The schema as a tree; a row's parent stands before it."""
    root = Field('', 'STRUCT', '', [])
    by_path = {'': root}
    with files(__package__).joinpath('resource_schema.csv').open(encoding='utf-8') as rows:
        for row in csv.DictReader(rows):
            path, provider_name = row['path'], row['provider_path'].rpartition('.')[2]
            parent, _, name = path.rpartition('.')
            by_path[path] = field = Field(name, row['type'], provider_name, [])
            by_path[parent.removesuffix('[]')].fields.append(field)
    return root.fields


_SCHEMA = load_schema()
# What a resource is known by cannot be changed.
# Figures of a running job that AWS renews every few minutes; they go with the next change or refresh.
_MOVING = {'final_metric_data_list', 'last_modified_time', 'progress_info'}
_IDENTITY = ('training_job_name', 'training_job_arn')


def resource_fields(
    answer: Mapping[str, Any],
    *,
    account_id: str,
    region: str,
    tags: Mapping[str, str],
    scrubber: Scrubber,
    collect_environment_values: bool,
) -> dict[str, Any]:
    """The body of the resource: only fields of the schema, in snake_case, scrubbed; what AWS left out is left out.

    `tags` are the AWS resource tags, scrubbed already. Without `collect_environment_values` the environment ships
    its keys only.
    """
    fields = _struct(answer, _SCHEMA, scrubber)
    if not collect_environment_values and 'environment' in fields:
        fields['environment'] = dict.fromkeys(fields['environment'], REDACTED)
    command = fields.get('algorithm_specification', {})
    if command.get('container_entrypoint') and command.get('container_arguments'):
        # One command line: the entrypoint may end with the flag whose value is the first argument.
        flag = command['container_entrypoint'][-1]
        command['container_arguments'] = scrubber.arguments(command['container_arguments'], after=flag)
    fields['account_id'] = account_id
    fields['region'] = region
    fields['tags'] = sorted(f'{key}:{value}' for key, value in tags.items() if value)
    return fields


def resource_digest(fields: Mapping[str, Any]) -> str:
    """What tells one state of the resource from another: all of it but what moves while the job runs."""
    fixed = {name: value for name, value in fields.items() if name not in _MOVING}
    return hashlib.blake2b(json.dumps(fixed, sort_keys=True).encode(), digest_size=8).hexdigest()


def _struct(value: Mapping[str, Any], fields: Iterable[Field], scrubber: Scrubber) -> dict[str, Any]:
    projected = {}
    for field in fields:
        member = value.get(field.provider_name)
        if member is not None and (result := _PROJECTIONS[field.type](member, field, scrubber)) is not None:
            projected[field.name] = result
    return projected


def _structs(value: Iterable[Mapping[str, Any]], field: Field, scrubber: Scrubber) -> list[dict[str, Any]]:
    return [_struct(item, field.fields, scrubber) for item in value]


def _strings(value: Iterable[str], _: Field, scrubber: Scrubber) -> list[str]:
    return scrubber.arguments(value)


def _map(value: Mapping[str, str], _: Field, scrubber: Scrubber) -> dict[str, str]:
    return scrubber.mapping(value)


def _string(value: str, field: Field, scrubber: Scrubber) -> str:
    return value if field.name in _IDENTITY else scrubber.text(value)


def _timestamp(value: datetime, _: Field, scrubber: Scrubber) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds') + 'Z'


def _float(value: float, _: Field, scrubber: Scrubber) -> float | None:
    """JSON has no NaN and no infinity, and one of them would cost the whole resource."""
    return value if math.isfinite(value) else None


def _as_is(value: Any, _: Field, scrubber: Scrubber) -> Any:
    return value


_PROJECTIONS: dict[str, Callable[[Any, Field, Scrubber], Any]] = {
    'BOOLEAN': _as_is,
    'FLOAT': _float,
    'INT32': _as_is,
    'INT64': _as_is,
    'MAP_STRING_STRING': _map,
    'STRING': _string,
    'STRUCT': lambda value, field, scrubber: _struct(value, field.fields, scrubber),
    'TIMESTAMP': _timestamp,
    'UNORDERED_LIST_STRING': _strings,
    'UNORDERED_LIST_STRUCT': _structs,
}
