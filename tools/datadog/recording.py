# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What checks have submitted, as an Agent would have received it: taken from the stub of the Agent after each poll."""

import json
import re
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import chain
from math import inf
from operator import itemgetter, or_
from sys import intern
from typing import Any, NamedTuple

from datadog_checks.base.stubs import aggregator, datadog_agent
from datadog_checks.base.utils.genresources import GenericResourceEvent
from datadog_checks.sagemaker_training.cost import COSTS
from datadog_checks.sagemaker_training.counts import COUNTS

PREFIX = 'sagemaker_training.'

# The tags that make two points of a job's gauge the same series, whatever its status was.
SERIES_TAGS = ('aws_account', 'region', 'training_job_name', 'phase', 'metric_name', 'rule_name')


class Point(NamedTuple):
    """One value of a metric, its name without the prefix."""

    metric: str
    value: float
    tags: Mapping[str, str]


class ServiceCheck(NamedTuple):
    """A status (0 is OK, 1 WARNING, 2 CRITICAL), and what to do about it; `at` epoch seconds."""

    status: int
    tags: Mapping[str, str]
    message: str
    at: float = 0


class Series:
    """The points of a metric that have the same tags, oldest first: epoch seconds and value.

    A day of polls each minute has more than a million, so each takes 16 bytes.
    """

    __slots__ = ('tags', 'times', 'values')

    def __init__(self, tags: Mapping[str, str], points: Iterable[tuple[float, float]] = ()) -> None:
        self.tags = tags
        self.times = array('d')
        self.values = array('d')
        for point in points:
            self.append(*point)

    def append(self, at: float, value: float) -> None:
        self.times.append(at)
        self.values.append(value)

    @property
    def points(self) -> list[tuple[float, float]]:
        return list(zip(self.times, self.values, strict=True))

    def within(self, start: float, end: float = inf) -> 'Series':
        """The points from `start` until before `end`."""
        part = slice(bisect_left(self.times, start), bisect_left(self.times, end))
        found = Series(self.tags)
        found.times, found.values = self.times[part], self.values[part]
        return found


@dataclass(slots=True)
class Recording:
    """All metrics, service checks, events, logs, resources and AWS calls of all polls, each one of every instance.

    The series are kept by metric, its name without the prefix, and by the tags they were submitted with.
    """

    series: defaultdict[str, dict[frozenset[str], Series]] = field(default_factory=lambda: defaultdict(dict))
    counts: set[str] = field(default_factory=set)
    polled_at: list[float] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    service_checks: list[ServiceCheck] = field(default_factory=list)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Counter[tuple[str, str]]] = field(default_factory=list)
    _tags: dict[frozenset[str], tuple[frozenset[str], Mapping[str, str]]] = field(default_factory=dict, repr=False)

    def take(self, at: float) -> None:
        """Move what a poll has submitted from the stub to here, as of `at`, in epoch seconds."""
        self.polled_at.append(at)
        requests: Counter[tuple[str, str]] = Counter()
        # Not its `metrics`, which copies each value and tag: a day of polls each minute has a million values.
        for metric in chain.from_iterable(aggregator._metrics.values()):
            name = metric.name.removeprefix(PREFIX)
            if metric.type == aggregator.COUNT:
                self.counts.add(name)
            series = self._series_of(name, frozenset(metric.tags), metric.tags)
            series.append(at, metric.value)
            if name == 'api.requests':
                requests[series.tags['operation'], series.tags['outcome']] += int(metric.value)
        self.requests.append(requests)
        self.events += aggregator.events
        self.service_checks += [
            ServiceCheck(check.status, mapping(check.tags), check.message, at)
            for check in aggregator.service_checks(f'{PREFIX}can_connect')
        ]
        for event in aggregator.get_event_platform_events('genresources', parse_json=False):
            resource = GenericResourceEvent.FromString(event).resource
            self.resources[resource.key] = json.loads(resource.fields_json)
        self.logs += [log for logs in datadog_agent._sent_logs.values() for log in logs]
        aggregator.reset()
        datadog_agent._sent_logs.clear()

    def _series_of(self, metric: str, sent: frozenset[str], tags: list[str]) -> Series:
        """The one of these tags. A job's metrics share their tags, and so do those of all its lives."""
        by_tags = self.series[metric]
        if sent not in by_tags:
            sent, tags_by_key = self._tags.setdefault(sent, (frozenset(map(intern, sent)), mapping(tags)))
            by_tags[sent] = Series(tags_by_key)
        return by_tags[sent]

    @classmethod
    def merged(cls, recordings: Sequence['Recording']) -> 'Recording':
        """One of all, of different accounts that were polled at the same times."""
        whole = cls(
            counts=set().union(*(each.counts for each in recordings)),
            polled_at=recordings[0].polled_at,
            events=sorted((event for each in recordings for event in each.events), key=itemgetter('timestamp')),
            logs=sorted((log for each in recordings for log in each.logs), key=itemgetter('timestamp')),
            service_checks=sorted((check for each in recordings for check in each.service_checks), key=lambda c: c.at),
            resources=reduce(or_, (each.resources for each in recordings)),
            requests=[sum(polls, Counter()) for polls in zip(*(each.requests for each in recordings), strict=True)],
        )
        for each in recordings:
            for metric, by_tags in each.series.items():
                whole.series[metric] |= by_tags
        return whole

    def since(self, at: float) -> 'Recording':
        """What was sent from then on; of events and logs, what happened from then on."""
        later = Recording(
            counts=self.counts,
            polled_at=[polled_at for polled_at in self.polled_at if polled_at >= at],
            events=[event for event in self.events if event['timestamp'] >= at],
            logs=[log for log in self.logs if log['timestamp'] >= at * 1000],
            service_checks=[check for check in self.service_checks if check.at >= at],
            resources=self.resources,
            requests=self.requests[bisect_left(self.polled_at, at) :],
        )
        for metric, by_tags in self.series.items():
            for tags, series in by_tags.items():
                if (part := series.within(at)).times:
                    later.series[metric][tags] = part
        return later

    def all_series(self) -> Iterator[tuple[str, Series]]:
        """Each series, with its metric."""
        return ((metric, series) for metric, by_tags in self.series.items() for series in by_tags.values())

    @property
    def points(self) -> list[Point]:
        """Those of the last poll, one of each series: two instances of one account send the same."""
        return [
            Point(metric, series.values[-1], series.tags)
            for metric, series in self.all_series()
            if series.times[-1] == self.polled_at[-1]
        ]

    @property
    def job_points(self) -> list[Point]:
        """The last value of each gauge of each job."""
        last: dict[tuple[str | None, ...], tuple[float, Point]] = {}
        for metric, series in self.all_series():
            if metric.startswith('job.'):
                key = (metric, *map(series.tags.get, SERIES_TAGS))
                at = series.times[-1]
                if key not in last or last[key][0] <= at:
                    last[key] = (at, Point(metric, series.values[-1], series.tags))
        return [point for _, point in last.values()]

    @property
    def totals(self) -> list[Point]:
        """The sum of each series of what is counted of jobs, and of what that costs."""
        counted = COUNTS.keys() | COSTS.values()
        return [
            Point(metric, sum(series.values), series.tags) for metric, series in self.all_series() if metric in counted
        ]

    @property
    def last_service_checks(self) -> list[ServiceCheck]:
        return [check for check in self.service_checks if check.at == self.polled_at[-1]]

    @property
    def worst_status(self) -> int:
        return max((check.status for check in self.service_checks), default=0)


def mapping(tags: list[str]) -> dict[str, str]:
    """Tags by key, the keys as Datadog keeps them.

    Those of the check stand before those of AWS, and count where a user has given a job a tag such as `Region`.
    """
    pairs = (tag.split(':', 1) for tag in reversed(tags))
    return {normalized(key): intern(value) for key, value in pairs}


@cache
def normalized(text: str) -> str:
    """A tag's key or value as Datadog keeps it: https://docs.datadoghq.com/getting_started/tagging/#define-tags."""
    return re.sub(r'[^\w\-:./]', '_', text.lower())[:200].rstrip('_')
