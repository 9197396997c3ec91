# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a poll tells about itself: its service check, its own gauges, and whether it makes too many time series."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Literal

from .aws.errors import Malformed, Problem
from .ledger import Ledger
from .metrics import Sample
from .poll import Poll
from .store import UNSAVED
from .tags import OWN_TAGS
from .text import cut, fitted

type Status = Literal['OK', 'WARNING', 'CRITICAL']

# More groups of jobs than a person looks at, and hardly two jobs in one: then a tag tells runs apart, not pipelines.
MANY_GROUPS = 200
FEW_JOBS = 1.5

LONGEST_MESSAGE = 500  # of a service check, as Datadog shows it
LONGEST_AGENT = 100
LISTING_INCOMPLETE = Problem(
    'The listing is not complete yet', 'The next polls go on with it; until then, jobs are missing.', ''
)


def health(poll: Poll, is_read: bool, is_kept: bool = True) -> tuple[Status, list[Problem]]:
    """The status of a region, and what went wrong, each problem once. The words may hold user text.

    CRITICAL if the region could not be listed (`is_read` is False), or all descriptions are denied; WARNING if less is
    denied, the listing is not complete, all descriptions of this poll or several of one job failed, AWS has told of a
    job what it cannot be, or the state could not be saved (`is_kept` is False).
    """
    entries = poll.ledger.entries.values()
    denied = [entry.denied for entry in entries if entry.denied]
    lasting = []
    if denied:
        lasting.append(_as(f'Jobs not described: {len(denied)}.', denied[0]))
    if failing := [entry.problem for entry in entries if entry.problem and entry.failures > 1]:
        lasting.append(_as(f'Jobs that fail to be described: {len(failing)}.', failing[0]))
    if poll.ledger.tags_denied:
        lasting.append(_as('Resource tags not collected: see `collect_resource_tags`.', poll.ledger.tags_denied))
    if is_read and not poll.ledger.is_complete:
        lasting.append(LISTING_INCOMPLETE)
    if not is_kept:
        lasting.append(UNSAVED)
    all_denied = denied and not any(entry.job.described for entry in entries)
    all_failed = poll.failed and not any(entry.asked_at == poll.now for entry in entries)
    malformed = any(isinstance(problem, Malformed) for problem in poll.problems)  # until then a job is not followed
    is_whole = not (lasting or all_failed or malformed)
    status: Status = 'CRITICAL' if all_denied or not is_read else 'OK' if is_whole else 'WARNING'
    told = {problem.what for problem in failing}
    passing = {error.problem.what: error.problem for error in poll.problems if error.problem.what not in told}
    return status, [*passing.values(), *lasting]


def message(problems: Sequence[Problem], agent: str = '', longest: int = LONGEST_MESSAGE) -> str:
    """The problems in so many characters: of each what failed and its remedy, then AWS's words as far as they fit.

    First comes the host name of the `agent` that tells it, if known: no series of the check belongs to a host.
    """
    teller = f'Agent {cut(agent, LONGEST_AGENT)}:' if agent else ''
    room = longest - len(teller) - 2 * len(problems) + (not teller)  # spaces between
    summaries = fitted([f'{problem.what}: {problem.remedy}' for problem in problems], room)
    words = fitted([problem.words for problem in problems], room - sum(map(len, summaries)))
    parts = chain.from_iterable(zip(summaries, words, strict=True))
    return ' '.join(filter(None, (teller, *parts)))


def poll_gauges(
    ledger: Ledger, now: datetime, *, duration: float, pending_resources: int, job_families: int
) -> Iterator[Sample]:
    """The gauges of the poll at `now`, which took `duration` seconds."""
    pending = list(ledger.pending())
    lag = (now - min(pending, default=now)).total_seconds()
    yield Sample('poll.duration', duration)
    yield Sample('poll.tracked_jobs', len(ledger.entries))
    yield Sample('poll.pending_jobs', len(pending))
    yield Sample('poll.lag', max(lag, 0))  # the clock may have been put back
    yield Sample('poll.pending_resources', pending_resources)
    yield Sample('poll.job_families', job_families)
    yield Sample('poll.listing_complete', int(ledger.is_complete and ledger.listed_at == now))


def _as(symptom: str, problem: Problem) -> Problem:
    return problem._replace(what=f'{symptom} {problem.what}')


def too_many_groups(groups: Collection[Sequence[str]]) -> str:
    """What to do if the group tags, one list for each job, make nearly each job a time series; else empty."""
    if len(groups) <= MANY_GROUPS:
        return ''
    distinct = set(map(tuple, groups))
    if len(distinct) <= MANY_GROUPS or len(groups) >= FEW_JOBS * len(distinct):
        return ''
    values = Counter(tag.partition(':')[0] for tag in set().union(*distinct)).most_common()
    names = [name for name, number in values if number > len(distinct) / 2] or [values[0][0]]
    return (
        f'{len(groups)} jobs are in {len(distinct)} groups, and each group is a time series of its own of each metric '
        f'of the fleet. What varies most: {" ".join(f"{name}: {_remedy(name)}" for name in sorted(names))}'
    )


def _remedy(name: str) -> str:
    if name == 'job_family':
        return 'tell what the runs of one pipeline share, with `job_family_patterns` or `job_family_tag`.'
    if name not in OWN_TAGS:
        return 'leave it out of `resource_tags_as_metric_tags`.'
    return 'leave it out with Metrics without Limits, see https://docs.datadoghq.com/metrics/metrics-without-limits/.'
