# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What checks have submitted, as an Agent would have received it: taken from the stub of the Agent after each poll."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from datadog_checks.base.stubs import aggregator
from datadog_checks.base.utils.genresources import GenericResourceEvent
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
    """A status (0 is OK, 1 WARNING, 2 CRITICAL), and what to do about it."""

    status: int
    tags: Mapping[str, str]
    message: str


@dataclass(slots=True)
class Recording:
    """What is kept of all polls, each one of every instance.

    That is all resources, counts of what happened, events and AWS calls, the last value of each job's gauges and the
    worst service check; of the rest, the last poll.
    """

    points: list[Point] = field(default_factory=list)
    job_points: dict[tuple[str | None, ...], Point] = field(default_factory=dict)
    counts: list[Point] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    service_checks: list[ServiceCheck] = field(default_factory=list)
    worst_status: int = 0
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Counter[tuple[str, str]]] = field(default_factory=list)

    def take(self) -> None:
        """Move what a poll has submitted from the stub to here."""
        submitted = [metric for name in aggregator.metric_names for metric in aggregator.metrics(name)]
        self.points = [
            Point(metric.name.removeprefix(PREFIX), metric.value, _tags(metric.tags)) for metric in submitted
        ]
        for point in self.points:
            if point.metric.startswith('job.'):
                self.job_points[point.metric, *map(point.tags.get, SERIES_TAGS)] = point
            elif point.metric in COUNTS:
                self.counts.append(point)
        self.events += aggregator.events
        self.service_checks = [
            ServiceCheck(check.status, _tags(check.tags), check.message)
            for check in aggregator.service_checks(f'{PREFIX}can_connect')
        ]
        self.worst_status = max([self.worst_status, *(check.status for check in self.service_checks)])
        for event in aggregator.get_event_platform_events('genresources', parse_json=False):
            resource = GenericResourceEvent.FromString(event).resource
            self.resources[resource.key] = json.loads(resource.fields_json)
        requests: Counter[tuple[str, str]] = Counter()
        for point in self.points:
            if point.metric == 'api.requests':
                requests[point.tags['operation'], point.tags['outcome']] += int(point.value)
        self.requests.append(requests)
        aggregator.reset()


def _tags(tags: list[str]) -> dict[str, str]:
    """Those of the check stand before those of AWS, and count where a user has given a job a tag such as `region`."""
    return dict(tag.split(':', 1) for tag in reversed(tags))
