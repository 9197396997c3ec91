# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The groups that jobs are counted in, by whole polls: how many there are, and what their tags do in Datadog."""

import logging
from typing import Any

import pytest

from .builders import ACCOUNT, NOW, ago, answer, arn, ended, transition
from .world import World

EXECUTION = f'arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/churn/execution/'

TEAM = {'team': 'nlp'}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if 'groups, and each group' in record.getMessage()]


def groups(world: World, name: str) -> set[tuple[str, ...]]:
    return {tuple(sorted(metric.tags)) for metric in world.aggregator.metrics(f'sagemaker_training.{name}')}


def test_ten_executions_of_a_pipeline_are_one_series(world: World) -> None:
    check = world.check()
    world.poll(check)
    for number in range(10):
        tags = {'sagemaker:pipeline-execution-arn': f'{EXECUTION}{number:012x}', 'team': 'nlp'}
        name = f'pipelines-{number:012x}-TrainModel-Ab12Cd34E{number}'
        world.aws.put(answer(name, CreationTime=world.clock.now), tags)
    world.poll(check, after=60)
    [group] = groups(world, 'jobs.open')
    assert {'job_family:TrainModel', 'team:nlp'} <= set(group)
    assert world.values('jobs.open') == [10]
    assert world.counted('job_family:TrainModel') == {'jobs.created': 10}
    assert len(groups(world, 'jobs.created')) == 1
    assert world.values('poll.job_families') == [1]


def test_what_an_execution_is_may_be_asked_for(world: World) -> None:
    world.aws.put(answer(), {'sagemaker:pipeline-execution-arn': f'{EXECUTION}x'})
    world.poll(world.check(resource_tags_as_metric_tags=['sagemaker:pipeline-execution-arn']))
    [group] = groups(world, 'jobs.open')
    assert f'sagemaker:pipeline-execution-arn:{EXECUTION}x' in group


def test_the_options_tell_the_family_in_metrics_counts_and_events(world: World) -> None:
    check = world.check(job_family_patterns=[r'^[a-z]+-(\w+)-b\d+$'], job_family_tag='pipeline')
    world.poll(check)
    for name, tags in {
        'prod-churn-b7': TEAM,
        'prod-churn-b8': TEAM,
        'x-b9': {'pipeline': 'rank'},
        'x-b10': TEAM,
    }.items():
        world.aws.put(answer(name, CreationTime=NOW), tags)
    world.poll(check, after=60)
    assert sorted(world.values('jobs.open')) == [1, 1, 2]
    assert world.values('poll.job_families') == [3]
    for name in ('prod-churn-b7', 'x-b9', 'x-b10'):
        tags = {'pipeline': 'rank'} if name == 'x-b9' else TEAM
        world.aws.put(ended(name, at=world.clock.now, status='Failed', CreationTime=NOW), tags)
    world.poll(check, after=60)
    for family, number in (('churn', 2), ('rank', 1), ('x-b10', 1)):
        assert world.counted(f'job_family:{family}')['jobs.created'] == number
        assert world.counted(f'job_family:{family}')['jobs.finished'] == 1
    for family in ('churn', 'rank', 'x-b10'):
        [event] = [event for event in world.events if f'job_family:{family}' in event['tags']]
        assert f'- **Job family**: {family}\n' in event['msg_text']


@pytest.mark.parametrize(
    ('vary', 'named'),
    [
        (lambda number: {'TrainingJobName': f'm{number}'}, 'job_family'),
        (lambda number: {'ExperimentConfig': {'ExperimentName': f'e{number}'}}, 'experiment_name'),
        (lambda number: {'AlgorithmSpecification': {'TrainingImage': f'1.dkr/churn:{number}'}}, 'algorithm'),
        (lambda number: {'tags': {'build': f'{number}'}}, 'build'),
    ],
)
def test_groups_of_one_job_each_are_warned_of_once_with_the_remedy(
    world: World, caplog: pytest.LogCaptureFixture, vary: Any, named: str
) -> None:
    remedies = {'job_family': 'job_family_tag', 'build': 'resource_tags_as_metric_tags'}
    check = world.check(describe_requests_per_second=1000, max_concurrency=64)
    for number in range(300):
        fields = vary(number)
        tags = fields.pop('tags', {})
        name = fields.pop('TrainingJobName', f'churn-20261123-{number}')
        world.aws.put(answer(name, CreationTime=ago(seconds=number), **fields), tags)
    for _ in range(3):
        world.poll(check, after=60)
    [warning] = warnings(caplog)
    assert '300 jobs are in 300 groups' in warning
    told = warning.partition('What varies most: ')[2]
    assert told.startswith(f'{named}: ')
    assert remedies.get(named, 'Metrics without Limits') in told
    assert world.values('poll.job_families') == [300 if named == 'job_family' else 1]


@pytest.mark.parametrize(('families', 'runs'), [(200, 1), (150, 2), (250, 2)])
def test_many_jobs_in_few_groups_or_few_jobs_are_not_warned_of(
    world: World, caplog: pytest.LogCaptureFixture, families: int, runs: int
) -> None:
    caplog.set_level(logging.WARNING)
    for number in range(families * runs):
        world.aws.put(answer(f'm{number % families}-20261123-{number}', CreationTime=ago(seconds=number)))
    check = world.check(describe_requests_per_second=1000, max_concurrency=64)
    world.poll(check)
    assert world.values('poll.job_families') == [families]
    assert warnings(caplog) == []


@pytest.mark.usefixtures('_any_tag')
def test_reserved_tags_of_aws_neither_attribute_nor_contradict(world: World) -> None:
    tags = {'Host': 'h', 'device': 'd', 'source': 's', 'Env': 'aws', 'service': 'aws', 'version': '7'}
    check = world.check(tags=['env:own'], service='own', collect_transition_logs=True, event_on=['failed'])
    world.agent._config['logs_enabled'] = True
    world.poll(check)
    world.aws.put(
        ended('churn', status='Failed', CreationTime=NOW, SecondaryStatusTransitions=[transition('Failed', NOW)]),
        tags,
    )
    world.poll(check, after=60)
    [event] = world.events
    sent = [
        event['tags'],
        *(log['ddtags'].split(',') for log in world.logs),
        *(metric.tags for metric in world.aggregator.metrics('sagemaker_training.jobs.finished')),
        *(metric.tags for metric in world.aggregator.metrics('sagemaker_training.job.instances')),
    ]
    assert len(sent) == 4
    for each in sent:
        names = [tag.partition(':')[0].lower() for tag in each]
        assert {'aws_host:h', 'aws_device:d', 'aws_source:s', 'version:7'} <= set(each)
        assert not {'host', 'device', 'source', 'service'} & set(names)
        assert [tag for tag in each if tag.lower().startswith('env:')] in (['env:own'], [])
    assert event.get('host') is None


def test_a_final_metric_that_stands_twice_is_sent_once(world: World) -> None:
    values = [
        {'MetricName': 'loss', 'Value': 0.25, 'Timestamp': ago(minutes=1)},
        {'MetricName': 'loss', 'Value': 0.75, 'Timestamp': ago(minutes=5)},
    ]
    world.aws.put(ended(FinalMetricDataList=values))
    world.poll(world.check())
    assert world.values('job.final_metric', 'metric_name:loss') == [0.25]
    assert arn('job') in repr(world.resources())
