# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A ledger, what AWS lists in it, and what is described of that."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from datadog_checks.sagemaker_training.aws.errors import Problem
from datadog_checks.sagemaker_training.due import due as due_now
from datadog_checks.sagemaker_training.entry import Entry
from datadog_checks.sagemaker_training.ledger import Ledger
from datadog_checks.sagemaker_training.reading import from_description, from_summary

from .builders import NOW

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


HISTORY = 24 * HOUR
DENIED = Problem('DescribeTrainingJob: AccessDenied', 'Allow it.', 'No.')


def new_ledger() -> Ledger:
    return Ledger(HISTORY, lambda name: not name.startswith('excluded'))


def listed(ledger: Ledger, answers: Iterable[dict[str, Any]], now: datetime = NOW) -> None:
    """A listing that shows all of the answers, newest first, and comes to its end."""
    newest_first = sorted(answers, key=lambda answer: answer['CreationTime'], reverse=True)
    head = ledger.head(now)
    ledger.observe(map(from_summary, newest_first), head, now)
    ledger.shift(head, now)
    ledger.listed(head)


def due_entries(ledger: Ledger, now: datetime, resource_refresh: timedelta | None = HOUR) -> list[Entry]:
    return due_now(ledger.entries.values(), now, 5 * MINUTE, resource_refresh)


def due(ledger: Ledger, now: datetime = NOW) -> list[str]:
    return [entry.job.name for entry in due_entries(ledger, now)]


def describe_due(ledger: Ledger, answers: Iterable[dict[str, Any]], now: datetime = NOW) -> list[str]:
    """Describe what is due as the answers say; the names of it."""
    by_name = {answer['TrainingJobName']: answer for answer in answers}
    entries = due_entries(ledger, now)
    for entry in entries:
        job = from_description(by_name[entry.job.name], scrub=str)
        entry.described(job, now)
        entry.resource_sent_at = now
        entry.owed_at = None
    return [entry.job.name for entry in entries]
