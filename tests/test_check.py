# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Whole polls of the check itself, through real clients over HTTP, against the simulated AWS."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from datadog_checks.base.stubs.aggregator import AggregatorStub
from datadog_checks.dev.utils import get_metadata_metrics
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from demo.aws import SimulatedAws
from demo.clock import SimulatedClock
from demo.scenario import ACCOUNTS, REGIONS, living_fleet, quiet_history
from demo.workloads import PLANTED_SECRETS

from .builders import ACCOUNT, NOW, REGION, ago, answer, ended, full_answer

CAN_CONNECT = 'sagemaker_training.can_connect'
SCOPE = [f'aws_account:{ACCOUNT}', f'region:{REGION}']

type RunCheck = Callable[..., None]


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def _any_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users may tag their jobs `env`, which the stub keeps integrations from using for tags of their own."""
    monkeypatch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')


@pytest.fixture
def aws(clock: SimulatedClock) -> Iterator[SimulatedAws]:
    with SimulatedAws(clock) as simulated:
        yield simulated


def instance(aws: SimulatedAws, **options: Any) -> dict[str, Any]:
    return {
        'regions': [REGION],
        'endpoint_url': aws.endpoint_url,
        'aws_access_key_id': 'test',
        'aws_secret_access_key': 'test',
        'min_collection_interval': 60,
        'boto_config': {'retries': {'total_max_attempts': 1}},
    } | options


@pytest.fixture
def new_check(aws: SimulatedAws, clock: SimulatedClock) -> Callable[..., SagemakerTrainingCheck]:
    return lambda **options: SagemakerTrainingCheck('sagemaker_training', {}, [instance(aws, **options)], clock=clock)


@pytest.fixture
def poll(
    dd_run_check: RunCheck, aggregator: AggregatorStub, aws: SimulatedAws, clock: SimulatedClock
) -> Callable[..., list[str]]:
    """Run the check, `after` seconds; the operations it called. What earlier polls sent is forgotten."""

    def run(check: SagemakerTrainingCheck, after: float = 0) -> list[str]:
        clock.advance(after)
        aggregator.reset()
        before = len(aws.calls)
        dd_run_check(check)
        return [call.operation for call in aws.calls[before:]]

    return run


def values(aggregator: AggregatorStub, name: str, tag: str = '') -> list[float]:
    metrics = aggregator.metrics(f'sagemaker_training.{name}')
    return [metric.value for metric in metrics if not tag or tag in metric.tags]


def resources(aggregator: AggregatorStub) -> dict[str, dict[str, Any]]:
    """What really left, by job name."""
    events = aggregator.get_event_platform_events('genresources', parse_json=False)
    parsed = [_resource(event) for event in events]
    return {fields['training_job_name']: fields for fields in parsed}


def _resource(event: bytes) -> dict[str, Any]:
    import json

    from datadog_checks.base.utils.genresources import GenericResourceEvent

    resource = GenericResourceEvent.FromString(event).resource
    fields = json.loads(resource.fields_json)
    assert resource.type == 'aws_sagemaker_trainingjob'
    assert resource.key == fields['training_job_arn']
    return fields | {'seen_at': resource.seen_at.seconds, 'expire_at': resource.expire_at.seconds}


def everything_sent(aggregator: AggregatorStub) -> str:
    """All that a poll submitted, as one text."""
    return repr(
        [
            *(aggregator.metrics(name) for name in aggregator.metric_names),
            aggregator.service_checks(CAN_CONNECT),
            aggregator.events,
            aggregator.get_event_platform_events('genresources', parse_json=False),
        ]
    )


@pytest.mark.usefixtures('_any_tag')
def test_everything(
    aws: SimulatedAws,
    clock: SimulatedClock,
    new_check: Callable[..., SagemakerTrainingCheck],
    dd_run_check: RunCheck,
    aggregator: AggregatorStub,
) -> None:
    """A day in the life of a fleet: what is sent is what metadata.csv says, both ways."""
    aws.add(living_fleet(NOW, hours=24))
    roles = [{'assume_role_arn': f'arn:aws:iam::{account}:role/datadog'} for account in ACCOUNTS]
    checks = [new_check(regions=list(REGIONS), min_collection_interval=1800, **role) for role in roles]
    for _ in range(2 * 24):
        for check in checks:
            dd_run_check(check)
        clock.advance(1800)
    metadata = get_metadata_metrics()
    aggregator.assert_metrics_using_metadata(metadata, check_submission_type=True, check_symmetric_inclusion=True)
    for name in aggregator.metric_names:
        for metric in aggregator.metrics(name):
            assert all(tag.partition(':')[2] for tag in metric.tags), metric
    untrue = {}
    for name, row in metadata.items():
        sent = {tag.partition(':')[0] for metric in aggregator.metrics(name) for tag in metric.tags}
        untrue[name] = set(row['sample_tags'].split(',')) - sent
    assert {name: tags for name, tags in untrue.items() if tags} == {}


def test_one_job_is_submitted_with_its_tags_and_resource(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer('churn-261123-1200', EnableManagedSpotTraining=True), {'team': 'nlp', 'env': 'prod'})
    calls = poll(new_check(tags=['site:berlin'], resource_tags_as_metric_tags=['team']))
    assert calls == ['ListTrainingJobs', 'DescribeTrainingJob', 'GetResources']
    scope = [*SCOPE, 'site:berlin']
    group = ['managed_spot:true', 'job_family:churn', 'instance_type:ml.p5.48xlarge', 'team:nlp']
    status = ['training_job_status:in_progress', 'secondary_status:training']
    tags = [*scope, *group, *status]
    aggregator.assert_metric('sagemaker_training.jobs.open', 1, tags)
    aggregator.assert_metric('sagemaker_training.instances.open', 2, tags)
    job_tags = [*tags, 'training_job_name:churn-261123-1200']
    aggregator.assert_metric('sagemaker_training.job.elapsed_time', 3000, job_tags)
    aggregator.assert_metric('sagemaker_training.poll.tracked_jobs', 1, scope)
    aggregator.assert_metric('sagemaker_training.poll.lag', 0, scope)
    request = [*scope, 'operation:ListTrainingJobs', 'outcome:ok']
    aggregator.assert_metric('sagemaker_training.api.requests', 1, request, metric_type=aggregator.COUNT)
    aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, scope, message='')
    resource = resources(aggregator)['churn-261123-1200']
    assert resource['tags'] == ['env:prod', 'team:nlp']
    assert (resource['seen_at'], resource['expire_at']) == (int(NOW.timestamp()), int(NOW.timestamp()) + 3 * 3600)


def test_a_full_answer_is_submitted_in_full(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(full_answer())
    poll(new_check())
    assert set(resources(aggregator)['full']) > {'mlflow_details', 'vpc_config', 'region'}


@pytest.mark.usefixtures('_any_tag')
def test_planted_secrets_are_nowhere(
    aws: SimulatedAws,
    clock: SimulatedClock,
    new_check: Callable[..., SagemakerTrainingCheck],
    dd_run_check: RunCheck,
    aggregator: AggregatorStub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    aws.add(living_fleet(NOW, hours=24, regions=[REGION]))
    check = new_check(collect_environment_values=True, aws_secret_access_key='the-check-s-own-secret-key')
    for _ in range(25):
        dd_run_check(check)
        clock.advance(3600)
    sent = everything_sent(aggregator) + repr(caplog.records) + caplog.text
    answered = repr([job.fields for job in living_fleet(NOW, hours=24, regions=[REGION])])
    assert sum(secret in answered for secret in PLANTED_SECRETS) > len(PLANTED_SECRETS) / 2
    assert [secret for secret in (*PLANTED_SECRETS, 'the-check-s-own-secret-key') if secret in sent] == []
    hyperparameters: Counter[str] = Counter()
    for fields in resources(aggregator).values():
        hyperparameters.update({key for key, value in fields.get('hyper_parameters', {}).items() if '<' not in value})
    assert all(hyperparameters[key] for key in ('epochs', 'max_tokens', 'tokenizer_name'))


def list_times(aws: SimulatedAws) -> list[float]:
    return [call.time for call in aws.calls if call.operation == 'ListTrainingJobs']


def test_a_long_history_costs_a_quiet_poll_one_call_and_a_first_start_no_burst(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    ages = [timedelta(minutes=7 * number) for number in range(1, 61)]
    aws.add(quiet_history(NOW, finished=20_000, open_=ages))
    check = new_check(list_requests_per_second=2, history_hours=1)
    polls = [poll(check)]
    assert sum(values(aggregator, 'jobs.open')) == 60, 'the open jobs are there from the first poll on'
    while check._ledgers[REGION].stretches:
        polls.append(poll(check, after=15))
        assert len(polls) < 20
    times = list_times(aws)
    assert 200 <= len(times) <= 210
    assert all(third - first >= 1 for first, third in zip(times, times[2:], strict=False)), 'over 2 a second'
    assert max(len(calls) for calls in polls[1:]) <= 130
    costs = []
    for _ in range(10):
        costs.append(len(poll(check, after=60)))
        assert sum(values(aggregator, 'jobs.open')) == 60
    assert sorted(costs) == [1] * 8 + [1 + 60] * 2, 'the open jobs are described every five minutes'


def test_an_old_job_among_younger_finished_ones_is_found_and_costs_a_call_at_most(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.add(quiet_history(NOW, finished=5_000, open_=[timedelta(weeks=3)], days=20))
    check = new_check(list_requests_per_second=2, history_hours=0, min_collection_interval=120)
    poll(check)
    assert values(aggregator, 'jobs.open') == [1]
    for _ in range(10):
        calls = Counter(poll(check, after=60))
        assert calls['ListTrainingJobs'] == 1
        assert calls.total() <= 2
        assert values(aggregator, 'jobs.open') == [1]


def test_only_what_changed_is_described(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
) -> None:  # fmt: skip
    for number in range(50):
        aws.put(answer(f'job-{number}'))
    check = new_check()
    assert Counter(poll(check)) == {'ListTrainingJobs': 1, 'DescribeTrainingJob': 50, 'GetResources': 1}
    assert poll(check, after=60) == ['ListTrainingJobs']
    for number in range(3):
        aws.put(ended(f'job-{number}'))
    aws.put(answer('new', CreationTime=NOW))
    assert Counter(poll(check, after=60)) == {'ListTrainingJobs': 1, 'DescribeTrainingJob': 4, 'GetResources': 1}
    assert poll(check, after=60) == ['ListTrainingJobs']


def test_what_does_not_fit_into_a_poll_goes_on_in_the_next_with_open_jobs_first(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.add(quiet_history(NOW, finished=600, open_=[timedelta(hours=1 + number) for number in range(40)], days=0.9))
    check = new_check(describe_requests_per_second=5)
    described = Counter(poll(check))['DescribeTrainingJob']
    assert 200 <= described <= 250, '48 of 60 seconds, less the listing, at 5 a second'
    assert len(values(aggregator, 'job.instances', 'training_job_status:in_progress')) == 40
    assert values(aggregator, 'poll.pending_jobs') == [640 - described]
    poll(check, after=12)
    assert values(aggregator, 'poll.lag') == [pytest.approx(60, abs=1)]
    for _ in range(3):
        poll(check, after=12)
    assert values(aggregator, 'poll.lag') == [0]
    assert sum(call.operation == 'DescribeTrainingJob' for call in aws.calls) <= 640 + 40


def test_a_group_that_becomes_empty_is_sent_once_as_zero(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer())
    check = new_check()
    poll(check)
    assert values(aggregator, 'jobs.open') == [1]
    aws.put(ended())
    poll(check, after=60)
    assert values(aggregator, 'jobs.open') == [0]
    assert values(aggregator, 'instances.open') == [0]
    poll(check, after=60)
    assert values(aggregator, 'jobs.open') == []


def test_job_gauges_end_some_time_after_the_job(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(ended(at=NOW))
    check = new_check(job_metrics_hours=0.5)
    for after, sent in ((0, 1), (29 * 60, 1), (60, 0)):
        poll(check, after)
        assert len(values(aggregator, 'job.elapsed_time')) == sent


def test_a_resource_is_sent_again_when_it_changed_or_would_expire(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer())
    check = new_check(open_job_refresh_seconds=60, resource_refresh_seconds=300)
    sent = []
    for minute in range(11):
        if minute == 3:
            aws.put(answer(SecondaryStatus='Uploading'))
        poll(check, after=60 if minute else 0)
        sent.append(len(resources(aggregator)))
    assert sent == [1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]


def test_switches_switch_off(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer(), {'team': 'nlp'})
    off = dict.fromkeys(('collect_job_metrics', 'collect_resources', 'collect_resource_tags'), False)
    assert poll(new_check(**off)) == ['ListTrainingJobs', 'DescribeTrainingJob']
    assert not resources(aggregator)
    assert not [name for name in aggregator.metric_names if name.startswith('sagemaker_training.job.')]
    assert values(aggregator, 'jobs.open') == [1]


def test_names_choose_jobs_and_exclusion_wins(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    for name in ('churn-prod', 'churn-test', 'fraud-prod'):
        aws.put(answer(name))
    poll(new_check(name_include=['^churn'], name_exclude=['test$']))
    assert set(resources(aggregator)) == {'churn-prod'}


def test_a_denied_region_hides_no_other(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    for region in ('us-east-1', 'eu-west-1', 'ap-south-1'):
        aws.put(answer(f'job-in-{region}', region=region))
    aws.fail('AccessDeniedException', 'not authorized', operation='ListTrainingJobs', region='eu-west-1')
    poll(new_check(regions=['us-east-1', 'eu-west-1', 'ap-south-1']))
    assert set(resources(aggregator)) == {'job-in-us-east-1', 'job-in-ap-south-1'}
    by_region = {check.tags[1]: check for check in aggregator.service_checks(CAN_CONNECT)}
    assert {region: check.status for region, check in by_region.items()} == {
        'region:us-east-1': SagemakerTrainingCheck.OK,
        'region:eu-west-1': SagemakerTrainingCheck.CRITICAL,
        'region:ap-south-1': SagemakerTrainingCheck.OK,
    }
    message = by_region['region:eu-west-1'].message
    assert 'AccessDeniedException' in message
    assert 'Allow `sagemaker:ListTrainingJobs`' in message
    denied = [*by_region['region:eu-west-1'].tags, 'operation:ListTrainingJobs', 'outcome:denied']
    aggregator.assert_metric('sagemaker_training.api.requests', 1, denied)


def test_no_region_that_can_be_read_is_an_error_of_the_check(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], aggregator: AggregatorStub
) -> None:
    aws.fail('AccessDeniedException', 'not authorized', operation='ListTrainingJobs')
    assert 'No region could be read. us-east-1: ListTrainingJobs: AccessDeniedException' in new_check().run()
    aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.CRITICAL, SCOPE)


def test_a_denied_job_hides_no_other_and_is_still_counted(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    for name in ('open', 'closed'):
        aws.put(answer(name))
    aws.fail('AccessDeniedException', 'not authorized', operation='DescribeTrainingJob', name='closed')
    check = new_check()
    poll(check)
    for after in (60, 60):
        assert set(resources(aggregator)) <= {'open'}
        assert sum(values(aggregator, 'jobs.open')) == 2
        assert len(values(aggregator, 'job.elapsed_time')) == 1
        [connection] = aggregator.service_checks(CAN_CONNECT)
        assert connection.status == SagemakerTrainingCheck.WARNING
        assert 'Jobs not described: 1.' in connection.message
        assert 'Allow `sagemaker:DescribeTrainingJob`' in connection.message
        assert poll(check, after) == ['ListTrainingJobs'], 'it is not asked for again at every poll'


def test_describe_denied_for_all_is_critical(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer())
    aws.fail('AccessDeniedException', 'not authorized', operation='DescribeTrainingJob')
    check = new_check()
    for after in (0, 60):
        poll(check, after)
        aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.CRITICAL, SCOPE)


def test_denied_tags_cost_the_tags_only(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer(), {'team': 'nlp'})
    denied = [
        aws.fail('AccessDeniedException', 'no', operation=operation) for operation in ('GetResources', 'ListTags')
    ]
    check = new_check(resource_refresh_seconds=300)
    poll(check)
    assert resources(aggregator)['job']['tags'] == []
    for after in (60, 60):
        [connection] = aggregator.service_checks(CAN_CONNECT)
        assert connection.status == SagemakerTrainingCheck.WARNING
        assert 'Resource tags not collected' in connection.message
        assert 'Allow `sagemaker:ListTags`' in connection.message
        poll(check, after)
    for fault in denied:
        fault.remove()
    poll(check, after=300)
    assert resources(aggregator)['job']['tags'] == ['team:nlp']
    aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, SCOPE, message='')


def test_tags_fall_back_to_list_tags(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer(), {'team': 'nlp'})
    aws.fail('AccessDeniedException', 'no', operation='GetResources')
    poll(new_check())
    assert resources(aggregator)['job']['tags'] == ['team:nlp']


def test_a_throttled_listing_loses_nothing(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer('known'))
    check = new_check(regions=[REGION, 'eu-west-1'])
    poll(check)
    aws.put(ended('short', CreationTime=NOW, at=NOW + timedelta(seconds=30)))
    with aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs', region=REGION):
        poll(check, after=60)
        throttled = [*SCOPE, 'operation:ListTrainingJobs', 'outcome:throttled']
        aggregator.assert_metric('sagemaker_training.api.requests', 1, throttled)
    poll(check, after=60)
    assert set(resources(aggregator)) == {'short'}


def test_a_listing_that_breaks_off_is_missing_something_but_not_blind(
    aws: SimulatedAws,
    new_check: Callable[..., SagemakerTrainingCheck],
    poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:
    aws.add(quiet_history(NOW, finished=300, open_=[timedelta(hours=1), timedelta(days=29)]))
    check = new_check(history_hours=0)
    with aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs', spared=1):
        poll(check)
    [connection] = aggregator.service_checks(CAN_CONNECT)
    assert connection.status == SagemakerTrainingCheck.WARNING
    assert values(aggregator, 'jobs.open') == [1]
    poll(check, after=60)
    assert sum(values(aggregator, 'jobs.open')) == 2


def test_botocores_own_retries_are_counted_and_paced(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer())
    aws.fail('ThrottlingException', 'Rate exceeded', operation='ListTrainingJobs', times=1)
    poll(new_check(boto_config={}))
    for outcome in ('throttled', 'ok'):
        tags = [*SCOPE, 'operation:ListTrainingJobs', f'outcome:{outcome}']
        aggregator.assert_metric('sagemaker_training.api.requests', 1, tags)
    first, second = list_times(aws)
    assert second - first == 1


def test_a_job_deleted_between_list_and_describe_is_no_error(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer('kept'))
    aws.put(answer('deleted'))
    aws.fail('ValidationException', 'Requested resource not found.', operation='DescribeTrainingJob', name='deleted')
    poll(new_check())
    assert set(resources(aggregator)) == {'kept'}
    aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, SCOPE, message='')


def test_statuses_and_fields_aws_adds_pass_through(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    aws.put(answer(TrainingJobStatus='HibernatingML', SecondaryStatus='CoolingDown', FieldOfTomorrow={'A': 1}))
    poll(new_check())
    assert values(aggregator, 'jobs.open', 'training_job_status:hibernating_ml') == [1]
    assert values(aggregator, 'jobs.open', 'secondary_status:cooling_down') == [1]
    resource = resources(aggregator)['job']
    assert resource['training_job_status'] == 'HibernatingML'
    assert 'field_of_tomorrow' not in resource


def test_two_accounts_are_reached_by_role(
    clock: SimulatedClock, dd_run_check: RunCheck, aggregator: AggregatorStub
) -> None:
    roles = {f'arn:aws:iam::{number}:role/datadog': f'external-{number}' for number in ('111111111111', '222222222222')}
    with SimulatedAws(clock, roles=roles) as aws:
        for role, external_id in roles.items():
            account = role.split(':')[4]
            aws.put(answer(f'job-of-{account}', account=account))
            options = {'assume_role_arn': role, 'assume_role_external_id': external_id}
            check = SagemakerTrainingCheck('sagemaker_training', {}, [instance(aws, **options)], clock=clock)
            for _ in range(2):
                dd_run_check(check)
            assert values(aggregator, 'jobs.open', f'aws_account:{account}') == [1, 1]
        assert aws.count('AssumeRole') == 2, 'the credentials of a role are kept until they expire'


def test_a_role_that_is_refused_says_which_options_to_look_at(
    clock: SimulatedClock, aggregator: AggregatorStub
) -> None:
    role = f'arn:aws:iam::{ACCOUNT}:role/datadog'
    with SimulatedAws(clock, roles={role: 'right'}) as aws:
        options = {'assume_role_arn': role, 'assume_role_external_id': 'wrong'}
        error = SagemakerTrainingCheck('sagemaker_training', {}, [instance(aws, **options)], clock=clock).run()
    assert 'assume_role_external_id' in error
    [connection] = aggregator.service_checks(CAN_CONNECT)
    assert (connection.status, connection.tags) == (SagemakerTrainingCheck.CRITICAL, SCOPE)
    assert 'AssumeRole: AccessDenied' in connection.message


def test_an_empty_account_is_named_by_its_credentials(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    check = new_check()
    assert poll(check) == ['ListTrainingJobs', 'GetCallerIdentity']
    assert poll(check, after=60) == ['ListTrainingJobs']
    aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.OK, SCOPE)


def test_credentials_that_are_nowhere_are_critical_and_name_the_options(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], aggregator: AggregatorStub
) -> None:
    error = new_check(aws_access_key_id=None, aws_secret_access_key=None).run()
    assert '`aws_profile`' in error
    assert aws.calls == []
    aggregator.assert_service_check(CAN_CONNECT, SagemakerTrainingCheck.CRITICAL, [f'region:{REGION}'])


def test_two_instances_of_one_account_share_its_rate(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]]
) -> None:
    aws.add(quiet_history(NOW, finished=500))
    for tag in ('a', 'b'):
        poll(new_check(tags=[f'instance:{tag}'], history_hours=0))
    times = list_times(aws)
    assert len(times) == 10
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[1:], strict=False))


def test_the_start_of_time_is_no_error(
    aws: SimulatedAws, new_check: Callable[..., SagemakerTrainingCheck], poll: Callable[..., list[str]],
    aggregator: AggregatorStub,
) -> None:  # fmt: skip
    """A job that has just been created, and one whose clock is ahead of this machine's."""
    aws.put(answer('fresh', CreationTime=NOW, LastModifiedTime=NOW, SecondaryStatus='Pending'))
    aws.put(ended('other', CreationTime=ago(minutes=2), at=NOW + timedelta(minutes=3)))
    poll(new_check())
    assert sorted(values(aggregator, 'job.pending_time')) == [0, 0]
