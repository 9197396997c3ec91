# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is known of the jobs of some days, without secrets, and the file that keeps it."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from datadog_checks.sagemaker_training.resources import Field, load_schema
from datadog_checks.sagemaker_training.scrub import REDACTED, Scrubber

type Answer = dict[str, Any]

FORMAT = 2
# What a job is known by stays as it is: the check tags with it, too.
IDENTITY = ('training_job_name', 'training_job_arn')


class HistoryError(Exception):
    """The file cannot be read or written; the text says which one, and why."""


@dataclass(slots=True)
class History:
    """The jobs that were alive from `since` until `read_at`: their answers and tags, scrubbed.

    Attributes:
        listed: how many jobs the listings showed, by region
        undescribed: summaries of jobs that may not be described
        remarks: what could not be read, and how to allow it
        prices: AWS's list prices of an hour, by region and instance type; no region of which they could not be read
    """

    since: datetime
    read_at: datetime
    jobs: list[tuple[Answer, dict[str, str]]] = field(default_factory=list)
    listed: dict[str, int] = field(default_factory=dict)
    undescribed: list[Answer] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    prices: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def days(self) -> float:
        """How long it is."""
        return (self.read_at - self.since) / timedelta(days=1)


def scrubbed(answer: Mapping[str, Any], scrubber: Scrubber) -> Answer:
    """The answer or summary without what may be secret, and without members that resources do not have.

    Of the environment, the names are kept.
    """
    told = _walked(answer, load_schema(), partial(_scrubbed, scrubber=scrubber))
    command, original = told.get('AlgorithmSpecification', {}), answer.get('AlgorithmSpecification', {})
    if command.get('ContainerEntrypoint') and command.get('ContainerArguments'):
        line = ' '.join(original['ContainerEntrypoint'])
        command['ContainerArguments'] = scrubber.arguments(original['ContainerArguments'], after=line)
    return told


def save(history: History, path: Path) -> None:
    """For the eyes of its owner; HistoryError if it cannot be."""
    content = {
        'sagemaker_training_history': FORMAT,
        'since': history.since.isoformat(),
        'read_at': history.read_at.isoformat(),
        'listed': history.listed,
        'jobs': [{'answer': _dumped(answer), 'tags': tags} for answer, tags in history.jobs],
        'undescribed': [_dumped(summary) for summary in history.undescribed],
        'remarks': history.remarks,
        'prices': history.prices,
    }
    with _written(path) as file:
        file.truncate(0)
        json.dump(content, file, separators=(',', ':'))


def try_to_write(path: Path) -> None:
    """HistoryError if it cannot be written; what is in the file stays."""
    with _written(path):
        pass


def load(path: Path) -> History:
    """What was saved; HistoryError if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        if content['sagemaker_training_history'] != FORMAT:
            raise HistoryError(f'{path} is of another version of this command: read the account anew')
        return History(
            since=datetime.fromisoformat(content['since']),
            read_at=datetime.fromisoformat(content['read_at']),
            jobs=[(_loaded(job['answer']), dict(job['tags'])) for job in content['jobs']],
            listed=content['listed'],
            undescribed=list(map(_loaded, content['undescribed'])),
            remarks=content['remarks'],
            prices={
                region: {name: float(hour) for name, hour in hours.items()}
                for region, hours in content['prices'].items()
            },
        )
    except OSError as error:
        raise HistoryError(f'{path} cannot be read: {error.strerror}') from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise HistoryError(f'{path} is no file that --save has written') from None


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with open(descriptor, 'w', encoding='utf-8', closefd=True) as file:
            yield file
    except OSError as error:
        raise HistoryError(f'{path} cannot be written: {error.strerror}') from None


def _walked(value: Mapping[str, Any], fields: Iterable[Field], leaf: Callable[[Any, Field], Any]) -> Answer:
    """The members that the schema has, under AWS's names, each value changed by `leaf`."""
    told: Answer = {}
    for each in fields:
        member = value.get(each.provider_name)
        if member is None:
            continue
        match each.type:
            case 'STRUCT':
                told[each.provider_name] = _walked(member, each.fields, leaf)
            case 'UNORDERED_LIST_STRUCT':
                told[each.provider_name] = [_walked(item, each.fields, leaf) for item in member]
            case _:
                told[each.provider_name] = leaf(member, each)
    return told


def _scrubbed(value: Any, of: Field, scrubber: Scrubber) -> Any:
    match of.type:
        case 'MAP_STRING_STRING' if of.path == 'environment':
            return dict.fromkeys(scrubber.mapping(value), REDACTED)
        case 'MAP_STRING_STRING':
            return scrubber.mapping(value)
        case 'UNORDERED_LIST_STRING':
            return scrubber.arguments(value)
        case 'STRING' if of.name not in IDENTITY:
            return scrubber.text(value)
    return value


def _dumped(answer: Answer) -> Answer:
    return _walked(answer, load_schema(), lambda value, of: value.isoformat() if of.type == 'TIMESTAMP' else value)


def _loaded(answer: Answer) -> Answer:
    return _walked(
        answer, load_schema(), lambda value, of: datetime.fromisoformat(value) if of.type == 'TIMESTAMP' else value
    )
