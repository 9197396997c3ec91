# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The resources of one region's jobs: which are due, and sending them with the pace that the Agent takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from datadog_checks.base.utils.genresources import INCLUDE_ALL

from .aws.pace import Clock
from .entry import Entry
from .outbox import Outbox
from .poll import Answer
from .resources import RESOURCE_TYPE, resource_digest, resource_fields
from .settings import Settings
from .sink import Sink


class Catalogue:
    """Of one region, through `sink`; what goes wrong with one job's goes to `log_failure`."""

    def __init__(
        self, sink: Sink, region: str, settings: Settings, clock: Clock, log_failure: Callable[[str, Exception], None]
    ) -> None:
        self._sink = sink
        self._region = region
        self._settings = settings
        self._clock = clock
        self._log_failure = log_failure
        self.forget()

    def __len__(self) -> int:
        """How many wait to be sent."""
        return len(self._outbox)

    def forget(self) -> None:
        """What waits is of no account any more."""
        self._outbox = Outbox(self._clock)

    def take(self, entry: Entry, answer: Answer, now: datetime) -> None:
        """Let the job's resource be sent if it has changed, or would expire before long, when the Agent takes it in."""
        try:
            self._put(entry, answer, now)
        except Exception as e:
            self._log_failure(f'Job {entry.job.name}: it makes no resource', e)
            entry.resource_sent_at = now  # it is tried again like one that has not changed
        self._outbox.send(out_of_time=lambda: True)

    def send(self, out_of_time: Callable[[], bool]) -> None:
        self._outbox.send(out_of_time)

    def _put(self, entry: Entry, answer: Answer, now: datetime) -> None:
        config = self._settings.config
        fields = resource_fields(
            answer,
            account_id=entry.job.account_id,
            region=self._region,
            tags=entry.tags,
            scrubber=self._settings.scrubber,
            collect_environment_values=config.collect_environment_values,
            exclude=config.resource_fields_exclude or (),
        )
        refresh = self._settings.resource_refresh
        digest = resource_digest(fields)
        if not entry.lacks_resource(digest, now, refresh):
            return

        def send() -> None:
            entry.resource_sent_at = now  # also if it cannot be: then it is tried again like one that has not changed
            try:
                self._sink.submit_generic_resource(
                    type=RESOURCE_TYPE,
                    key=entry.job.arn,
                    fields=fields,
                    include=INCLUDE_ALL,
                    seen_at=int(now.timestamp()),
                    expire_at=int((now + 3 * refresh).timestamp()),
                )
            except Exception as e:
                self._log_failure(f'Job {entry.job.name}: its resource could not be sent', e)
            else:
                entry.resource_digest = digest

        self._outbox.put(entry, send, is_refresh=digest == entry.resource_digest)
