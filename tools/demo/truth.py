# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What really happened in a simulated AWS, to compare with what the check has counted."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from math import ceil
from typing import NamedTuple

from datadog_checks.sagemaker_training.aws import PAGE_SIZE
from datadog_checks.sagemaker_training.entry import TAGS_PATIENCE
from tools.aws.fleet import Job
from tools.datadog.recording import Recording


class JobCounts(NamedTuple):
    """How many jobs were created, ended, and lost their spot instances."""

    created: int
    finished: int
    interrupted: int

    def __str__(self) -> str:
        return f'{self.created} jobs created, {self.finished} finished, {self.interrupted} interruptions'


def counted_jobs(recording: Recording) -> JobCounts:
    return JobCounts(
        *(
            int(sum(count.value for count in recording.totals if count.metric == f'jobs.{what}'))
            for what in JobCounts._fields
        )
    )


def true_counts(fleet: Iterable[Job], after: datetime, until: datetime) -> JobCounts:
    """What the scripts of the jobs say happened after the first poll, up to the last.

    What a job without tags does in its first minutes is counted after these: it may still get some.
    """
    happened = Counter(
        what
        for job in fleet
        for what, time in (('created', job.created), ('finished', job.end), *_interruptions(job))
        if after < (time if job.tags else max(time, job.created + TAGS_PATIENCE)) <= until
    )
    return JobCounts(*(happened[what] for what in JobCounts._fields))


def _interruptions(job: Job) -> list[tuple[str, datetime]]:
    return [('interrupted', step.start) for step in job.steps if step.status == 'Interrupted']


def calls_of_listing_and_describing_all(fleet: Iterable[Job], now: datetime) -> int:
    """What one poll costs a collector that keeps nothing in mind."""
    sizes: dict[tuple[str, str], int] = {}
    for job in fleet:
        if job.created <= now:
            sizes[job.account, job.region] = sizes.get((job.account, job.region), 0) + 1
    return sum(ceil(size / PAGE_SIZE) + size for size in sizes.values())
