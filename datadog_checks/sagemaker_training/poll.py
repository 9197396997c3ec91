# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The reading half of a poll: list one region, then describe what changed. What is read goes into the ledger.

The smallest number of calls, and why. AWS allows the whole account 2 List calls a second, lists newest first, 100 jobs
to a call, and filters by nothing but the creation time without reading the whole history. A Describe shows one job. So

* the newest page is listed at every poll: it shows all that is new, and what changed among the newest 100 jobs;
* a further page is listed only where it shows more live jobs than it costs Describes (`Ledger.pages_worth_listing`);
* a live job beyond these pages is described every `open_job_refresh_seconds`, and so is one on them, for its progress;
* else a job is described when its summary has changed, and tags are read for 100 jobs at a time.

Nothing changed and no refresh due: 1 List for each 100 jobs of the open window, 0 Describe. With k jobs new or changed
also 1 List for each further 100 that are new, k Describe, and at most ceil(k / 100) calls for tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from threading import Event
from typing import Any

from .aws import PAGE_SIZE, Page, Region
from .aws.answers import job_name
from .aws.border import answered_at
from .aws.errors import AwsError, BadCredentials, Denied, Malformed, Missing, NoAnswer, Throttled, Unavailable
from .entry import TAGS_PATIENCE, Entry
from .job import TrainingJob
from .ledger import Ledger
from .listing import BOUNDARY, Stretch
from .reading import from_description, from_summary
from .scrub import Scrubber

type Answer = dict[str, Any]

# So many errors of a kind in a row are not about the jobs that were asked for: more calls would meet the same.
MOST_IN_A_ROW = {BadCredentials: 1, Unavailable: 3, Throttled: 5}

type AskAll = Callable[
    [Callable[[Entry], Answer | AwsError | None], Iterable[Entry]], Iterable[Answer | AwsError | None]
]


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of one region, at `now`. `problems` collects what could not be read and is not in the ledger."""

    region: Region
    ledger: Ledger
    now: datetime
    scrubber: Scrubber
    problems: list[AwsError] = field(default_factory=list)
    refused: Event = field(default_factory=Event)  # AWS would refuse more calls all the same
    in_a_row: Counter[type[AwsError]] = field(default_factory=Counter)
    failed: list[tuple[Entry, AwsError]] = field(default_factory=list)  # not described, but neither denied nor gone
    tags_failed: Event = field(default_factory=Event)

    def list_changes(self, *, page_cost: float, out_of_time: Callable[[], bool]) -> None:
        """List what is new, then what earlier polls left over, then as far back as the known open jobs make it worth.

        One call if that is all on the first page; `page_cost` is explained in `Ledger.pages_worth_listing`.
        A listing that breaks off, by an error or out of time, loses nothing: the ledger keeps what is left of it.

        Raises:
            AwsError: AWS stopped answering
        """
        ledger = self.ledger
        jobs_worth_listing = ledger.pages_worth_listing(PAGE_SIZE, page_cost) * PAGE_SIZE
        head = ledger.head(self.now)
        left_over = list(ledger.stretches)
        pages = self.region.list_training_jobs(after=head.after if head.history else None)
        try:
            self._list_stretch(pages, head, out_of_time)
        finally:
            ledger.shift(head, self.now)
        for stretch in left_over:
            if out_of_time() or not stretch.before:
                return
            older = self.region.list_training_jobs(stretch.after, stretch.before + BOUNDARY)
            self._list_stretch(older, stretch, out_of_time)
        while head.rank < jobs_worth_listing and not out_of_time() and (page := next(pages, None)) is not None:
            self._observe(page, head)

    def describe(
        self,
        due: Iterable[Entry],
        *,
        tags_refresh: timedelta | None,
        ask_all: AskAll,
        out_of_time: Callable[[], bool],
    ) -> Iterator[tuple[Entry, Answer]]:
        """Describe the due jobs by `ask_all`, as far as time allows; `tags_refresh` None leaves out their tags.

        Yields each job with the answer it came from. One job's error does not stop the others, except where AWS would
        refuse them all the same.
        """
        is_any_described = False
        for described in self._describe(due, tags_refresh, ask_all, out_of_time):
            is_any_described = True
            yield described
        for entry, error in self.failed:
            if not isinstance(error, Throttled):  # which is not about the job
                entry.failed(error.problem, self.now, is_own=is_any_described)

    def _describe(
        self, due: Iterable[Entry], tags_refresh: timedelta | None, ask_all: AskAll, out_of_time: Callable[[], bool]
    ) -> Iterator[tuple[Entry, Answer]]:
        ask = partial(self._ask, is_over=lambda: self.refused.is_set() or out_of_time())
        for batch in batched(due, PAGE_SIZE):
            results = zip(batch, ask_all(ask, batch), strict=True)
            described = [(entry, answer) for entry, result in results if (answer := self._take_in(entry, result))]
            if tags_refresh:
                self._read_tags(
                    [entry for entry, _ in described if entry.lacks_tags(self.now, tags_refresh)], out_of_time
                )
            yield from described
            if self.refused.is_set() or out_of_time():
                return
        if tags_refresh and not self.refused.is_set():
            # Those whose tags could not be read before, or were not there; with them, the resource is sent anew.
            untagged = [
                entry
                for entry in self.ledger.entries.values()
                if entry.job.described and not entry.tagged_at and entry.asked_at != self.now
            ]
            for late in batched(untagged, PAGE_SIZE):
                self._read_tags(list(late), out_of_time)
            for entry in untagged:
                if entry.tags:
                    entry.resource_sent_at = None

    def _observe(self, page: Page, stretch: Stretch) -> None:
        read = [_read('ListTrainingJobs', summary, from_summary) for summary in page.summaries]
        self.problems.extend(why for why in read if isinstance(why, Malformed))
        jobs = (job if isinstance(job, TrainingJob) else None for job in read)
        self.ledger.observe(jobs, stretch, self.now, page.answered_at)

    def _list_stretch(self, pages: Iterator[Page], stretch: Stretch, out_of_time: Callable[[], bool]) -> None:
        began_at = stretch.before
        try:
            for page in pages:
                self._observe(page, stretch)
                if stretch.is_covered:
                    break
                if out_of_time() and stretch.before != began_at:  # else the next poll would be shown the same again
                    self.ledger.broke_off(stretch)
                    return
        except Exception as e:
            self.ledger.broke_off(stretch)
            if isinstance(e, BadCredentials | NoAnswer):
                self.refused.set()
            raise
        self.ledger.listed(stretch)

    def _ask(self, entry: Entry, *, is_over: Callable[[], bool]) -> Answer | AwsError | None:
        if is_over():
            return None
        answer: Answer | AwsError
        try:
            answer = self.region.describe_training_job(entry.job.name)
        except AwsError as e:
            answer = e
        for kind, most in MOST_IN_A_ROW.items():
            self.in_a_row[kind] = self.in_a_row[kind] + 1 if isinstance(answer, kind) else 0
            if self.in_a_row[kind] >= most:
                self.refused.set()
        return answer

    def _take_in(self, entry: Entry, result: Answer | AwsError | None) -> Answer | None:
        """The answer, if it describes the job; else the ledger, or `problems`, is told why not."""
        job = None
        if isinstance(result, dict):
            job = _read('DescribeTrainingJob', result, partial(from_description, scrub=self.scrubber.text))
            result = job if isinstance(job, Malformed) else result
        match result:
            case Missing():
                self.ledger.not_found(entry, self.now)
            case Denied():
                self.ledger.denied(entry, result.problem, self.now)
            case AwsError():
                self.problems.append(result)
                self.failed.append((entry, result))
            case dict() if isinstance(job, TrainingJob):
                if job.created - entry.job.created <= BOUNDARY:
                    if entry.changed_at and not (job.is_open and entry.tags):
                        entry.tagged_at = None  # AWS may tell the tags of a new job late: what it used is to have them
                    entry.described(job, self.now, answered_at(result))
                    return result
                self.ledger.forget(entry, self.now)  # and its name given to another job, which the listing shows
        return None

    def _read_tags(self, entries: list[Entry], out_of_time: Callable[[], bool]) -> None:
        by_arn = {entry.job.arn: entry for entry in entries}
        if not by_arn or self.tags_failed.is_set():
            return
        try:
            tags = self.region.tags(by_arn, out_of_time)
        except Denied as e:
            self.ledger.tags_denied = e.problem
            for entry in entries:
                entry.tagged_at = self.now
        except AwsError as e:
            self.tags_failed.set()
            self.problems.append(e)
        else:
            self.ledger.tags_denied = None
            self.problems.extend(why for why in tags.values() if isinstance(why, AwsError))
            for arn, values in tags.items():
                entry = by_arn[arn]
                if isinstance(values, AwsError):
                    continue
                entry.tags = self.scrubber.mapping(values)
                if values or self.now - entry.job.created >= TAGS_PATIENCE:
                    entry.tagged_at = self.now  # else AWS may tell the tags of a young job a little later


def _read(
    operation: str, answer: Answer | Malformed, parse: Callable[[Answer], TrainingJob]
) -> TrainingJob | Malformed:
    """The job, or what is wrong with the answer; that it has the types of the service model has been seen to."""
    if isinstance(answer, Malformed):
        return answer
    try:
        return parse(answer)
    except Exception as e:
        return Malformed(operation, 'MalformedAnswer', f'job {job_name(answer)}: {type(e).__name__}')
