# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Reads the jobs of some days, with the calls of the check and at its rates: list, prices, describe, then their tags.

Ctrl+C ends the step under way, and the next one goes on with what there is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from math import ceil

from botocore.session import Session

from datadog_checks.sagemaker_training.aws import PAGE_SIZE, Page, Region
from datadog_checks.sagemaker_training.aws.errors import AwsError, BadCredentials, Denied, Malformed, Missing, NoAnswer
from datadog_checks.sagemaker_training.listing import LONGEST_LIFE
from datadog_checks.sagemaker_training.pricelist import read_list
from datadog_checks.sagemaker_training.scrub import Scrubber
from tools.aws.past import released

from .history import Answer, History, scrubbed

AT_ONCE = 8
# What fails is asked for again, after all others.
MOST_ROUNDS = 3
# So many in a row that get no answer, or so many of all that are denied, are not about the jobs that they ask for.
MOST_UNANSWERED, MOST_DENIED = 5, 3

# Of a step: how many jobs are done, and which share of the step that is.
type Told = Callable[[int, float], None]


@dataclass(slots=True)
class Listing:
    """What one region of an account has listed: the jobs that were alive, by name, newest first, and how many in all.

    `reached` is the creation time down to which it is complete, if Ctrl+C has ended it before its end.
    """

    region: Region
    alive: dict[str, Answer] = field(default_factory=dict)
    shown: int = 0
    reached: datetime | None = None
    malformed: list[Malformed] = field(default_factory=list)


def listed(region: Region, since: datetime, now: datetime, told: Told) -> Listing:
    """The jobs that were alive from `since` until `now`. A job may have been created 30 days before.

    Raises:
        AwsError: AWS stopped answering
    """
    listing, reach = Listing(region), since - LONGEST_LIFE
    try:
        for page in region.list_training_jobs(after=reach):
            listing.shown += len(page.summaries)
            for summary in page.summaries:
                if isinstance(summary, Malformed):
                    listing.malformed.append(summary)
                    continue
                listing.reached = summary['CreationTime']
                if (over := released(summary)) is None or over >= since:
                    listing.alive[summary['TrainingJobName']] = summary
            told(listing.shown, (now - (listing.reached or now)) / (now - reach))
    except KeyboardInterrupt:
        listing.reached = listing.reached or now
        return listing
    listing.reached = None
    return listing


def calls_to_describe(listings: Iterable[Listing], rate: float) -> tuple[int, float]:
    """How many calls it takes to describe all, with their tags, and how many seconds at that rate."""
    numbers = [len(listing.alive) for listing in listings]
    return sum(number + ceil(number / PAGE_SIZE) for number in numbers), sum(numbers) / rate


def read_prices(regions: Iterable[Region], history: History) -> Iterator[tuple[str, str]]:
    """Read AWS's list prices into the history, and tell of which region they are missing, and why.

    Another account will do for a region, as they are the same for all.
    """
    missing: dict[str, str] = {}
    for region in regions:
        if region.name not in history.prices:
            try:
                history.prices[region.name] = read_list(region).hours
            except AwsError as error:
                missing[region.name] = str(error)
            except KeyboardInterrupt:
                missing[region.name] = 'Ctrl+C.'
    yield from ((name, why) for name, why in missing.items() if name not in history.prices)


class Reader:
    """Describes the jobs of one listing, with their tags, into a history."""

    def __init__(self, listing: Listing, history: History, scrubber: Scrubber) -> None:
        self._region = listing.region
        self._alive = listing.alive
        self._history = history
        self._scrubber = scrubber
        self._described = 0
        self._denied: dict[str, AwsError] = {}
        self._failed: dict[str, AwsError] = {}
        self._tags_problem: AwsError | None = None
        self._in_a_row = 0  # calls without an answer

    def read(self, told: Told) -> None:
        """Add the jobs to the history, and what could not be read of them.

        Raises:
            AwsError: none of them can be described
            KeyboardInterrupt: Ctrl+C, when what had come by then was added
        """
        waiting = list(self._alive)
        try:
            for _ in range(MOST_ROUNDS):
                self._failed = {}
                for batch in batched(waiting, PAGE_SIZE):
                    self._read_batch(batch, told)
                    if self._is_refused:
                        break
                waiting = list(self._failed)
                if not waiting or self._is_refused:
                    break
        finally:
            self._remark()
        if not self._described and (why := [*self._denied.values(), *self._failed.values()]):
            raise why[0]

    @property
    def _is_refused(self) -> bool:
        return self._in_a_row >= MOST_UNANSWERED or (len(self._denied) >= MOST_DENIED and not self._described)

    def _read_batch(self, names: Sequence[str], told: Told) -> None:
        answers: dict[str, Answer] = {}
        interrupted = False
        try:
            for name, answer in self._ask_all(names):
                self._take_in(name, answer, answers)
                told(self._described, (self._described + len(self._denied)) / len(self._alive))
                if self._is_refused:
                    break
        except KeyboardInterrupt:
            interrupted = True
        tags = self._tags([answer['TrainingJobArn'] for answer in answers.values()], lambda: interrupted)
        self._history.jobs += [(answer, tags.get(answer['TrainingJobArn'], {})) for answer in answers.values()]
        if interrupted:
            raise KeyboardInterrupt

    def _ask_all(self, names: Sequence[str]) -> Iterator[tuple[str, Answer | AwsError]]:
        """In their order, at once as many as the check would ask."""
        with ThreadPoolExecutor(AT_ONCE) as executor:
            try:
                yield from zip(names, executor.map(self._ask, names), strict=True)
            finally:
                executor.shutdown(cancel_futures=True)

    def _ask(self, name: str) -> Answer | AwsError:
        try:
            return self._region.describe_training_job(name)
        except AwsError as error:
            return error

    def _take_in(self, name: str, answer: Answer | AwsError, answers: dict[str, Answer]) -> None:
        self._in_a_row = self._in_a_row + 1 if isinstance(answer, NoAnswer | BadCredentials) else 0
        match answer:
            case Missing():
                pass
            case Denied():
                self._denied[name] = answer
            case AwsError():
                self._failed[name] = answer
            case _:
                answers[name] = scrubbed(answer, self._scrubber)
                self._described += 1

    def _tags(self, arns: Sequence[str], out_of_time: Callable[[], bool]) -> dict[str, dict[str, str]]:
        """What of them can be read; after a refusal, none is asked for again."""
        if self._tags_problem or not arns:
            return {}
        try:
            found = self._region.tags(arns, out_of_time)
        except AwsError as error:
            self._tags_problem = error
            return {}
        return {arn: self._scrubber.mapping(tags) for arn, tags in found.items() if not isinstance(tags, AwsError)}

    def _remark(self) -> None:
        """Note what is missing."""
        self._history.undescribed += [scrubbed(self._alive[name], self._scrubber) for name in self._denied]
        for number, what in ((len(self._denied), self._denied), (len(self._failed), self._failed)):
            if number:
                why = self._scrubber.text(str(next(iter(what.values()))))
                self._history.remarks.append(f'{self._region.name}: {number:,} jobs could not be described. {why}')
        if self._tags_problem:
            why = self._scrubber.text(str(self._tags_problem))
            self._history.remarks.append(f'{self._region.name}: AWS resource tags are missing. {why}')


def sagemaker_regions(near: str) -> list[str]:
    """Where SageMaker is, in the partition of that region, as far as the SDK knows."""
    session = Session()
    return session.get_available_regions('sagemaker', session.get_partition_for_region(near))


def regions_with_jobs(regions: Iterable[Region]) -> Iterator[tuple[str, int, bool]]:
    """Of each region that lists any: its name, how many jobs are on the first page, and whether there are more."""
    with ThreadPoolExecutor(AT_ONCE) as executor:
        for name, page in executor.map(_first_page, regions):
            if page:
                yield name, page, page == PAGE_SIZE


def _first_page(region: Region) -> tuple[str, int]:
    try:
        return region.name, len(next(region.list_training_jobs(), Page([], None)).summaries)
    except AwsError:
        return region.name, 0  # most often one that the account has not enabled
