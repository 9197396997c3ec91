# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Whole polls of the check itself, through real clients over HTTP, against the simulated AWS."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from datadog_checks.dev.utils import get_metadata_metrics
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.scenario import ACCOUNTS, REGIONS, living_fleet, quiet_history
from tools.aws.server import SimulatedAws
from tools.aws.workloads import PLANTED_SECRETS

from .builders import NOW, REGION, ago, answer, ended, full_answer
from .world import CAN_CONNECT, SCOPE, World, WrongClock, everything_sent


@pytest.mark.once
@pytest.mark.usefixtures('_any_tag')
def test_everything(world: World) -> None:
    """A day in the life of a fleet: what is sent is what metadata.csv says, both ways."""
    world.aws.add(living_fleet(NOW, hours=24))
    roles = [{'assume_role_arn': f'arn:aws:iam::{account}:role/datadog'} for account in ACCOUNTS]
    options = {'regions': list(REGIONS), 'min_collection_interval': 3600, 'estimate_cost': True}
    checks = [world.check(**options, **role) for role in roles]
    for _ in range(24):
        for check in checks:
            world.run(check)
        world.clock.advance(3600)
    metadata = get_metadata_metrics()
    world.aggregator.assert_metrics_using_metadata(metadata, check_submission_type=True, check_symmetric_inclusion=True)
    for name in world.aggregator.metric_names:
        for metric in world.aggregator.metrics(name):
            assert all(tag.partition(':')[2] for tag in metric.tags), metric
    untrue = {}
    for name, row in metadata.items():
        sent = {tag.partition(':')[0] for metric in world.aggregator.metrics(name) for tag in metric.tags}
        untrue[name] = set(row['sample_tags'].split(',')) - sent
    assert {name: tags for name, tags in untrue.items() if tags} == {}


def test_one_job_is_submitted_with_its_tags_and_resource(world: World) -> None:
    world.aws.put(answer('churn-261123-1200', EnableManagedSpotTraining=True), {'team': 'nlp', 'env': 'prod'})
    calls = world.poll(world.check(tags=['site:berlin'], resource_tags_as_metric_tags=['team']))
    assert calls == ['ListTrainingJobs', 'DescribeTrainingJob', 'GetResources']
    scope = [*SCOPE, 'site:berlin']
    group = ['managed_spot:true', 'job_family:churn', 'instance_type:ml.p5.48xlarge', 'team:nlp']
    status = ['training_job_status:in_progress', 'secondary_status:training']
    tags = [*scope, *group, *status]
    world.aggregator.assert_metric('sagemaker_training.jobs.open', 1, tags)
    world.aggregator.assert_metric('sagemaker_training.instances.open', 2, tags)
    job_tags = [*tags, 'training_job_name:churn-261123-1200']
    world.aggregator.assert_metric('sagemaker_training.job.elapsed_time', 3000, job_tags)
    world.aggregator.assert_metric('sagemaker_training.poll.tracked_jobs', 1, scope)
    world.aggregator.assert_metric('sagemaker_training.poll.lag', 0, scope)
    request = [*scope, 'operation:ListTrainingJobs', 'outcome:ok']
    world.aggregator.assert_metric('sagemaker_training.api.requests', 1, request, metric_type=world.aggregator.COUNT)
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, scope, message='')
    resource = world.resources()['churn-261123-1200']
    assert resource['tags'] == ['env:prod', 'team:nlp']
    assert (resource['seen_at'], resource['expire_at']) == (int(NOW.timestamp()), int(NOW.timestamp()) + 3 * 3600)


def test_a_full_answer_is_submitted_in_full(world: World) -> None:
    world.aws.put(full_answer())
    world.poll(world.check())
    assert set(world.resources()['full']) > {'mlflow_details', 'vpc_config', 'region'}


@pytest.mark.once
@pytest.mark.usefixtures('_any_tag')
def test_planted_secrets_are_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.aws.add(living_fleet(NOW, hours=24, regions=[REGION]))
    check = world.check(collect_environment_values=True, aws_secret_access_key='the-check-s-own-secret-key')
    for _ in range(13):
        world.run(check)
        world.clock.advance(7200)
    sent = everything_sent(world.aggregator) + repr(caplog.records) + caplog.text
    answered = repr([job.fields for job in living_fleet(NOW, hours=24, regions=[REGION])])
    assert sum(secret in answered for secret in PLANTED_SECRETS) > len(PLANTED_SECRETS) / 2
    assert [secret for secret in (*PLANTED_SECRETS, 'the-check-s-own-secret-key') if secret in sent] == []
    hyperparameters: Counter[str] = Counter()
    for fields in world.resources().values():
        hyperparameters.update({key for key, value in fields.get('hyper_parameters', {}).items() if '<' not in value})
    assert all(hyperparameters[key] for key in ('epochs', 'max_tokens', 'tokenizer_name'))


@pytest.fixture
def loggers_at_debug() -> Iterator[Callable[[], None]]:
    names = [
        name for name in logging.root.manager.loggerDict if name.partition('.')[0] in ('botocore', 'boto3', 'urllib3')
    ]
    levels = {name: logging.getLogger(name).level for name in names}

    def set_levels() -> None:
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG)

    yield set_levels
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_botocore_prints_no_job_even_if_others_set_its_loggers_to_debug(
    world: World, caplog: pytest.LogCaptureFixture, loggers_at_debug: Callable[[], None]
) -> None:
    caplog.set_level(logging.DEBUG)
    world.aws.put(answer(HyperParameters={'note': 'hunter2-was-here', 'password': 'hunter3-was-here'}))
    check = world.check()
    loggers_at_debug()
    assert 'DescribeTrainingJob' in world.poll(check)
    assert 'hunter' not in caplog.text
    assert not [record.name for record in caplog.records if record.name.startswith('botocore')]


def test_a_group_that_becomes_empty_is_sent_once_as_zero(world: World) -> None:
    world.aws.put(answer())
    check = world.check()
    world.poll(check)
    assert world.values('jobs.open') == [1]
    world.aws.put(ended())
    world.poll(check, after=60)
    assert world.values('jobs.open') == [0]
    assert world.values('instances.open') == [0]
    world.poll(check, after=60)
    assert world.values('jobs.open') == []


def test_job_gauges_end_some_time_after_the_job(world: World) -> None:
    world.aws.put(ended(at=NOW))
    check = world.check(job_metrics_hours=0.5)
    for after, sent in ((0, 1), (29 * 60, 1), (60, 0)):
        world.poll(check, after)
        assert len(world.values('job.elapsed_time')) == sent


def test_a_resource_is_sent_again_when_it_changed_or_would_expire(world: World) -> None:
    world.aws.put(answer())
    check = world.check(open_job_refresh_seconds=60, resource_refresh_seconds=300)
    sent = []
    for minute in range(11):
        if minute == 3:
            world.aws.put(answer(SecondaryStatus='Uploading'))
        world.poll(check, after=60 if minute else 0)
        sent.append(len(world.resources()))
    assert sent == [1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(('throttled', 'sent', 'pending'), [(False, {'job'}, 0), (True, set(), 1)])
def test_a_clock_put_back_holds_no_resource_back(world: World, throttled: bool, sent: set[str], pending: int) -> None:
    world.aws.put(answer())
    if throttled:
        world.aws.fail('ThrottlingException', 'Rate exceeded', operation='DescribeTrainingJob')
    clock = WrongClock(NOW)
    world = replace(world, clock=clock)
    check = world.check()
    clock.wrong = 24 * 60
    world.run(check)
    clock.wrong = 0
    world.poll(check)
    assert set(world.resources()) == sent
    assert world.values('poll.pending_jobs') == [pending]
    assert world.values('poll.lag') == [0]


def test_switches_switch_off(world: World) -> None:
    world.aws.put(answer(), {'team': 'nlp'})
    off = dict.fromkeys(('collect_job_metrics', 'collect_resources', 'collect_resource_tags'), False)
    assert world.poll(world.check(**off)) == ['ListTrainingJobs', 'DescribeTrainingJob']
    assert not world.resources()
    assert not [name for name in world.aggregator.metric_names if name.startswith('sagemaker_training.job.')]
    assert world.values('jobs.open') == [1]


def test_names_choose_jobs_and_exclusion_wins(world: World) -> None:
    for name in ('churn-prod', 'churn-test', 'fraud-prod'):
        world.aws.put(answer(name))
    world.poll(world.check(name_include=['^churn'], name_exclude=['test$']))
    assert set(world.resources()) == {'churn-prod'}


def test_a_job_deleted_between_list_and_describe_is_no_error(world: World) -> None:
    world.aws.put(answer('kept'))
    world.aws.put(answer('deleted'))
    world.aws.fail(
        'ValidationException', 'Requested resource not found.', operation='DescribeTrainingJob', name='deleted'
    )
    world.poll(world.check())
    assert set(world.resources()) == {'kept'}
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, SCOPE, message='')


def test_a_name_used_again_after_deletion_is_another_job(world: World) -> None:
    world.aws.put(answer(CreationTime=ago(days=2)))
    check = world.check()
    world.poll(check)
    world.aws.put(answer(CreationTime=NOW))  # in place of the first
    world.poll(check, after=60)
    assert sum(world.values('jobs.open')) == 2, 'until the first is asked for by name'
    world.poll(check, after=300)
    assert sum(world.values('jobs.open')) == 1
    assert [entry.job.created for entry in check._followed[REGION].ledger.entries.values()] == [NOW]


def test_statuses_and_fields_aws_adds_pass_through(world: World) -> None:
    world.aws.put(answer(TrainingJobStatus='HibernatingML', SecondaryStatus='CoolingDown', FieldOfTomorrow={'A': 1}))
    world.poll(world.check())
    assert world.values('jobs.open', 'training_job_status:hibernating_ml') == [1]
    assert world.values('jobs.open', 'secondary_status:cooling_down') == [1]
    resource = world.resources()['job']
    assert resource['training_job_status'] == 'HibernatingML'
    assert 'field_of_tomorrow' not in resource


def test_two_accounts_are_reached_by_role(world: World) -> None:
    roles = {f'arn:aws:iam::{number}:role/datadog': f'external-{number}' for number in ('111111111111', '222222222222')}
    with SimulatedAws(world.clock, roles=roles) as aws:
        guarded = replace(world, aws=aws)
        for role, external_id in roles.items():
            account = role.split(':')[4]
            aws.put(answer(f'job-of-{account}', account=account))
            check = guarded.check(assume_role_arn=role, assume_role_external_id=external_id)
            for _ in range(2):
                world.run(check)
            assert world.values('jobs.open', f'aws_account:{account}') == [1, 1]
        assert aws.count('AssumeRole') == 2, 'the credentials of a role are kept until they expire'


def test_an_empty_account_is_named_by_its_credentials(world: World) -> None:
    check = world.check()
    with world.aws.fail('Throttling', operation='GetCallerIdentity'):
        assert world.poll(check) == ['ListTrainingJobs', 'GetCallerIdentity']
    assert world.poll(check, after=60) == ['ListTrainingJobs']
    assert world.poll(check, after=3600) == ['ListTrainingJobs', 'GetCallerIdentity']
    assert world.poll(check, after=3600) == ['ListTrainingJobs']
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, SCOPE)


def test_two_instances_of_one_account_share_its_rate(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=500))
    for names in ('^done', '^open'):
        world.poll(world.check(name_include=[names], history_hours=0))
    times = world.list_times
    assert len(times) == 10
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[1:], strict=False))


def test_the_start_of_time_is_no_error(world: World) -> None:
    """A job that has just been created, and one whose clock is ahead of this machine's."""
    world.aws.put(answer('fresh', CreationTime=NOW, LastModifiedTime=NOW, SecondaryStatus='Pending'))
    world.aws.put(ended('other', CreationTime=ago(minutes=2), at=NOW + timedelta(minutes=3)))
    world.poll(world.check())
    assert sorted(world.values('job.pending_time')) == [0, 0]
