# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A ledger as text, for the Agent's persistent cache: what a restart must not forget, and no more.

That is what is owed and what has been counted. Everything else about a job is described again after a restart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import PlainSerializer, TypeAdapter

from .counts import TRANSITIONS
from .cursors import Logged
from .entry import Entry, signature
from .job import TrainingJob, WarmPool
from .ledger import Ledger
from .listing import LEAST_OVERLAP, Stretch
from .usage import BILLABLE, TRAINING

ACCRUING = (TRAINING, BILLABLE)

# Hundredths of a cent.
type Dollars = Annotated[float, PlainSerializer(lambda dollars: round(dollars, 4))]
# Milliseconds, as AWS sends them, are half as long as ISO 8601; times that are compared for identity stay exact.
type Milliseconds = Annotated[datetime, PlainSerializer(lambda time: round(time.timestamp() * 1000))]


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job as AWS showed it last, and what has been counted and sent of it."""

    name: str
    created: datetime
    status: str
    rank: int
    since: datetime | None = None
    secondary_status: str | None = None
    modified: Milliseconds | None = None
    ended: Milliseconds | None = None
    warm_pool: WarmPool | None = None
    changed_at: Milliseconds | None = None
    counted: Mapping[str, int] = field(default_factory=dict)
    digest: str = ''
    sent_at: Milliseconds | None = None
    not_found: int = 0
    arn_name: str = ''  # where it is another one: AWS writes it in small letters
    accrued: int | None = None  # counted of each of `ACCRUING`, if that is the same; as it is while a job runs
    spent: Dollars | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one region. A change that older versions would misread is a new version: 2 has `accrued`."""

    version: Literal[1, 2]
    account_id: str | None
    started: datetime
    first_newest: datetime
    newest: datetime
    newest_at: datetime | None
    stretches: list[Stretch]
    jobs: dict[str, list[KnownJob]]  # by what their ARNs have in common
    logged: Sequence[Logged] = ()  # of jobs that no listing has shown yet
    released_at: datetime | None = None  # by version 0.1.0, which had no presence
    settled: datetime | None = None
    longest_runs: Mapping[str, int] = field(default_factory=dict)


_STATE = TypeAdapter(State)


def dump(ledger: Ledger) -> str:
    """The state as JSON, at most 500 bytes for an open job; empty as long as nothing has been listed."""
    if ledger.started is None or ledger.first_newest is None or ledger.newest is None:
        return ''
    state = State(
        version=2,
        account_id=ledger.account_id,
        started=ledger.started,
        first_newest=ledger.first_newest,
        newest=ledger.newest,
        newest_at=ledger.newest_at,
        stretches=ledger.stretches,
        jobs=defaultdict(list),
        settled=ledger.settled,
        longest_runs=ledger.longest_runs,
        logged=tuple((arn, created, sent) for (arn, created), sent in ledger.logged.items()),
    )
    for entry in (*ledger.entries.values(), *ledger.gone.values()):
        prefix, slash, _ = entry.job.arn.rpartition('/')
        state.jobs[prefix + slash].append(_known(entry))
    return _STATE.dump_json(state, exclude_defaults=True).decode()


def restore(ledger: Ledger, text: str, too_old: datetime) -> bool:
    """Fill a new ledger; False, and it stays new, if the state was released before a time that is `too_old`.

    Another Agent may have counted since.

    Raises:
        ValueError: the text is not a state of this version
    """
    state = _STATE.validate_json(text)
    if state.released_at and state.released_at < too_old:
        return False
    ledger.account_id = state.account_id
    ledger.started = state.started
    ledger.first_newest = state.first_newest
    ledger.newest = state.newest
    ledger.newest_at = state.newest_at
    ledger.stretches = state.stretches
    ledger.longest_runs = dict(state.longest_runs)
    ledger.settled = state.settled or state.newest - LEAST_OVERLAP  # all that versions before 0.2 looked back
    for prefix, jobs in state.jobs.items():
        for known in jobs:
            entry = _entry(prefix, known)
            ledger.entries[entry.key] = entry
    restore_logged(ledger, state.logged)
    return True


def restore_logged(ledger: Ledger, logged: Iterable[Logged]) -> None:
    """Take in which logs were sent: the ledger may be behind, or the job may be one that it has not been shown yet."""
    for arn, created, sent in logged:
        if entry := ledger.entries.get((arn, created)):
            entry.counted[TRANSITIONS] = max(sent, entry.counted.get(TRANSITIONS, 0))
        else:
            ledger.logged[arn, created] = sent


def _known(entry: Entry) -> KnownJob:
    job = entry.job
    arn_name = job.arn.rpartition('/')[2]
    counted, accrued = _shortened(entry.counted)
    return KnownJob(
        name=job.name,
        created=job.created,
        status=job.status,
        rank=entry.rank,
        since=entry.since,
        secondary_status=job.secondary_status,
        modified=job.modified,
        ended=job.ended,
        warm_pool=job.warm_pool,
        changed_at=entry.changed_at or entry.owed_at,
        counted=counted,
        digest=entry.resource_digest,
        sent_at=entry.resource_sent_at,
        not_found=entry.not_found,
        arn_name='' if arn_name == job.name else arn_name,
        accrued=accrued,
        spent=entry.spent,
    )


def _shortened(counted: Mapping[str, int]) -> tuple[Mapping[str, int], int | None]:
    """What was counted, and of `ACCRUING` only the number if it is the same."""
    accrued = {counted.get(name) for name in ACCRUING}
    if len(accrued) > 1 or None in accrued:
        return counted, None
    return {name: count for name, count in counted.items() if name not in ACCRUING}, accrued.pop()


def _entry(prefix: str, known: KnownJob) -> Entry:
    job = TrainingJob(
        name=known.name,
        # Version 0.1.0 had the whole ARN for a prefix where it did not end with the name.
        arn=prefix + (known.arn_name or known.name) if prefix.endswith('/') else prefix,
        created=known.created,
        status=known.status,
        described=False,
        secondary_status=known.secondary_status,
        modified=known.modified,
        ended=known.ended,
        warm_pool=known.warm_pool,
    )
    return Entry(
        job,
        known.rank,
        known.since,
        signature(job),
        listed_at=None,
        changed_at=known.changed_at,
        counted={**known.counted, **({} if known.accrued is None else dict.fromkeys(ACCRUING, known.accrued))},
        resource_digest=known.digest,
        resource_sent_at=known.sent_at,
        not_found=known.not_found,
        spent=known.spent,
    )
