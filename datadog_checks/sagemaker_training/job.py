# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a training job is: the only place that knows the field names of AWS.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from .aws import snake_case

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

OVER = {'completed', 'failed', 'stopped', 'deleting'}
# The prefixes of a reason: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
_FAILURE_TYPES = ('AlgorithmError', 'CapacityError', 'ClientError', 'InternalServerError')
# What stands in reasons that have none of them; the first that is found tells.
_FAILURE_WORDS = {
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    'InsufficientInstanceCapacity': 'capacity_error',
    'InsufficientCapacity': 'capacity_error',
    'InternalFailure': 'internal_server_error',
    'ServiceUnavailable': 'internal_server_error',
    # Behind `CapacityError:`, as in https://github.com/DIAGNijmegen/rse-grand-challenge/issues/2631
    'Unable to provision requested ML compute capacity': 'capacity_error',
    # Behind `InternalServerError:`
    'We encountered an internal error': 'internal_server_error',
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html#API_CreateTrainingJob_Errors
    # and CommonErrors.html: HTTP 400, for the caller to mend
    'ResourceLimitExceeded': 'client_error',
    'ResourceNotFound': 'client_error',
    'ResourceInUse': 'client_error',
    'ValidationException': 'client_error',
    'AccessDenied': 'client_error',
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    'NoSuchBucket': 'client_error',
    'NoSuchKey': 'client_error',
    # What the containers write: https://github.com/aws/sagemaker-training-toolkit, src/sagemaker_training/errors.py
    'ExecuteUserScriptError': 'algorithm_error',
    **{prefix: snake_case(prefix) for prefix in _FAILURE_TYPES},
}
_FAILURE_WORD = re.compile(rf'\b(?:{"|".join(_FAILURE_WORDS)})')


@dataclass(frozen=True, slots=True)
class Instances:
    """Instances of one type: the billed choice of a preference list, or one group of a heterogeneous cluster."""

    type: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One stretch in a secondary status, and what AWS says about it; the current one has no end."""

    status: str
    start: datetime
    end: datetime | None
    message: str = ''


@dataclass(frozen=True, slots=True)
class WarmPool:
    """Instances kept after a job's end; `retained_seconds` is known once it was reused or terminated."""

    status: str
    retained_seconds: int | None
    reused_by: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a serverless job has come."""

    step: int | None
    steps_per_epoch: int | None
    epoch: int | None
    epochs: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One debugger or profiler rule and its last evaluation."""

    kind: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training job as last seen; what AWS did not report is None or empty.

    Times are aware and UTC, durations whole seconds, statuses snake_case.
    A job that only a listing has shown (`described` is False) has its name, times and statuses and nothing else.
    """

    name: str
    arn: str
    created: datetime
    status: str
    described: bool
    described_as: str | None = None  # the status then
    secondary_status: str | None = None
    modified: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    warm_pool: WarmPool | None = None
    transitions: Sequence[Transition] = ()
    failure_reason: str | None = None

    instances: Sequence[Instances] = ()
    heterogeneous: bool = False
    serverless: bool = False
    volume_gib: int | None = None
    keep_alive_seconds: int | None = None
    training_plan: str | None = None

    managed_spot: bool | None = None
    algorithm: str | None = None
    input_mode: str | None = None
    role_name: str | None = None
    experiment_name: str | None = None
    trial_name: str | None = None
    run_name: str | None = None
    tuning_job_name: str | None = None
    auto_ml_job_name: str | None = None
    labeling_job_name: str | None = None

    training_seconds: int | None = None
    billable_seconds: int | None = None
    billable_tokens: int | None = None
    max_runtime_seconds: int | None = None
    max_wait_seconds: int | None = None
    max_pending_seconds: int | None = None
    maximum_retry_attempts: int | None = None
    final_metrics: Sequence[tuple[str, float]] = ()
    progress: Progress | None = None
    rules: Sequence[Rule] = ()

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> TrainingJob:
        """A job as ListTrainingJobs shows it."""
        return cls(
            name=summary['TrainingJobName'],
            arn=summary['TrainingJobArn'],
            created=summary['CreationTime'].astimezone(UTC),
            status=snake_case(summary['TrainingJobStatus']),
            described=False,
            secondary_status=_status(summary.get('SecondaryStatus')),
            modified=_time(summary.get('LastModifiedTime')),
            ended=_time(summary.get('TrainingEndTime')),
            warm_pool=_warm_pool(summary.get('WarmPoolStatus')),
            training_plan=_last_part(summary.get('TrainingPlanArn')),
        )

    @classmethod
    def from_description(cls, answer: Mapping[str, Any], scrub: Callable[[str], str]) -> TrainingJob:
        """A job as DescribeTrainingJob shows it; what users wrote in it has passed `scrub`."""
        resources = answer.get('ResourceConfig', {})
        algorithm = answer.get('AlgorithmSpecification', {})
        experiment = answer.get('ExperimentConfig', {})
        limits = answer.get('StoppingCondition', {})
        listed = cls.from_summary(answer)
        return replace(
            listed,
            described=True,
            described_as=listed.status,
            started=_time(answer.get('TrainingStartTime')),
            transitions=tuple(
                Transition(
                    snake_case(t['Status']),
                    t['StartTime'].astimezone(UTC),
                    _time(t.get('EndTime')),
                    scrub(t.get('StatusMessage', '')),
                )
                for t in answer.get('SecondaryStatusTransitions', ())
                if 'Status' in t and 'StartTime' in t
            ),
            failure_reason=scrub(answer['FailureReason']) if answer.get('FailureReason') else None,
            instances=_instances(resources),
            heterogeneous=bool(resources.get('InstanceGroups')),
            serverless='ServerlessJobConfig' in answer,
            volume_gib=resources.get('VolumeSizeInGB'),
            keep_alive_seconds=resources.get('KeepAlivePeriodInSeconds'),
            training_plan=_last_part(resources.get('TrainingPlanArn')),
            managed_spot=answer.get('EnableManagedSpotTraining'),
            algorithm=_last_part(algorithm.get('AlgorithmName')) or _image(algorithm.get('TrainingImage')),
            input_mode=algorithm.get('TrainingInputMode'),
            role_name=_last_part(answer.get('RoleArn')),
            experiment_name=experiment.get('ExperimentName'),
            trial_name=experiment.get('TrialName'),
            run_name=experiment.get('RunName'),
            tuning_job_name=_last_part(answer.get('TuningJobArn')),
            auto_ml_job_name=_last_part(answer.get('AutoMLJobArn')),
            labeling_job_name=_last_part(answer.get('LabelingJobArn')),
            training_seconds=answer.get('TrainingTimeInSeconds'),
            billable_seconds=answer.get('BillableTimeInSeconds'),
            billable_tokens=answer.get('BillableTokenCount'),
            max_runtime_seconds=limits.get('MaxRuntimeInSeconds'),
            max_wait_seconds=limits.get('MaxWaitTimeInSeconds'),
            max_pending_seconds=limits.get('MaxPendingTimeInSeconds'),
            maximum_retry_attempts=answer.get('RetryStrategy', {}).get('MaximumRetryAttempts'),
            final_metrics=_final_metrics(answer.get('FinalMetricDataList', ()), scrub),
            progress=_progress(answer.get('ProgressInfo')),
            rules=(
                *_rules('debugger', answer.get('DebugRuleEvaluationStatuses', ()), scrub),
                *_rules('profiler', answer.get('ProfilerRuleEvaluationStatuses', ()), scrub),
            ),
        )

    def updated(self, listed: TrainingJob) -> TrainingJob:
        """This job with the newer statuses and times of a listing, of which all but the status may be absent."""
        return replace(
            self,
            status=listed.status,
            secondary_status=listed.secondary_status or self.secondary_status,
            modified=listed.modified or self.modified,
            ended=listed.ended or self.ended,
            warm_pool=listed.warm_pool or self.warm_pool,
        )

    @property
    def partition(self) -> str:
        return self.arn.split(':')[1]

    @property
    def region(self) -> str:
        return self.arn.split(':')[3]

    @property
    def account_id(self) -> str:
        return self.arn.split(':')[4]

    @property
    def is_open(self) -> bool:
        """Whether the job is still on its way to an end; a status AWS adds counts as open until it has an end time."""
        if self.status in ('in_progress', 'stopping'):
            return True
        return self.status not in OVER and self.ended is None

    @property
    def holds_warm_pool(self) -> bool:
        """Whether instances are kept, and billed, after the job's end."""
        return self.warm_pool is not None and self.warm_pool.status == 'available'

    @property
    def over_since(self) -> datetime | None:
        """When the job ended, as far as AWS says; None while it is open."""
        return None if self.is_open else self.ended or self.modified or self.created

    @property
    def is_live(self) -> bool:
        """Whether the job, or the warm pool it left, still goes on."""
        return self.is_open or self.holds_warm_pool

    @property
    def released(self) -> datetime | None:
        """When the job's instances, and those its warm pool retained, came to their end; None while it is live.

        As long as AWS does not say how long a pool was retained, that is as long as it may have been.
        """
        if self.is_live or self.over_since is None:
            return None
        if self.warm_pool is None:
            return self.over_since
        retained = self.warm_pool.retained_seconds
        return self.over_since + timedelta(seconds=self.keep_alive_seconds or 0 if retained is None else retained)

    @property
    def lacks_figures(self) -> bool:
        """Whether AWS has yet to tell what the job used, or what became of the warm pool it was to leave."""
        if self.is_open or self.serverless:
            return False
        if self.started and None in (self.training_seconds, self.billable_seconds):
            return True
        if self.warm_pool is None:
            return bool(self.keep_alive_seconds) and self.status == 'completed'
        return self.warm_pool.status in ('reused', 'terminated') and self.warm_pool.retained_seconds is None

    @property
    def interruptions(self) -> list[Transition]:
        """Each time AWS took the spot instances back."""
        return [transition for transition in self.transitions if transition.status == 'interrupted']

    @property
    def instance_count(self) -> int | None:
        """The instances of the whole cluster, the billed choice; None for a serverless job."""
        return sum(group.count for group in self.instances) if self.instances else None

    @property
    def instance_type(self) -> str | None:
        if self.heterogeneous:
            return 'heterogeneous'
        if self.serverless:
            return 'serverless'
        return self.instances[0].type if self.instances else None

    @property
    def failure_type(self) -> str | None:
        """The kind of failure that AWS's reason tells, by its prefix or else by the first of AWS's words in it.

        None unless the job is described as failed.
        """
        if not self.status == self.described_as == 'failed':
            return None
        word = _FAILURE_WORD.search(self.failure_reason or '')
        return _FAILURE_WORDS[word[0]] if word else 'other'


def _time(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value else None


def _status(value: str | None) -> str | None:
    return snake_case(value) if value else None


def _last_part(arn: str | None) -> str | None:
    return arn.rpartition('/')[2] or None if arn else None


def _image(uri: str | None) -> str | None:
    """`repository:tag` of a container image, without its registry and digest."""
    if not uri:
        return None
    registry, slash, repository = uri.partition('/')
    is_registry = slash and ('.' in registry or ':' in registry)
    return (repository if is_registry else uri).partition('@')[0]


def _warm_pool(status: Mapping[str, Any] | None) -> WarmPool | None:
    if not status or 'Status' not in status:
        return None
    return WarmPool(
        snake_case(status['Status']), status.get('ResourceRetainedBillableTimeInSeconds'), status.get('ReusedByJob')
    )


def _instances(resources: Mapping[str, Any]) -> tuple[Instances, ...]:
    """The instances that are billed: what a preference list led to, else the groups, else the one type."""
    if 'SelectedInstanceCount' in resources:
        return (Instances(resources.get('SelectedInstanceType'), resources['SelectedInstanceCount']),)
    if groups := resources.get('InstanceGroups'):
        return tuple(Instances(g.get('InstanceType'), g['InstanceCount']) for g in groups if 'InstanceCount' in g)
    if 'InstanceCount' in resources:
        return (Instances(resources.get('InstanceType'), resources['InstanceCount']),)
    return ()


def _final_metrics(values: Sequence[Mapping[str, Any]], scrub: Callable[[str], str]) -> tuple[tuple[str, float], ...]:
    """Each metric once: of one that stands twice, the value with the later timestamp, or else the later in the list."""
    last: dict[str, float] = {}
    for metric in sorted(values, key=lambda metric: _time(metric.get('Timestamp')) or _LONG_AGO):
        if 'MetricName' in metric and 'Value' in metric:
            last[scrub(metric['MetricName'])] = metric['Value']
    return tuple(last.items())


def _progress(info: Mapping[str, Any] | None) -> Progress | None:
    if not info:
        return None
    return Progress(
        info.get('CurrentStep'), info.get('TotalStepCountPerEpoch'), info.get('CurrentEpoch'), info.get('MaxEpoch')
    )


def _rules(kind: str, evaluations: Sequence[Mapping[str, Any]], scrub: Callable[[str], str]) -> list[Rule]:
    return [
        Rule(kind, scrub(evaluation['RuleConfigurationName']), snake_case(evaluation['RuleEvaluationStatus']))
        for evaluation in evaluations
        if 'RuleConfigurationName' in evaluation and 'RuleEvaluationStatus' in evaluation
    ]
