# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Whether AWS has answered what its service model promises. Pure: bodies and shapes in, values or what is wrong out.

A shape is one of botocore's, https://botocore.amazonaws.com/v1/documentation/api/latest/reference/loaders.html. What is
said of a wrong value is where it stands, never what it is: it may be a secret that somebody has misplaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from sys import float_info
from typing import Any

# Of any training job; beyond them, sums of times and durations may leave the calendar. SageMaker began in 2017.
EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# By how much AWS's clocks may differ, generously: a job from the future would hide all that is created until then.
FUTURE = timedelta(days=1)

_JOB_MEMBERS = ('TrainingJobName', 'TrainingJobArn', 'CreationTime', 'TrainingJobStatus')
_JOB_NAME = re.compile(r'[A-Za-z0-9-]{1,63}')
_ARN_PARTS = 6

# JSON has whole numbers of any length, and numbers that are none.
_GREATEST: dict[str, float] = {'integer': 2**31, 'long': 2**63, 'double': float_info.max, 'float': float_info.max}
_NOT_FINITE = {'NaN', 'Infinity', '-Infinity'}


def _is_whole(value: Any, kind: str) -> bool:
    return isinstance(value, int) and abs(value) <= _GREATEST[kind]


def _is_float(value: Any, kind: str) -> bool:
    return isinstance(value, float) or _is_whole(value, kind) or (isinstance(value, str) and value in _NOT_FINITE)


def _is_time(value: Any, _: str) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None and EARLIEST <= value < LATEST


# By the type of a shape: whether a value is of it, and what a value holds: (name or number, value, shape) each.
_FITS: dict[str, Callable[[Any, str], bool]] = {
    'boolean': lambda value, _: isinstance(value, bool),
    'double': _is_float,
    'float': _is_float,
    'integer': _is_whole,
    'list': lambda value, _: isinstance(value, list),
    'long': _is_whole,
    'map': lambda value, _: isinstance(value, dict),
    'string': lambda value, _: isinstance(value, str),
    'structure': lambda value, _: isinstance(value, dict),
    'timestamp': _is_time,
}
_PARTS: dict[str, Callable[[Any, Any], Iterator[tuple[object, Any, Any]]]] = {
    'list': lambda value, shape: ((number, item, shape.member) for number, item in enumerate(value)),
    'map': lambda value, shape: ((number, item, shape.value) for number, item in enumerate(value.values())),
    'structure': lambda value, shape: (
        (name, member, shape.members[name]) for name, member in value.items() if name in shape.members
    ),
}


def readable(body: bytes, shape: Any, timestamp: Callable[[Any], datetime]) -> dict[str, Any]:
    """What is left of an answer that botocore cannot parse: a value that is not of its shape stays as it came.

    Empty if the body is no JSON object.
    """
    with suppress(ValueError, RecursionError):
        answer = json.loads(body)
        if isinstance(answer, dict):
            return _readable(answer, shape, timestamp)
    return {}


def _readable(value: Any, shape: Any, timestamp: Callable[[Any], datetime]) -> Any:
    match shape.type_name, value:
        case 'structure', dict():
            present = {name: value[name] for name in shape.members if value.get(name) is not None}
            return {name: _readable(member, shape.members[name], timestamp) for name, member in present.items()}
        case 'list', list():
            return [_readable(item, shape.member, timestamp) for item in value]
        case 'map', dict():
            return {key: _readable(item, shape.value, timestamp) for key, item in value.items()}
        case 'timestamp', _:
            with suppress(Exception):  # of many kinds, for numbers and texts that are no time
                return timestamp(value)
    return value


def misfit(value: Any, shape: Any) -> str:
    """What in the value is not of its shape, such as `.Tags[3].Key is no string`; empty if all is."""
    kind = shape.type_name
    if kind not in _FITS:
        return ''
    if not _FITS[kind](value, kind):
        return f' is no {kind}' if kind != 'timestamp' else ' is no time of a training job'
    if kind in _PARTS:
        for name, part, part_shape in _PARTS[kind](value, shape):
            if found := misfit(part, part_shape):
                return f'.{name}{found}' if kind == 'structure' else f'[{name}]{found}'
    return ''


def job_misfit(job: Any, shape: Any, now: datetime | None) -> str:
    """What keeps a summary or description from being one of a training job; empty if nothing does.

    `now` is the time by the clock of AWS, if it is known.
    """
    if found := misfit(job, shape):
        return found.removeprefix('.') if isinstance(job, dict) else f'the whole{found}'
    if missing := [name for name in _JOB_MEMBERS if not job.get(name)]:
        return f'it has no {missing[0]}'
    if job['TrainingJobArn'].count(':') < _ARN_PARTS - 1:
        return 'TrainingJobArn is no ARN'
    if now and job['CreationTime'] > now + FUTURE:
        return 'CreationTime is in the future'
    return ''


def job_name(job: Any) -> str:
    """The name of the job that a summary is of, as far as it tells."""
    name = job.get('TrainingJobName') if isinstance(job, Mapping) else None
    return name if isinstance(name, str) and _JOB_NAME.fullmatch(name) else 'of unknown name'


def tags_misfit(tags: Any) -> str:
    """What keeps a value from being a list of tags; empty if nothing does."""
    if not isinstance(tags, Sequence) or isinstance(tags, str):
        return 'Tags is no list'
    for number, tag in enumerate(tags):
        for name in ('Key', 'Value'):
            if not isinstance(tag, Mapping) or not isinstance(tag.get(name), str):
                return f'Tags[{number}] has no {name}'
    return ''
