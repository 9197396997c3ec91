# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A simulated AWS and a stand-in for the Agent, for tests that run whole polls."""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from typing import Any

from werkzeug.wrappers import Response

from datadog_checks.base.stubs.aggregator import AggregatorStub, ServiceCheckStub
from datadog_checks.base.stubs.common import MetricStub
from datadog_checks.base.stubs.datadog_agent import DatadogAgentStub
from datadog_checks.base.utils.genresources import GenericResourceEvent
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.calls import Call, Fault
from tools.aws.clock import SimulatedClock
from tools.aws.server import SimulatedAws

from .builders import ACCOUNT, NOW, REGION

CHECK_ID = 'sagemaker_training:1f2e3d'
CAN_CONNECT = 'sagemaker_training.can_connect'
SCOPE = [f'aws_account:{ACCOUNT}', f'region:{REGION}']
ROLE = f'arn:aws:iam::{ACCOUNT}:role/datadog'
MINE = {'assume_role_arn': ROLE, 'assume_role_external_id': 'mine'}

type RunCheck = Callable[..., None]


class WrongClock(SimulatedClock):
    """A clock that is so many minutes ahead of the right time, by which it is advanced."""

    wrong = 0.0

    def time(self) -> float:
        return super().time() + 60 * self.wrong


@dataclass(frozen=True, slots=True)
class World:
    """A simulated AWS, a clock, and what the check has sent; in `aggregator`, that is in the last poll."""

    aws: SimulatedAws
    clock: SimulatedClock
    aggregator: AggregatorStub
    agent: DatadogAgentStub
    run: RunCheck
    counts: list[MetricStub] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def check(self, **options: Any) -> SagemakerTrainingCheck:
        """A check of one region that leaves retries to the next poll, unless the options say otherwise."""
        instance = {
            'regions': [REGION],
            'endpoint_url': self.aws.endpoint_url,
            'aws_access_key_id': 'test',
            'aws_secret_access_key': 'test',
            'min_collection_interval': 60,
            'boto_config': {'retries': {'total_max_attempts': 1}},
        }
        check = SagemakerTrainingCheck('sagemaker_training', {}, [instance | options], clock=self.clock)
        check.check_id = CHECK_ID
        return check

    def poll(self, check: SagemakerTrainingCheck, after: float = 0) -> list[str]:
        """Run the check, `after` seconds; the operations it called. What earlier polls sent is forgotten."""
        self.clock.advance(after)
        self.aggregator.reset()
        before = len(self.aws.calls)
        self.run(check)
        self.take()
        return [call.operation for call in self.aws.calls[before:]]

    def take(self) -> None:
        """Keep the counts and events of the last poll."""
        for name in self.aggregator.metric_names:
            if name.startswith(('sagemaker_training.jobs.', 'sagemaker_training.usage.')):
                counts = [metric for metric in self.aggregator.metrics(name) if metric.type == self.aggregator.COUNT]
                self.counts.extend(counts)
        self.events.extend(self.aggregator.events)

    def counted(self, *tags: str) -> dict[str, float]:
        """The sum of each count over all polls, of those with the tags; by name, without the names' prefix."""
        sums: Counter[str] = Counter()
        for metric in self.counts:
            if set(tags) <= set(metric.tags):
                sums[metric.name.removeprefix('sagemaker_training.')] += metric.value
        return dict(sums)

    @property
    def titles(self) -> list[str]:
        """Those of all events."""
        return [event['msg_title'].removeprefix('SageMaker training job ') for event in self.events]

    @property
    def logs(self) -> list[dict[str, Any]]:
        return self.agent._sent_logs[CHECK_ID]

    def values(self, name: str, tag: str = '') -> list[float]:
        metrics = self.aggregator.metrics(f'sagemaker_training.{name}')
        return [metric.value for metric in metrics if not tag or tag in metric.tags]

    def resources(self) -> dict[str, dict[str, Any]]:
        """What really left, by job name."""
        events = self.aggregator.get_event_platform_events('genresources', parse_json=False)
        return {fields['training_job_name']: fields for fields in map(_resource, events)}

    @property
    def connection(self) -> ServiceCheckStub:
        """The service check of the one region."""
        [connection] = self.aggregator.service_checks(CAN_CONNECT)
        return connection

    @property
    def list_times(self) -> list[float]:
        return [call.time for call in self.aws.calls if call.operation == 'ListTrainingJobs']


def _resource(event: bytes) -> dict[str, Any]:
    resource = GenericResourceEvent.FromString(event).resource
    fields = json.loads(resource.fields_json)
    assert resource.type == 'aws_sagemaker_trainingjob'
    assert resource.key == fields['training_job_arn']
    return fields | {'seen_at': resource.seen_at.seconds, 'expire_at': resource.expire_at.seconds}


def everything_sent(aggregator: AggregatorStub) -> str:
    """All that a poll submitted, as one text."""
    return repr(
        [
            *(aggregator.metrics(name) for name in aggregator.metric_names),
            aggregator.service_checks(CAN_CONNECT),
            aggregator.events,
            aggregator.get_event_platform_events('genresources', parse_json=False),
        ]
    )


class WatchedAws(SimulatedAws):
    """Calls `watch` with each call, before its answer goes out."""

    watch: Callable[[Call], object] = staticmethod(lambda call: None)

    def respond(self, headers: Message, body: bytes) -> tuple[Response, Fault | None]:
        call = self._call(headers, body)
        answer = super().respond(headers, body)
        self.watch(call)
        return answer


class ShortLivedRoles(SimulatedAws):
    """Gives credentials that botocore refreshes at every call, as it does with any in their last ten minutes."""

    def respond(self, headers: Message, body: bytes) -> tuple[Response, Fault | None]:
        response, fault = super().respond(headers, body)
        soon = (datetime.now(NOW.tzinfo) + timedelta(minutes=5)).isoformat()
        response.data = re.sub(b'<Expiration>[^<]*', f'<Expiration>{soon}'.encode(), response.data)
        return response, fault


class InterruptibleClock(SimulatedClock):
    """Does something in the middle of a poll, when that has slept so many times."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.sleeps_left = 0
        self.interrupt: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.sleeps_left -= 1
        if self.sleeps_left == 0:
            self.interrupt()
