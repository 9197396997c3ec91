# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""ListTrainingJobs and DescribeTrainingJob as AWS answers them: moto pages, sorts and filters in ways AWS does not."""

import base64
import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .calls import Answer, AwsError
from .fleet import summarize

DEFAULT_PAGE = 10
LARGEST_PAGE = 100

PAGE_SIZE_ERROR = (
    "1 validation error detected: Value '{}' at 'maxResults' failed to satisfy constraint: "
    'Member must have value less than or equal to {}'
)

Place = tuple[str | float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A training job as the API holds it: how to describe and to list it at a time, and what finds and orders it."""

    name: str
    created: datetime
    describe: Callable[[datetime], Answer]
    summary: Callable[[datetime], Answer] | None = None

    def summarize(self, now: datetime) -> Answer:
        return self.summary(now) if self.summary else summarize(self.describe(now))


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


# By ListTrainingJobs parameter: whether a summary passes. AWS applies these to a page that is already cut, so that one
# may come out short or empty and still be followed by another.
PAGE_FILTERS: dict[str, Callable[[Answer, Any], bool]] = {
    'StatusEquals': lambda job, wanted: job['TrainingJobStatus'] == wanted,
    'NameContains': lambda job, wanted: wanted in job['TrainingJobName'],
    'LastModifiedTimeAfter': lambda job, wanted: job['LastModifiedTime'] > _moment(wanted),
    'LastModifiedTimeBefore': lambda job, wanted: job['LastModifiedTime'] < _moment(wanted),
    'WarmPoolStatusEquals': lambda job, wanted: job.get('WarmPoolStatus', {}).get('Status') == wanted,
    'TrainingPlanArnEquals': lambda job, wanted: job.get('TrainingPlanArn') == wanted,
}

# By SortBy: what orders the records at a time. The last part makes every order total, so that a token can hold a place
# in it while jobs come and go.
ORDERS: dict[str, Callable[[Record, datetime], Place]] = {
    'CreationTime': lambda record, _: (record.created.timestamp(), record.name),
    'Name': lambda record, _: (record.name,),
    'Status': lambda record, now: (record.summarize(now)['TrainingJobStatus'], record.name),
}


class TrainingJobs:
    """The training jobs of one account and region. One exists from its creation time on."""

    def __init__(self) -> None:
        self._by_name: dict[str, Record] = {}
        self._by_creation: list[Record] = []

    def put(self, record: Record) -> None:
        """Keep the record, in place of one with its name."""
        self.remove(record.name)
        self._by_name[record.name] = record
        insort(self._by_creation, record, key=lambda other: (other.created, other.name))

    def remove(self, name: str) -> None:
        """Forget the job, if there is one."""
        if name in self._by_name:
            self._by_creation.remove(self._by_name.pop(name))

    def describe(self, name: str, now: datetime) -> Answer:
        """The DescribeTrainingJob answer."""
        record = self._by_name.get(name)
        if record is None or record.created > now:
            raise AwsError('ValidationException', 'Requested resource not found.')
        return record.describe(now)

    def page(self, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """The ListTrainingJobs answer. It has a NextToken while jobs remain after the page, whatever filters say."""
        size = parameters.get('MaxResults', DEFAULT_PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise AwsError('ValidationException', PAGE_SIZE_ERROR.format(size, LARGEST_PAGE))
        sorting = sort_by, order = parameters.get('SortBy', 'CreationTime'), parameters.get('SortOrder', 'Ascending')

        def key(record: Record) -> Place:
            return ORDERS[sort_by](record, now)

        records = self._created_between(parameters.get('CreationTimeAfter'), parameters.get('CreationTimeBefore'), now)
        if sort_by != 'CreationTime':
            records.sort(key=key)
        token = parameters.get('NextToken')
        if order == 'Descending':
            left = records[: bisect_left(records, _place(token, sorting), key=key)] if token else records
            shown = left[: -size - 1 : -1]
        else:
            left = records[bisect_right(records, _place(token, sorting), key=key) :] if token else records
            shown = left[:size]
        summaries = [record.summarize(now) for record in shown]
        for name, passes in PAGE_FILTERS.items():
            if name in parameters:
                summaries = [job for job in summaries if passes(job, parameters[name])]
        more = {'NextToken': _token(sorting, key(shown[-1]))} if len(shown) < len(left) else {}
        return {'TrainingJobSummaries': summaries} | more

    def _created_between(self, after: float | None, before: float | None, now: datetime) -> list[Record]:
        """The jobs there are, created after and before the times (epoch seconds) if given, oldest first."""
        first, last = 0, bisect_right(self._by_creation, now, key=_created)
        if after is not None:
            first = bisect_right(self._by_creation, _moment(after), key=_created)
        if before is not None:
            last = min(last, bisect_left(self._by_creation, _moment(before), key=_created))
        return self._by_creation[first:last]


def _created(record: Record) -> datetime:
    return record.created


def _token(sorting: tuple[str, str], place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps([sorting, place]).encode()).decode()


def _place(token: str, sorting: tuple[str, str]) -> Place:
    """The place in the order that the token holds; it serves only requests that sort as the one it was given for."""
    try:
        token_sorting, place = json.loads(base64.urlsafe_b64decode(token))
        if tuple(token_sorting) != sorting:
            raise ValueError(token_sorting)
    except (TypeError, ValueError):
        raise AwsError('ValidationException', 'Invalid pagination token.') from None
    return tuple(place)
