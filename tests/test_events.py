# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import re
from dataclasses import replace
from typing import Any

import pytest

from datadog_checks.sagemaker_training.counts import News
from datadog_checks.sagemaker_training.events import ALERT_TYPES, events, transition_logs
from datadog_checks.sagemaker_training.job import TrainingJob
from datadog_checks.sagemaker_training.reading import from_description

from .builders import NOW, ago, arn, ended, job, transition

FINISHED = News('jobs.finished', 0, 1)


def failed(**fields: Any) -> TrainingJob:
    return job(
        'churn',
        TrainingJobStatus='Failed',
        SecondaryStatus='Failed',
        TrainingEndTime=NOW,
        FailureReason='AlgorithmError: exit code 1',
        BillableTimeInSeconds=3001,
        **fields,
    )


def test_a_failure_tells_a_person_on_call_what_they_need() -> None:
    [(word, event)] = events(failed(), FINISHED, 'churn')
    console = 'https://us-east-1.console.aws.amazon.com'
    log_group = '$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3Dchurn'
    assert word == 'failed'
    assert event == {
        'msg_title': 'SageMaker training job churn failed',
        'msg_text': f"""%%%
```
AlgorithmError: exit code 1
```

- **Failure type**: algorithm_error
- **Status**: failed
- **Instances**: ml.p5.48xlarge x 2
- **Ran for**: 0:50:00
- **Billed, each instance**: 0:50:01
- **Job family**: churn

[Job in the AWS console]({console}/sagemaker/home?region=us-east-1#/jobs/churn) | \
[Its logs]({console}/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/{log_group})
%%%""",
        'timestamp': int(NOW.timestamp()),
        'alert_type': 'error',
        'aggregation_key': arn('churn'),
        'event_type': 'sagemaker_training',
        'source_type_name': 'sagemaker_training',
    }


@pytest.mark.parametrize(
    ('status', 'limit'), [('MaxRuntimeExceeded', '1:00:00'), ('MaxWaitTimeExceeded', '2:00:00'), ('Stopped', None)]
)
def test_a_job_that_was_stopped_at_a_limit_tells_which(status: str, limit: str | None) -> None:
    condition = {'MaxRuntimeInSeconds': 3600, 'MaxWaitTimeInSeconds': 7200}
    stopped = job(TrainingJobStatus='Stopped', SecondaryStatus=status, TrainingEndTime=NOW, StoppingCondition=condition)
    [(_, event)] = events(stopped, FINISHED, '')
    assert re.findall(r'\*\*Limit\*\*: (.*)', event['msg_text']) == [limit] * bool(limit)


@pytest.mark.parametrize(
    ('status', 'alert_type'),
    [('Completed', 'success'), ('Stopped', 'warning'), ('Failed', 'error'), ('Deleting', None)],
)
def test_an_end_is_told_by_its_status(status: str, alert_type: str | None) -> None:
    told = [(word, event['alert_type']) for word, event in events(job(TrainingJobStatus=status), FINISHED, '')]
    assert told == ([(status.lower(), alert_type)] if alert_type else [])


def test_each_interruption_is_told_once_with_its_own_time() -> None:
    starts = [ago(minutes=30), ago(minutes=20), ago(minutes=10)]
    spot = job(SecondaryStatusTransitions=[transition('Interrupted', start) for start in starts])
    told = [
        (word, event['alert_type'], event['timestamp'])
        for word, event in events(spot, News('jobs.interrupted', 1, 3), '')
    ]
    assert told == [('interrupted', 'warning', int(start.timestamp())) for start in starts[1:]]


def test_a_creation_is_told_without_what_came_later() -> None:
    [(word, event)] = events(failed(), News('jobs.created', 0, 1), '')
    assert (word, event['alert_type'], event['timestamp']) == ('created', 'info', int(ago(hours=1).timestamp()))
    assert not any(later in event['msg_text'] for later in ('exit code', 'Failure', 'Ran for', 'Billed'))


@pytest.mark.parametrize(
    ('partition', 'region', 'host'),
    [
        ('aws-cn', 'cn-north-1', 'https://cn-north-1.console.amazonaws.cn/'),
        ('aws-us-gov', 'us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/'),
        ('aws-iso', 'us-iso-east-1', None),
    ],
)
def test_links_lead_to_the_console_of_the_partition_if_it_is_known(
    partition: str, region: str, host: str | None
) -> None:
    elsewhere = failed(TrainingJobArn=f'arn:{partition}:sagemaker:{region}:123456789012:training-job/churn')
    [(_, event)] = events(elsewhere, FINISHED, '')
    assert (host in event['msg_text']) if host else ('http' not in event['msg_text'])


def test_a_reason_cannot_break_out_of_its_frame() -> None:
    malicious = job(TrainingJobStatus='Failed', FailureReason='ClientError: ```\n# big\n%%% <b>')
    [(_, event)] = events(malicious, FINISHED, '')
    text = event['msg_text']
    assert (text.count('```'), text.count('%%%')) == (2, 2)


def test_a_log_for_each_new_transition_tells_how_long_the_phase_before_took() -> None:
    spot = from_description(
        ended(
            'churn',
            SecondaryStatusTransitions=[
                transition('Starting', ago(minutes=60), ago(minutes=50)),
                transition('Training', ago(minutes=50), ago(minutes=10)) | {'StatusMessage': 'token=abc in progress'},
                transition('Completed', ago(minutes=10), ago(minutes=10)),
            ],
        ),
        scrub=lambda text: text.replace('abc', '<redacted>'),
    )
    first, *others = transition_logs(spot, News('transitions', 0, 3))
    assert 'previous_duration' not in first
    assert others == list(transition_logs(spot, News('transitions', 1, 3)))
    assert others[0] == {
        'timestamp': ago(minutes=50).timestamp(),
        'message': 'token=<redacted> in progress',
        'training_job_name': 'churn',
        'training_job_arn': arn('churn'),
        'secondary_status': 'training',
        'previous_status': 'starting',
        'previous_duration': 600,
    }
    assert (others[1]['message'], others[1]['previous_duration']) == ('completed', 2400)


NAME = 'n' * 63  # the longest that AWS takes


@pytest.mark.parametrize(
    ('reason', 'shown'),
    [
        ('AlgorithmError: ' + 'x' * 1008, 'AlgorithmError: ' + 'x' * 1008 + '\n```'),  # the longest that AWS sends
        ('x' * 20_000, 'xxx...\n```'),
        ('```%%%' * 5000, '...\n```'),
    ],
    ids=['longest', 'longer', 'marks'],
)
def test_the_longest_texts_are_within_the_limits_of_datadog(reason: str, shown: str) -> None:
    """https://docs.datadoghq.com/api/latest/events/#post-an-event; only the end of the reason is missing."""
    groups = [{'InstanceGroupName': 'g' * 64, 'InstanceType': 'ml.p4de.24xlarge', 'InstanceCount': 100}] * 5
    long = failed(ResourceConfig={'InstanceGroups': groups})
    long = replace(long, name=NAME, arn=arn(NAME, 'us-gov-west-1'), failure_reason=reason)
    [(_, event)] = events(long, FINISHED, 'family')
    text = event['msg_text']
    assert len(text) == 4000 if len(reason) > 4000 else len(text) < 4000
    assert shown in text
    assert text.startswith('%%%\n```\n')
    assert text.endswith('\n%%%')
    assert (text.count('%%%'), text.count('```')) == (2, 2)
    assert all(fact in text for fact in ('Failure type', 'Job family', '[Job in the AWS console]', f'$3D{NAME})'))
    assert len(f'SageMaker training job {NAME} {max(ALERT_TYPES, key=len)}') <= 100


def test_a_key_tells_jobs_apart_and_stays_with_one() -> None:
    keys = [
        event['aggregation_key']
        for name in ('a', 'b', *(f'{NAME[:-1]}{last}' for last in 'ab'))
        for region in ('us-east-1', 'eu-west-1')
        for _ in range(2)
        for _, event in events(replace(failed(), name=name, arn=arn(name, region)), FINISHED, 'family')
    ]
    assert keys[0] == arn('a')
    assert keys[::2] == keys[1::2]
    assert len(set(keys)) == 8
    assert max(map(len, keys)) <= 100


@pytest.mark.parametrize('marks', ['%%%', '%%%%', '%%%%%', '%%%%%%%%'])
def test_no_marks_of_users_end_the_markdown(marks: str) -> None:
    [(_, event)] = events(replace(failed(), failure_reason=f'at 99 {marks} of it'), FINISHED, 'family')
    assert 'at 99 % of it' in event['msg_text']
    assert event['msg_text'].count('%%%') == 2
