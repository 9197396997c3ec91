# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Jobs of the past, to live again: what AWS must have said of one at each moment, by what it says of it in the end.

An answer tells when each phase began, when the job ended, and when a metric or a rule was last written. All the rest is
shown from when it can first have been there: at the start, or at the end. What is not told, such as the progress of a
running job or the time of a modification in between, is left out until the end of the job, or of the known time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from .fleet import STATUSES, summarize, told_once

OPEN = frozenset({'InProgress', 'Stopping'})

# Members of an answer that AWS fills in when the instances run, and when the job is over.
ONCE_STARTED = ('TrainingStartTime', 'MlflowDetails')
ONCE_ENDED = (
    'TrainingEndTime',
    'TrainingTimeInSeconds',
    'BillableTimeInSeconds',
    'BillableTokenCount',
    'FailureReason',
    'OutputModelPackageArn',
    'ProgressInfo',
)
SELECTED = ('SelectedInstanceType', 'SelectedInstanceCount')
RULES = ('DebugRuleEvaluationStatuses', 'ProfilerRuleEvaluationStatuses')


@dataclass(frozen=True, slots=True)
class PastJob:
    """A job by its DescribeTrainingJob answer, of `read_at`, from which on nothing more is known of it."""

    answer: Mapping[str, Any]
    read_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    taken_over: bool = False
    """Whether it began in the warm pool of another job, which only that one's answer tells."""

    @property
    def name(self) -> str:
        return str(self.answer['TrainingJobName'])

    @property
    def arn(self) -> str:
        return str(self.answer['TrainingJobArn'])

    @property
    def region(self) -> str:
        return self.arn.split(':')[3]

    @property
    def account(self) -> str:
        return self.arn.split(':')[4]

    @property
    def created(self) -> datetime:
        created: datetime = self.answer['CreationTime']
        return created

    @property
    def end(self) -> datetime | None:
        """When the job was over; None while it is not."""
        return ended(self.answer)

    @property
    def released(self) -> datetime | None:
        """When its warm pool was over too, if it left one; None while one of them is not."""
        return released(self.answer)


def ended(answer: Mapping[str, Any]) -> datetime | None:
    """By a description or a summary. A job that never started may have no TrainingEndTime."""
    if answer['TrainingJobStatus'] in OPEN:
        return None
    transitions = _whole(answer)
    last = transitions[-1]['StartTime'] if transitions and _is_last(transitions[-1]['Status']) else None
    return answer.get('TrainingEndTime') or last or answer.get('LastModifiedTime') or answer['CreationTime']


def released(answer: Mapping[str, Any]) -> datetime | None:
    """By a description or a summary."""
    end, pool = ended(answer), answer.get('WarmPoolStatus', {})
    if end is None or pool.get('Status') in ('Available', 'InUse'):
        return None
    return end + timedelta(seconds=pool.get('ResourceRetainedBillableTimeInSeconds', 0))


def as_of(job: PastJob, now: datetime) -> Mapping[str, Any]:
    """AWS's DescribeTrainingJob answer at `now`, which must not be before the job's creation."""
    answer, end = job.answer, job.end
    if now >= job.read_at:
        return answer
    told = dict(answer)
    started = answer.get('TrainingStartTime')
    is_started, is_over = bool(started and started <= now), bool(end and end <= now)
    if not is_started:
        _drop(told, (*ONCE_STARTED, *RULES))
        _drop_selected(told)
    if not is_over:
        _drop(told, ONCE_ENDED)
    told['SecondaryStatusTransitions'] = reached = list(_transitions(answer, end, now))
    if not is_over:
        current = reached[-1]['Status'] if reached else 'Training' if is_started else 'Starting'
        told['SecondaryStatus'] = current
        told['TrainingJobStatus'] = STATUSES.get(current, 'InProgress')
    if (modified := answer.get('LastModifiedTime')) and modified > now:
        since = reached[-1]['StartTime'] if reached else started if is_started else job.created
        told['LastModifiedTime'] = end if is_over else since
    if 'FinalMetricDataList' in answer:
        values = told.pop('FinalMetricDataList')
        if known := [each for each in values if (each.get('Timestamp') or end or job.read_at) <= now]:
            told['FinalMetricDataList'] = known
    for name in RULES:
        if name in told:
            told[name] = [_rule(each, started, now) for each in answer[name]]
    return _with_warm_pool(told, job, end, now)


def past_summaries(job: PastJob) -> Callable[[datetime], Mapping[str, Any]]:
    """AWS's TrainingJobSummary by time."""
    told = [job.created, job.read_at, job.end, job.released]
    told += [job.answer.get(name) for name in ('TrainingStartTime', 'LastModifiedTime')]
    told += [each['StartTime'] for each in _whole(job.answer)]
    changes = {moment for moment in told if moment and moment >= job.created}
    return told_once(changes, lambda now: summarize(as_of(job, now)))


def past_jobs(answers: Iterable[tuple[Mapping[str, Any], Mapping[str, str]]], read_at: datetime) -> list[PastJob]:
    """The jobs of answers and their tags, the oldest first; what one tells of another one is made use of."""
    jobs = [PastJob(answer, read_at, tags) for answer, tags in answers]
    heirs = {
        (job.account, job.region, job.answer['WarmPoolStatus'].get('ReusedByJob'))
        for job in jobs
        if job.answer.get('WarmPoolStatus')
    }
    told = [replace(job, taken_over=(job.account, job.region, job.name) in heirs) for job in jobs]
    return sorted(told, key=lambda job: (job.created, job.name))


def _whole(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The transitions that say what and when."""
    return [each for each in answer.get('SecondaryStatusTransitions', ()) if {'Status', 'StartTime'} <= each.keys()]


def _is_last(status: str) -> bool:
    return STATUSES.get(status, 'InProgress') not in OPEN


def _drop(told: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        told.pop(name, None)


def _drop_selected(told: dict[str, Any]) -> None:
    """What a preference list led to is known once there are instances."""
    resources = told.get('ResourceConfig')
    if resources and not resources.keys().isdisjoint(SELECTED):
        told['ResourceConfig'] = {name: value for name, value in resources.items() if name not in SELECTED}


def _transitions(answer: Mapping[str, Any], end: datetime | None, now: datetime) -> Iterator[dict[str, Any]]:
    """Those that have begun; the last one that has is open, unless it is the job's end."""
    for transition in _whole(answer):
        start = transition['StartTime']
        if start > now or (_is_last(transition['Status']) and end and end > now):
            return
        over = transition.get('EndTime')
        yield {name: value for name, value in transition.items() if name != 'EndTime' or (over and over <= now)}


def _rule(evaluation: Mapping[str, Any], started: datetime | None, now: datetime) -> Mapping[str, Any]:
    """A rule's verdict is known since it was last modified."""
    modified = evaluation.get('LastModifiedTime')
    if not modified or modified <= now:
        return evaluation
    kept = {name: value for name, value in evaluation.items() if name != 'StatusDetails'}
    return kept | {'RuleEvaluationStatus': 'InProgress', 'LastModifiedTime': started}


def _with_warm_pool(told: dict[str, Any], job: PastJob, end: datetime | None, now: datetime) -> dict[str, Any]:
    """In use by a job that took it over, then available until AWS stopped to bill it, then what became of it."""
    pool = told.pop('WarmPoolStatus', None)
    if end is None or now < end:
        is_in_one = job.taken_over or (pool or {}).get('Status') == 'InUse'
        return told | ({'WarmPoolStatus': {'Status': 'InUse'}} if is_in_one else {})
    if pool is None:
        return told
    is_kept = job.released is None or now < job.released
    return told | {'WarmPoolStatus': {'Status': 'Available'} if is_kept else pool}
