# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Whole polls of the check itself, through real clients over HTTP, against the simulated AWS."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datadog_checks.dev.utils import get_metadata_metrics
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.clock import SimulatedClock
from tools.aws.scenario import ACCOUNTS, REGIONS, living_fleet, quiet_history
from tools.aws.server import SimulatedAws
from tools.aws.workloads import PLANTED_SECRETS

from .builders import ACCOUNT, FIGURES, NOW, REGION, ago, answer, ended, full_answer
from .world import CAN_CONNECT, SCOPE, World, WrongClock, everything_sent

RARELY = {'open_job_refresh_seconds': 604_800, 'resource_refresh_seconds': 2_592_000}


@pytest.mark.usefixtures('_any_tag')
def test_everything(world: World) -> None:
    """A day in the life of a fleet: what is sent is what metadata.csv says, both ways."""
    world.aws.add(living_fleet(NOW, hours=24))
    roles = [{'assume_role_arn': f'arn:aws:iam::{account}:role/datadog'} for account in ACCOUNTS]
    checks = [world.check(regions=list(REGIONS), min_collection_interval=3600, **role) for role in roles]
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


def test_a_long_history_costs_a_quiet_poll_one_call_and_a_first_start_no_burst(world: World) -> None:
    ages = [timedelta(minutes=7 * number) for number in range(1, 61)]
    world.aws.add(quiet_history(NOW, finished=20_000, open_=ages))
    check = world.check(list_requests_per_second=2, history_hours=1)
    polls = [world.poll(check)]
    assert sum(world.values('jobs.open')) == 60, 'the open jobs are there from the first poll on'
    while check._followed[REGION].ledger.stretches:
        polls.append(world.poll(check, after=15))
        assert len(polls) < 20
    times = world.list_times
    assert 200 <= len(times) <= 210
    assert all(third - first >= 1 for first, third in zip(times, times[2:], strict=False)), 'over 2 a second'
    assert max(len(calls) for calls in polls[1:]) <= 130
    costs = []
    for _ in range(10):
        costs.append(len(world.poll(check, after=60)))
        assert sum(world.values('jobs.open')) == 60
    assert 10 + 2 * 60 <= sum(costs) <= 10 + 2 * 60 + 9, 'the open jobs every five minutes, the others hourly'
    assert max(costs) <= 1 + 2 * 60 / 5, 'and not all at once'


def test_an_old_job_among_younger_finished_ones_is_found_and_costs_a_call_at_most(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=5_000, open_=[timedelta(weeks=3)], days=20))
    check = world.check(list_requests_per_second=2, history_hours=0, min_collection_interval=120)
    world.poll(check)
    assert world.values('jobs.open') == [1]
    for _ in range(10):
        calls = Counter(world.poll(check, after=60))
        assert calls['ListTrainingJobs'] == 1
        assert calls.total() <= 2
        assert world.values('jobs.open') == [1]


def test_many_jobs_of_one_moment_do_not_hold_up_the_listing_for_long(world: World) -> None:
    world.aws.put(answer('older', CreationTime=ago(days=1)))
    for number in range(450):
        world.aws.put(ended(f'sweep-{number}', at=ago(hours=1), CreationTime=ago(hours=2)))
    check = world.check(history_hours=0, min_collection_interval=5, list_requests_per_second=1)
    listed = [Counter(world.poll(check, after=55))['ListTrainingJobs'] for _ in range(7)]
    assert listed[0] == 3, 'what 40 % of 5 seconds allow at one call a second'
    assert sum(listed) <= 19
    assert listed[-2:] == [1, 1]
    assert world.values('jobs.open') == [1]


def test_only_what_changed_is_described(world: World) -> None:
    for number in range(50):
        world.aws.put(answer(f'job-{number}'))
    check = world.check(**RARELY)
    assert Counter(world.poll(check)) == {'ListTrainingJobs': 1, 'DescribeTrainingJob': 50, 'GetResources': 1}
    assert world.poll(check, after=60) == ['ListTrainingJobs']
    for number in range(3):
        world.aws.put(ended(f'job-{number}', **FIGURES))
    world.aws.put(answer('new', CreationTime=NOW), {'team': 'nlp'})
    assert Counter(world.poll(check, after=60)) == {'ListTrainingJobs': 1, 'DescribeTrainingJob': 4, 'GetResources': 1}
    assert world.poll(check, after=60) == ['ListTrainingJobs']


@pytest.mark.parametrize(('open_jobs', 'pages'), [(0, 1), (1, 1), (100, 1), (102, 2), (250, 3)])
@pytest.mark.parametrize(('changed', 'new'), [(0, 0), (1, 0), (0, 1), (40, 60), (40, 150)])
def test_a_poll_stays_within_its_budget_of_calls(
    world: World, open_jobs: int, pages: int, changed: int, new: int
) -> None:
    changed = min(changed, open_jobs)
    names = [f'job-{number:03}' for number in range(open_jobs)]
    for number, name in enumerate(names):
        world.aws.put(answer(name, CreationTime=ago(seconds=number)), {'team': 'nlp'})
    # A page is worth as much as one Describe here, so each with two open jobs is listed.
    rates = {'describe_requests_per_second': 2, 'list_requests_per_second': 2}
    check = world.check(**rates, **RARELY, min_collection_interval=86_400)
    for _ in range(2):
        world.poll(check, after=60)
    for name in names[:changed]:
        world.aws.put(ended(name, CreationTime=ago(seconds=names.index(name))), {'team': 'nlp'})
    for number in range(new):
        world.aws.put(answer(f'new-{number}', CreationTime=world.clock.now + timedelta(seconds=1)), {'team': 'nlp'})
    calls = Counter(world.poll(check, after=50))
    assert calls['ListTrainingJobs'] <= max(pages, 1 + new // 100)
    assert calls['DescribeTrainingJob'] == changed + new
    assert calls['GetResources'] <= -(-(changed + new) // 100)
    assert calls.total() == sum(calls[name] for name in ('ListTrainingJobs', 'DescribeTrainingJob', 'GetResources'))


def test_what_does_not_fit_into_a_poll_goes_on_in_the_next_with_open_jobs_first(world: World) -> None:
    world.aws.add(
        quiet_history(NOW, finished=600, open_=[timedelta(hours=1 + number) for number in range(40)], days=0.9)
    )
    check = world.check(describe_requests_per_second=5)
    described = Counter(world.poll(check))['DescribeTrainingJob']
    assert 200 <= described <= 250, '48 of 60 seconds, less the listing, at 5 a second'
    assert len(world.values('job.instances', 'training_job_status:in_progress')) == 40
    assert world.values('poll.pending_jobs') == [640 - described]
    world.poll(check, after=12)
    assert world.values('poll.lag') == [pytest.approx(60, abs=6)]
    for _ in range(3):
        world.poll(check, after=12)
    assert world.values('poll.lag') == [0]
    assert sum(call.operation == 'DescribeTrainingJob' for call in world.aws.calls) <= 640 + 40


class UnhurriedClock(SimulatedClock):
    """Gives other threads the time to get in line behind the one that sleeps."""

    def sleep(self, seconds: float) -> None:
        time.sleep(0.01)
        super().sleep(seconds)


@pytest.mark.parametrize(
    'options',
    [
        {'regions': list(REGIONS), 'max_concurrency': 1},
        {'regions': list(REGIONS), 'max_concurrency': 2},
        {'describe_requests_per_second': 1, 'max_concurrency': 64},
    ],
)
def test_a_poll_ends_before_the_next_one_is_due(world: World, options: dict[str, Any]) -> None:
    world = replace(world, clock=UnhurriedClock(NOW))
    for region in REGIONS:
        world.aws.add(quiet_history(NOW, finished=600, open_=[timedelta(hours=1)], days=0.9, region=region))
    world.poll(world.check(**options))
    assert 48 <= (world.clock.now - NOW).total_seconds() <= 54 + 5
    assert sum(world.values('poll.pending_jobs')) > 0


def test_no_region_is_always_the_last(world: World) -> None:
    check = world.check(regions=list(REGIONS), max_concurrency=1)
    order = []
    for _ in range(len(REGIONS)):
        before = len(world.aws.calls)
        world.poll(check, after=60)
        order.append([call.region for call in world.aws.calls[before:] if call.operation == 'ListTrainingJobs'])
    assert order == [[*REGIONS[turn:], *REGIONS[:turn]] for turn in range(len(REGIONS))]


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


def test_a_denied_region_hides_no_other(world: World) -> None:
    for region in ('us-east-1', 'eu-west-1', 'ap-south-1'):
        world.aws.put(answer(f'job-in-{region}', region=region))
    world.aws.fail('AccessDeniedException', 'not authorized', operation='ListTrainingJobs', region='eu-west-1')
    world.poll(world.check(regions=['us-east-1', 'eu-west-1', 'ap-south-1']))
    assert set(world.resources()) == {'job-in-us-east-1', 'job-in-ap-south-1'}
    by_region = {check.tags[1]: check for check in world.aggregator.service_checks(CAN_CONNECT)}
    assert {region: check.status for region, check in by_region.items()} == {
        'region:us-east-1': SagemakerTrainingCheck.OK,
        'region:eu-west-1': SagemakerTrainingCheck.CRITICAL,
        'region:ap-south-1': SagemakerTrainingCheck.OK,
    }
    message = by_region['region:eu-west-1'].message
    assert 'AccessDeniedException' in message
    assert 'Allow `sagemaker:ListTrainingJobs`' in message
    denied = [*by_region['region:eu-west-1'].tags, 'operation:ListTrainingJobs', 'outcome:denied']
    world.aggregator.assert_metric('sagemaker_training.api.requests', 1, denied)


def test_no_region_that_can_be_read_is_an_error_of_the_check(world: World) -> None:
    world.aws.fail('AccessDeniedException', 'not authorized', operation='ListTrainingJobs')
    assert 'No region could be read. us-east-1: ListTrainingJobs: AccessDeniedException' in world.check().run()
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.CRITICAL, SCOPE)


def test_a_denied_job_hides_no_other_and_is_still_counted(world: World) -> None:
    for name in ('open', 'closed'):
        world.aws.put(answer(name))
    world.aws.fail('AccessDeniedException', 'not authorized', operation='DescribeTrainingJob', name='closed')
    check = world.check()
    world.poll(check)
    for after in (60, 60):
        assert set(world.resources()) <= {'open'}
        assert sum(world.values('jobs.open')) == 2
        assert len(world.values('job.elapsed_time')) == 1
        connection = world.connection
        assert connection.status == SagemakerTrainingCheck.WARNING
        assert 'Jobs not described: 1.' in connection.message
        assert 'Allow `sagemaker:DescribeTrainingJob`' in connection.message
        assert world.poll(check, after) == ['ListTrainingJobs'], 'it is not asked for again at every poll'


def test_describe_denied_for_all_is_critical(world: World) -> None:
    world.aws.put(answer())
    world.aws.fail('AccessDeniedException', 'not authorized', operation='DescribeTrainingJob')
    check = world.check()
    for after in (0, 60):
        world.poll(check, after)
        world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.CRITICAL, SCOPE)


def test_denied_tags_cost_the_tags_only(world: World) -> None:
    world.aws.put(answer(), {'team': 'nlp'})
    denied = [
        world.aws.fail('AccessDeniedException', 'no', operation=operation) for operation in ('GetResources', 'ListTags')
    ]
    check = world.check(resource_refresh_seconds=300)
    world.poll(check)
    assert world.resources()['job']['tags'] == []
    for after in (60, 60):
        connection = world.connection
        assert connection.status == SagemakerTrainingCheck.WARNING
        assert 'Resource tags not collected' in connection.message
        assert 'Allow `sagemaker:ListTags`' in connection.message
        world.poll(check, after)
    for fault in denied:
        fault.remove()
    world.poll(check, after=300)
    assert world.resources()['job']['tags'] == ['team:nlp']
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, SCOPE, message='')


def test_tags_that_were_throttled_come_with_the_next_poll(world: World) -> None:
    world.aws.put(ended(at=ago(minutes=1), **FIGURES), {'team': 'nlp'})
    check = world.check()
    with world.aws.fail('ThrottledException', 'Rate exceeded', operation='GetResources'):
        world.poll(check)
    assert world.resources()['job']['tags'] == []
    assert world.poll(check, after=60) == ['ListTrainingJobs', 'GetResources']
    assert world.values('job.instances', 'team:nlp') == [2]
    world.poll(check, after=60)
    assert world.resources()['job']['tags'] == ['team:nlp']
    assert world.poll(check, after=60) == ['ListTrainingJobs']


def test_tags_fall_back_to_list_tags(world: World) -> None:
    world.aws.put(answer(), {'team': 'nlp'})
    world.aws.fail('AccessDeniedException', 'no', operation='GetResources')
    world.poll(world.check())
    assert world.resources()['job']['tags'] == ['team:nlp']


def test_a_throttled_listing_loses_nothing(world: World) -> None:
    world.aws.put(answer('known'))
    check = world.check(regions=[REGION, 'eu-west-1'])
    world.poll(check)
    world.aws.put(ended('short', CreationTime=NOW, at=NOW + timedelta(seconds=30)))
    with world.aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs', region=REGION):
        world.poll(check, after=60)
        throttled = [*SCOPE, 'operation:ListTrainingJobs', 'outcome:throttled']
        world.aggregator.assert_metric('sagemaker_training.api.requests', 1, throttled)
    world.poll(check, after=60)
    assert set(world.resources()) == {'short'}


def test_a_listing_that_breaks_off_is_missing_something_but_not_blind(world: World) -> None:
    world.aws.add(quiet_history(NOW, finished=300, open_=[timedelta(hours=1), timedelta(days=29)]))
    check = world.check(history_hours=0)
    with world.aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs', spared=1):
        world.poll(check)
    connection = world.connection
    assert connection.status == SagemakerTrainingCheck.WARNING, 'the newest jobs are there, the rest comes later'
    assert 'The listing is not complete yet' in connection.message
    assert world.values('poll.listing_complete') == [0]
    assert world.values('jobs.open') == [1]
    world.poll(check, after=60)
    assert sum(world.values('jobs.open')) == 2
    assert world.values('poll.listing_complete') == [1]
    assert world.connection.status == SagemakerTrainingCheck.OK


def test_botocores_own_retries_are_counted_and_paced(world: World) -> None:
    world.aws.put(answer())
    world.aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs', times=1)
    world.poll(world.check(boto_config={}))
    for outcome in ('throttled', 'ok'):
        tags = [*SCOPE, 'operation:ListTrainingJobs', f'outcome:{outcome}']
        world.aggregator.assert_metric('sagemaker_training.api.requests', 1, tags)
    first, second = world.list_times
    assert second - first == 1


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


def test_a_role_that_is_refused_says_which_options_to_look_at(world: World) -> None:
    role = f'arn:aws:iam::{ACCOUNT}:role/datadog'
    with SimulatedAws(world.clock, roles={role: 'right'}) as aws:
        error = replace(world, aws=aws).check(assume_role_arn=role, assume_role_external_id='wrong').run()
    assert 'assume_role_external_id' in error
    connection = world.connection
    assert (connection.status, connection.tags) == (SagemakerTrainingCheck.CRITICAL, SCOPE)
    assert 'AssumeRole: AccessDenied' in connection.message


def test_an_empty_account_is_named_by_its_credentials(world: World) -> None:
    check = world.check()
    with world.aws.fail('Throttling', operation='GetCallerIdentity'):
        assert world.poll(check) == ['ListTrainingJobs', 'GetCallerIdentity']
    assert world.poll(check, after=60) == ['ListTrainingJobs']
    assert world.poll(check, after=3600) == ['ListTrainingJobs', 'GetCallerIdentity']
    assert world.poll(check, after=3600) == ['ListTrainingJobs']
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, SCOPE)


def test_credentials_that_are_nowhere_are_critical_and_name_the_options(world: World) -> None:
    error = world.check(aws_access_key_id=None, aws_secret_access_key=None).run()
    assert 'Authentication: NoCredentialsError: no credentials were found' in error
    assert '`aws_profile`' in error
    assert world.aws.calls == []
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.CRITICAL, [f'region:{REGION}'])


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
