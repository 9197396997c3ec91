# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What AWS denies or throttles costs what it is about, and hides nothing else."""

from dataclasses import replace
from datetime import timedelta

from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.scenario import quiet_history
from tools.aws.server import SimulatedAws

from .builders import ACCOUNT, FIGURES, NOW, REGION, ago, answer, ended
from .world import CAN_CONNECT, SCOPE, World


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


def test_a_role_that_is_refused_says_which_options_to_look_at(world: World) -> None:
    role = f'arn:aws:iam::{ACCOUNT}:role/datadog'
    with SimulatedAws(world.clock, roles={role: 'right'}) as aws:
        error = replace(world, aws=aws).check(assume_role_arn=role, assume_role_external_id='wrong').run()
    assert 'assume_role_external_id' in error
    connection = world.connection
    assert (connection.status, connection.tags) == (SagemakerTrainingCheck.CRITICAL, SCOPE)
    assert 'AssumeRole: AccessDenied' in connection.message


def test_credentials_that_are_nowhere_are_critical_and_name_the_options(world: World) -> None:
    error = world.check(aws_access_key_id=None, aws_secret_access_key=None).run()
    assert 'Authentication: NoCredentialsError: no credentials were found' in error
    assert '`aws_profile`' in error
    assert world.aws.calls == []
    world.aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.CRITICAL, [f'region:{REGION}'])
