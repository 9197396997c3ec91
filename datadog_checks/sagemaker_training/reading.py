# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A training job as the answers of AWS tell it: the only place that knows their field names.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from .aws import snake_case
from .job import Instances, Progress, Rule, TrainingJob, Transition, WarmPool

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def from_summary(summary: Mapping[str, Any]) -> TrainingJob:
    """A job as ListTrainingJobs shows it."""
    return TrainingJob(
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


def from_description(answer: Mapping[str, Any], scrub: Callable[[str], str]) -> TrainingJob:
    """A job as DescribeTrainingJob shows it; what users wrote in it has passed `scrub`."""
    resources = answer.get('ResourceConfig', {})
    algorithm = answer.get('AlgorithmSpecification', {})
    experiment = answer.get('ExperimentConfig', {})
    limits = answer.get('StoppingCondition', {})
    listed = from_summary(answer)
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
        if 'MetricName' in metric and isinstance(metric.get('Value'), int | float):
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
