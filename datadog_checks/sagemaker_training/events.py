# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What happened to a training job, told to people: events, and a log for each secondary-status transition.

https://docs.datadoghq.com/developers/custom_checks/write_agent_check/#sending-events
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from .counts import News
from .job import AT_LIMIT, TrainingJob
from .text import cut

SOURCE = 'sagemaker_training'

# Titles may have 100 characters too, which the longest name of a job does not use up.
# https://docs.datadoghq.com/api/latest/events/#post-an-event
LONGEST_TEXT = 4000
LONGEST_KEY = 100

ALERT_TYPES = {
    'created': 'info',
    'completed': 'success',
    'failed': 'error',
    'stopped': 'warning',
    'interrupted': 'warning',
}
# Where AWS documents one; https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_CONSOLES = {
    'aws': 'console.aws.amazon.com',
    'aws-cn': 'console.amazonaws.cn',
    'aws-us-gov': 'console.amazonaws-us-gov.com',
}
_LOG_GROUP = '$252Faws$252Fsagemaker$252FTrainingJobs'  # as the console of CloudWatch writes it


def events(job: TrainingJob, new: News, family: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """An event, without its tags, for each thing that happened; with the word that `event_on` has for it."""
    match new.name:
        case 'jobs.created':
            happened = [('created', job.created)]
        case 'jobs.interrupted':
            happened = [('interrupted', each.start) for each in job.interruptions[new.before : new.now]]
        case 'jobs.finished' if job.over_since and job.status in ALERT_TYPES:
            happened = [(job.status, job.over_since)]
        case _:
            happened = []
    for word, time in happened:
        yield (
            word,
            {
                'msg_title': f'SageMaker training job {job.name} {word}',
                'msg_text': _text(job, family, word, time),
                'timestamp': int(time.timestamp()),
                'alert_type': ALERT_TYPES[word],
                'aggregation_key': _aggregation_key(job.arn),
                'event_type': SOURCE,
                'source_type_name': SOURCE,
            },
        )


def transition_logs(job: TrainingJob, new: News) -> Iterator[dict[str, Any]]:
    """A log, without its tags, for each transition that is new; its timestamp is the start of it, in epoch seconds."""
    for number in range(new.before, new.now):
        transition = job.transitions[number]
        log: dict[str, Any] = {
            'timestamp': transition.start.timestamp(),
            'message': transition.message or transition.status,
            'training_job_name': job.name,
            'training_job_arn': job.arn,
            'secondary_status': transition.status,
        }
        if number:
            previous = job.transitions[number - 1]
            log['previous_status'] = previous.status
            log['previous_duration'] = ((previous.end or transition.start) - previous.start).total_seconds()
        yield log


def _aggregation_key(arn: str) -> str:
    """The ARN, or where that would be cut, and be that of other jobs too, a hash of it."""
    return arn if len(arn) <= LONGEST_KEY else hashlib.blake2b(arn.encode(), digest_size=16).hexdigest()


def _text(job: TrainingJob, family: str, word: str, time: datetime) -> str:
    """Markdown, in which all but the end of a long failure reason has its place."""
    before, reason, after = '%%%\n', '', '\n'.join(_told(job, family, word, time)) + '\n%%%'
    if word == 'failed' and job.failure_reason:
        # Neither the fence nor Datadog's mark of markdown may end early.
        reason = re.sub('%{3,}', '%', job.failure_reason.replace('```', "'''"))
        before, after = f'{before}```\n', f'\n```\n\n{after}'
    return before + cut(reason, LONGEST_TEXT - len(before) - len(after)) + after


def _told(job: TrainingJob, family: str, word: str, time: datetime) -> Iterator[str]:
    for name, value in _facts(job, family, word, time).items():
        if value:
            yield f'- **{name}**: {value}'
    if host := _CONSOLES.get(job.partition):
        console = f'https://{job.region}.{host}'
        yield (
            f'\n[Job in the AWS console]({console}/sagemaker/home?region={job.region}#/jobs/{job.name}) | '
            f'[Its logs]({console}/cloudwatch/home?region={job.region}#logsV2:log-groups/log-group/{_LOG_GROUP}'
            f'$3FlogStreamNameFilter$3D{job.name})'
        )


def _facts(job: TrainingJob, family: str, word: str, time: datetime) -> dict[str, object]:
    is_end = word == job.status
    limit = AT_LIMIT.get(job.secondary_status or '') if is_end else None
    waited = None if job.started or not job.described else time - job.created
    return {
        'Failure type': job.failure_type if is_end else None,
        'Status': job.secondary_status if is_end else None,
        'Instances': ', '.join(f'{group.type} x {group.count}' for group in job.instances) or job.instance_type,
        'Managed spot': 'yes' if job.managed_spot else None,
        'Ran for': _duration(time - job.started) if job.started and word != 'created' else None,
        'Never ran, waited for': _duration(waited) if waited and is_end else None,
        'Limit': _seconds(limit(job)) if limit else None,
        'Interruptions': len(job.interruptions) if word != 'created' else None,
        'Billed, each instance': _seconds(job.billable_seconds) if is_end else None,
        'Job family': family,
    }


def _seconds(seconds: int | None) -> str | None:
    return None if seconds is None else _duration(timedelta(seconds=seconds))


def _duration(duration: timedelta) -> str:
    """Such as `1:05:00`, or `2 days, 1:05:00`; at least 0, as the clocks of AWS may differ."""
    return str(max(timedelta(seconds=round(duration.total_seconds())), timedelta(0)))
