# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The reading half of a poll: list one region, then describe what changed. What is read goes into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from datetime import datetime, timedelta
from itertools import batched
from threading import Event
from typing import Any

from .aws import PAGE_SIZE, Region
from .errors import AwsError, BadCredentials, Denied, Missing, Throttled
from .job import TrainingJob
from .ledger import Entry, Ledger, Stretch
from .scrub import Scrubber

type Pages = Iterator[list[dict[str, Any]]]
type Answer = dict[str, Any]

# Creation times of one job may differ by their fraction of a second.
_SECOND = timedelta(seconds=1)


def list_changes(region: Region, ledger: Ledger, now: datetime, out_of_time: Callable[[], bool]) -> None:
    """List what is new, then what earlier polls left over, then as far back as the known open jobs make it worth.

    One call if that is all on the first page. A listing that breaks off, by an error or out of time, loses nothing:
    the ledger keeps what is left of it.

    Raises:
        AwsError: AWS stopped answering
    """
    pages_worth_listing = ledger.pages_worth_listing(PAGE_SIZE)
    head = ledger.head(now)
    left_over = list(ledger.stretches)
    pages = region.list_training_jobs(after=head.after if head.history else None)
    try:
        _list_stretch(pages, head, ledger, now, out_of_time)
    finally:
        ledger.shift(head, now)
    for stretch in left_over:
        if out_of_time() or not stretch.before:
            return
        _list_stretch(
            region.list_training_jobs(stretch.after, stretch.before + _SECOND), stretch, ledger, now, out_of_time
        )
    while head.rank < pages_worth_listing * PAGE_SIZE and not out_of_time() and (page := next(pages, None)):
        ledger.observe(map(TrainingJob.from_summary, page), head, now)


def _list_stretch(
    pages: Pages, stretch: Stretch, ledger: Ledger, now: datetime, out_of_time: Callable[[], bool]
) -> None:
    try:
        for page in pages:
            ledger.observe(map(TrainingJob.from_summary, page), stretch, now)
            if stretch.is_covered:
                break
            if out_of_time():
                ledger.broke_off(stretch)
                return
    except AwsError:
        ledger.broke_off(stretch)
        raise
    ledger.listed(stretch)


def describe(
    region: Region,
    ledger: Ledger,
    due: Iterable[Entry],
    now: datetime,
    *,
    scrubber: Scrubber,
    tags_refresh: timedelta | None,
    executor: Executor,
    out_of_time: Callable[[], bool],
    problems: list[AwsError],
) -> Iterator[tuple[Entry, Answer]]:
    """Describe the due jobs in parallel, as far as time allows; `tags_refresh` None leaves out their tags.

    Yields each job with the answer it came from. What could not be read goes to `problems`; one job's error does not
    stop the others, except where AWS would refuse them all the same.
    """
    refused = Event()

    def answer(entry: Entry) -> Answer | AwsError | None:
        if refused.is_set() or out_of_time():
            return None
        try:
            return region.describe_training_job(entry.job.name)
        except (Throttled, BadCredentials) as e:
            refused.set()
            return e
        except AwsError as e:
            return e

    for batch in batched(due, PAGE_SIZE):
        described = []
        for entry, result in zip(batch, executor.map(answer, batch), strict=True):
            match result:
                case Missing():
                    ledger.forget(entry)
                case Denied():
                    ledger.denied(entry, str(result), now)
                case AwsError():
                    problems.append(result)
                case dict():
                    job = TrainingJob.from_description(result, scrubber.text)
                    if job.created - entry.job.created > _SECOND:
                        ledger.forget(entry)  # deleted, and its name given to another job, which the listing shows
                        continue
                    ledger.described(entry, job, now)
                    described.append((entry, result))
        if tags_refresh:
            _refresh_tags(region, ledger, [entry for entry, _ in described], now, scrubber, tags_refresh, problems)
        yield from described
        if refused.is_set() or out_of_time():
            return


def _refresh_tags(
    region: Region,
    ledger: Ledger,
    entries: list[Entry],
    now: datetime,
    scrubber: Scrubber,
    refresh: timedelta,
    problems: list[AwsError],
) -> None:
    by_arn = {entry.job.arn: entry for entry in entries if not entry.tagged_at or entry.tagged_at + refresh <= now}
    if not by_arn:
        return
    try:
        for arn, tags in region.tags(by_arn).items():
            by_arn[arn].tags = scrubber.mapping(tags)
            by_arn[arn].tagged_at = now
    except Denied as e:
        ledger.tags_denied = str(e)
    except AwsError as e:
        problems.append(e)
    else:
        ledger.tags_denied = ''
