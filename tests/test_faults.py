# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What goes wrong between the check and AWS, on the wire: whole polls, with facts before, during and after it."""

from __future__ import annotations

import json
import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.wrappers import Response

from datadog_checks.base.stubs.aggregator import ServiceCheckStub
from datadog_checks.base.utils.diagnose import Diagnosis
from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from tools.aws.calls import Call, Fault, Scope
from tools.aws.fleet import Job, Step, WarmPool
from tools.aws.server import SimulatedAws

from .builders import ACCOUNT, NOW, REGION, answer, ended
from .world import CAN_CONNECT, World, WrongClock

OTHER = 'eu-west-1'
OPERATIONS = ('ListTrainingJobs', 'DescribeTrainingJob', 'GetResources', 'ListTags')
WORDS = ('created', 'interrupted', 'failed')

# The jobs, and the trouble that they live around: from minute to minute.
LIVES = {
    'before': (0.5, 2.5),
    'into': (1.5, 5.5),
    'across': (2.5, 10.5),
    'within': (4.2, 6.2),
    'from': (5.5, 9.5),
    'after': (8.5, 11.5),
}
BEGIN, END, LAST = 4, 8, 13
POOL = 0.75


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def scripted(name: str, *steps: tuple[str, float], region: str = REGION) -> Job:
    """A spot job of two instances with a warm pool, whose steps begin at these minutes."""
    return Job(
        name,
        ACCOUNT,
        region,
        tuple(Step(status, at(minute)) for status, minute in steps),
        {'ResourceConfig': {'InstanceType': 'ml.g5.xlarge', 'InstanceCount': 2}},
        fields_once_ended={'FailureReason': 'ClientError: no data'},
        tags={'team': 'nlp'},
        billed=0.5,
        warm_pool=WarmPool(until=at(steps[-1][1] + POOL)),
    )


def life(name: str, begin: float, end: float, region: str = REGION) -> Job:
    """A job that is interrupted halfway, and fails."""
    path = ('Starting', 'Training', 'Interrupted', 'Starting', 'Training', 'Failed')
    length = (end - begin) / (len(path) - 1)
    return scripted(name, *((status, begin + length * number) for number, status in enumerate(path)), region=region)


def lives(*regions: str) -> list[Job]:
    return [life(name, *span, region) for region in regions or (REGION,) for name, span in LIVES.items()]


def facts(job: Job) -> dict[str, float]:
    """What is to be counted of a job that is created, interrupted once and fails."""
    assert job.training_time
    assert job.billable_time
    return {
        'jobs.created': 1,
        'jobs.interrupted': 1,
        'jobs.finished': 1,
        'usage.training_time': 2 * job.training_time,
        'usage.billable_time': 2 * job.billable_time,
        'usage.saved_time': 2 * (job.training_time - job.billable_time),
        'usage.warm_pool_time': 2 * 60 * POOL,
    }


def start(world: World, **options: Any) -> SagemakerTrainingCheck:
    return world.check(**{'event_on': list(WORDS)} | options)


def poll(world: World, check: SagemakerTrainingCheck, minute: float) -> str:
    """Run the check at that time; the error it came to."""
    world.clock.advance_to(at(minute))
    world.aggregator.reset()
    error = check.run()
    world.take()
    return error


def connection(world: World, region: str = REGION) -> ServiceCheckStub:
    [found] = [check for check in world.aggregator.service_checks(CAN_CONNECT) if f'region:{region}' in check.tags]
    return found


def counted(world: World, job: Job, *tags: str) -> dict[str, float]:
    return world.counted(f'region:{job.region}', f'job_family:{job.name}', *tags)


def assert_each_fact_once(world: World, jobs: Iterable[Job], *tags: str) -> None:
    """All is counted that is to be counted of these jobs, with the tags, and told; and nothing else."""
    jobs = list(jobs)
    assert {job.arn: counted(world, job, *tags) for job in jobs} == {job.arn: facts(job) for job in jobs}
    assert Counter(world.titles) == Counter(f'{job.name} {word}' for job in jobs for word in WORDS)
    total: Counter[str] = Counter()
    for job in jobs:
        total.update(facts(job))
    assert world.counted() == total


class Trouble(NamedTuple):
    """A way for calls to fail, and how messages name its cause, as any version of botocore has it, and its remedy."""

    begin: Callable[..., Fault]
    cause: str
    remedy: str


def refused(code: str, remedy: str, status: int = 400) -> Trouble:
    return Trouble(lambda aws, **scope: aws.fail(code, 'Simulated.', status, **scope), code, remedy)


def disturbed(kind: str, cause: str) -> Trouble:
    return Trouble(lambda aws, **scope: aws.disturb(kind, **scope), cause, 'Check the network, proxy and endpoint')


CREDENTIALS = 'Check that the credentials of this instance exist and are current'
TROUBLES = {
    'throttled': refused('ThrottlingException', 'lower `list_requests_per_second`'),
    '500': refused('InternalFailure', 'AWS Health Dashboard', 500),
    '503': refused('ServiceUnavailable', 'AWS Health Dashboard', 503),
    'reset': disturbed('reset', 'ConnectionClosedError'),
    'truncated': disturbed('truncated', 'ConnectionClosedError|IncompleteAnswer'),
    'not json': disturbed('not_json', 'IncompleteAnswer'),
    'silent': disturbed('silent', 'ReadTimeoutError'),
    'expired': refused('ExpiredTokenException', CREDENTIALS),
    'revoked': refused('UnrecognizedClientException', CREDENTIALS),
    'unknown key': refused('InvalidClientTokenId', CREDENTIALS, 403),
}
# Which tests wait for; a machine that is busy takes its time to answer, too: 0.3 seconds were once not enough.
PATIENCE = {'silent': {'boto_config': {'retries': {'total_max_attempts': 1}, 'read_timeout': 1.0}}}


@pytest.mark.parametrize(
    ('struck', 'restarts'),
    [
        (OPERATIONS, True),
        (['ListTrainingJobs'], False),
        (['DescribeTrainingJob'], False),
        (['DescribeTrainingJob'], True),
        (['GetResources', 'ListTags'], True),
    ],
    ids=['all-restarted', 'list', 'describe', 'describe-restarted', 'tags-restarted'],
)
@pytest.mark.parametrize('kind', TROUBLES)
def test_trouble_for_minutes(
    world: World, kind: str, struck: Sequence[str], restarts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one region: another one notices nothing. The poll after it has caught up with everything."""
    trouble, options = TROUBLES[kind], PATIENCE.get(kind, {}) | {'regions': [REGION, OTHER]}
    jobs = [*lives(), life('elsewhere', 1, 9, OTHER)]
    world.aws.add(jobs)
    check = start(world, **options)
    faults: list[Fault] = []
    for minute in range(LAST + 1):
        if minute == BEGIN:
            faults = [trouble.begin(world.aws, operation=operation, region=REGION) for operation in struck]
        if minute == END:
            for fault in faults:
                fault.remove()
        if restarts and minute == BEGIN + 2:
            check = start(world, **options)
        caplog.clear()
        assert poll(world, check, minute) == ''
        assert (connection(world, OTHER).status, connection(world, OTHER).message) == (check.OK, '')
        is_blind = BEGIN <= minute < END and 'ListTrainingJobs' in struck
        assert (connection(world).status == check.CRITICAL) == is_blind
        if BEGIN < minute < END:
            message = connection(world).message if is_blind else caplog.text
            assert re.search(trouble.cause, message)
            assert trouble.remedy in message
        if minute == END:
            assert connection(world).status == check.OK
            for job in jobs:
                if job.end + timedelta(minutes=POOL) <= at(END):
                    assert counted(world, job) == facts(job), 'one poll is enough'
    assert_each_fact_once(world, jobs, 'team:nlp')


@pytest.mark.parametrize('kind', TROUBLES)
def test_no_region_at_all(world: World, kind: str) -> None:
    trouble = TROUBLES[kind]
    check = start(world, regions=[REGION, OTHER], **PATIENCE.get(kind, {}))
    with trouble.begin(world.aws, operation='ListTrainingJobs'):
        error = poll(world, check, 0)
    for message in (error, connection(world).message, connection(world, OTHER).message):
        assert re.search(trouble.cause, message)
        assert trouble.remedy in message
    assert 'No region could be read' in error
    assert poll(world, check, 1) == ''
    assert connection(world).status == check.OK


@pytest.mark.parametrize('kind', ['500', 'not json', 'reset'])
def test_descriptions_that_all_fail_show_in_the_service_check(world: World, kind: str) -> None:
    world.aws.add(lives())
    check = start(world)
    poll(world, check, 0)
    TROUBLES[kind].begin(world.aws, operation='DescribeTrainingJob')
    poll(world, check, 2)
    assert connection(world).status != check.OK
    assert re.search(TROUBLES[kind].cause, connection(world).message)


def test_denied_for_minutes(world: World) -> None:
    world.aws.add(lives())
    check = start(world)
    for minute in range(BEGIN):
        poll(world, check, minute)
    with world.aws.fail('AccessDeniedException', 'Simulated.', operation='DescribeTrainingJob'):
        for minute in range(BEGIN, END):
            poll(world, check, minute)
            if minute > BEGIN:
                assert 'Allow `sagemaker:DescribeTrainingJob`' in connection(world).message
    for minute in range(END, LAST + 1):
        poll(world, check, minute)
    assert_each_fact_once(world, lives())


class WatchedAws(SimulatedAws):
    """Calls `watch` with each call, before its answer goes out."""

    watch: Callable[[Call], object] = staticmethod(lambda call: None)

    def respond(self, headers: Message, body: bytes) -> tuple[Response, Fault | None]:
        call = self._call(headers, body)
        answer = super().respond(headers, body)
        self.watch(call)
        return answer


@pytest.fixture
def watched(world: World) -> Iterator[World]:
    with WatchedAws(world.clock) as aws:
        yield replace(world, aws=aws)


@pytest.mark.parametrize('kind', ['reset', 'silent'])
@pytest.mark.parametrize(
    ('operation', 'most'), [('ListTrainingJobs', 1), ('DescribeTrainingJob', 3 + 7), ('GetResources', 1)]
)
def test_a_peer_that_does_not_answer_is_left_alone_soon(watched: World, kind: str, operation: str, most: int) -> None:
    """Each call takes the five seconds that are the default timeout."""
    jobs = [life(f'burst-{number}', 1, 2) for number in range(50)]
    watched.aws.add(jobs)
    check = start(watched, **PATIENCE.get(kind, {}))
    poll(watched, check, 0)
    watched.aws.watch = lambda call: watched.clock.advance(5 * (call.operation == operation))
    with TROUBLES[kind].begin(watched.aws, operation=operation):
        poll(watched, check, 3)
    assert 1 <= watched.aws.count(operation, outcome=kind) <= most
    assert watched.values('poll.duration')[0] <= 60
    watched.aws.watch = lambda call: None
    poll(watched, check, 5)
    assert watched.counted('team:nlp') == {name: 50 * value for name, value in facts(jobs[0]).items()}


@pytest.mark.parametrize('kind', ['500', 'reset'])
def test_jobs_that_cannot_be_described_hold_up_no_other(world: World, kind: str) -> None:
    jobs = [life(f'poison-{number}', 1, 2) for number in range(8)] + [
        life(f'well-{number}', 3, 4) for number in range(8)
    ]
    world.aws.add(jobs)
    check = start(world)
    for job in jobs[:8]:
        TROUBLES[kind].begin(world.aws, operation='DescribeTrainingJob', name=job.name)
    for minute in range(8):
        poll(world, check, minute)
    assert all(counted(world, job) == facts(job) for job in jobs[8:])


def burst(count: int = 105) -> list[Job]:
    """More jobs than a page of the listing shows."""
    return [life(f'burst{chr(97 + number // 26)}{chr(97 + number % 26)}', 0.1, 1.1) for number in range(count)]


MID_LISTING = {
    'invalid token': Trouble(
        lambda aws, **scope: aws.fail('ValidationException', 'Invalid pagination token.', **scope),
        'ValidationException: Invalid pagination token',
        '',
    ),
    **{kind: TROUBLES[kind] for kind in ('throttled', '500', 'reset', 'not json', 'expired')},
}


@pytest.mark.parametrize('kind', MID_LISTING)
def test_trouble_in_the_middle_of_a_listing(world: World, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Of two polls, with a restart after each: the first page is there, and the rest comes later."""
    jobs = [*burst(), life('lasting', 1, 4.5)]
    world.aws.add(jobs)
    check = start(world)
    poll(world, check, 0)
    for minute in (2, 3):
        with MID_LISTING[kind].begin(world.aws, operation='ListTrainingJobs', spared=1):
            assert poll(world, check, minute) == ''
        if minute == 2:
            assert re.search(MID_LISTING[kind].cause, caplog.text)
        assert connection(world).status != check.CRITICAL, 'the newest jobs are there'
        check = start(world)
    for minute in (4, 5, 6):
        poll(world, check, minute)
    assert_each_fact_once(world, jobs, 'team:nlp')


def test_pages_that_overlap(world: World) -> None:
    jobs = burst(170)
    world.aws.add(jobs)
    world.aws.page_overlap = 30
    for minute in (0, 2, 3):
        assert poll(world, start(world), minute) == ''
    assert_each_fact_once(world, jobs, 'team:nlp')


@pytest.mark.parametrize('after', [0, 1, 50, 106])
def test_a_poll_that_is_cancelled_in_the_middle(watched: World, after: int) -> None:
    """By the Agent, after so many calls: it ends with those under way, and another instance goes on."""
    jobs = [*burst(), life('lasting', 1, 4.5)]
    watched.aws.add(jobs)
    check = start(watched, collect_transition_logs=True)
    poll(watched, check, 0)
    before = len(watched.aws.calls)
    watched.aws.watch = lambda call: len(watched.aws.calls) - before > after and check.cancel()
    assert poll(watched, check, 3) == ''
    calls = len(watched.aws.calls)
    assert calls - before <= after + 2 * 8, 'those under way, and one that each of the threads is about to begin'
    assert poll(watched, check, 4) == ''
    assert len(watched.aws.calls) == calls, 'what is cancelled stays so'
    assert not watched.aggregator.metric_names
    watched.aws.watch = lambda call: None
    check = start(watched, collect_transition_logs=True)
    for minute in (4, 5, 6):
        assert poll(watched, check, minute) == ''
    assert_each_fact_once(watched, jobs, 'team:nlp')
    assert Counter(log['training_job_name'] for log in watched.logs) == {job.name: len(job.steps) for job in jobs}


def test_a_poll_that_is_cancelled_releases_its_state_at_its_end(watched: World) -> None:
    watched.aws.put(answer('open'))
    check = watched.check()
    watched.poll(check)
    watched.aws.watch = lambda call: check.cancel()
    watched.poll(check, after=60)
    watched.aws.watch = lambda call: None
    watched.aws.put(ended('open', at=NOW + timedelta(minutes=2)))
    watched.clock.advance(600)
    watched.poll(watched.check())
    assert watched.counted() == {}, 'another Agent may have counted it'


def test_what_was_read_before_the_cancellation_is_submitted(watched: World) -> None:
    jobs = burst(40)
    watched.aws.add(jobs)
    check = start(watched, collect_resource_tags=False)
    poll(watched, check, 0)
    watched.aws.watch = lambda call: watched.aws.count('DescribeTrainingJob') == 20 and check.cancel()
    poll(watched, check, 3)
    described = len(watched.resources())
    assert 20 <= described < 40
    assert watched.counted()['jobs.finished'] == described
    watched.aws.watch = lambda call: None
    poll(watched, start(watched, collect_resource_tags=False), 4)
    assert len(watched.resources()) == 40 - described
    assert_each_fact_once(watched, jobs)


def test_a_reloaded_instance_waits_for_its_former_self(watched: World) -> None:
    jobs = [life(f'job{letter}', 0.5, 1.5) for letter in 'abcdefgh']
    watched.aws.add(jobs)
    former, reloaded = start(watched), start(watched)
    poll(watched, former, 0)
    reloaded.run_check_initializations()  # the slow part, of which nothing is to be seen
    watched.clock.advance_to(at(3))
    watched.aggregator.reset()
    reached, go_on = Event(), Event()

    def hold(call: Call) -> None:
        if call.operation == 'DescribeTrainingJob':
            reached.set()
            go_on.wait(60)

    watched.aws.watch = hold
    errors: list[str] = []
    threads = [Thread(target=lambda check=check: errors.append(check.run())) for check in (former, reloaded)]
    threads[0].start()
    assert reached.wait(60)
    former.cancel()
    calls = watched.aws.count('ListTrainingJobs')
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive()
    assert watched.aws.count('ListTrainingJobs') == calls
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert errors == ['', '']
    watched.take()
    assert_each_fact_once(watched, jobs)


@pytest.mark.parametrize(
    ('wrong', 'later', 'restarts'),
    [(-5, -5, False), (5, 5, True), (-5, 5, True), (5, -5, False), (0, 120, False), (0, -120, True)],
)
def test_a_wrong_clock(world: World, wrong: float, later: float, restarts: bool) -> None:
    """The Agent's is ahead or behind at the first poll, and set anew minutes later; AWS's own goes on all the time."""
    around = scripted(
        'around',
        *(('Starting', -30), ('Training', -20), ('Interrupted', -0.05)),
        *(('Starting', 0.02), ('Interrupted', 0.05), ('Training', 1), ('Failed', 5.5)),
    )
    over, later_on = life('over', -9, -0.05), [life('right-after', 0.05, 3), *lives()]
    clock = WrongClock(NOW)
    with SimulatedAws(clock, [around, over, *later_on]) as aws:
        world = replace(world, aws=aws, clock=clock)
        check = start(world)
        for minute in range(LAST + 1):
            clock.wrong = wrong if minute < 4 else later
            aws.skew = -timedelta(minutes=clock.wrong)
            if restarts:
                check = start(world)
            assert poll(world, check, minute) == ''
            assert connection(world).status == check.OK
    pool = {'usage.warm_pool_time': 2 * 60 * POOL}
    assert counted(world, over) in ({}, pool), 'of a job that was over, only the pool that went on'
    assert counted(world, around) == {name: value for name, value in facts(around).items() if name != 'jobs.created'}
    assert {job.name: counted(world, job) for job in later_on} == {job.name: facts(job) for job in later_on}
    told = [*(f'{job.name} {word}' for job in later_on for word in WORDS), 'around interrupted', 'around failed']
    assert Counter(world.titles) == Counter(told)


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('still_listed', [False, True], ids=['', 'still-listed'])
@pytest.mark.parametrize('known', [False, True], ids=['new', 'known'])
def test_a_failed_job_deleted_before_it_is_described(
    watched: World, known: bool, still_listed: bool, restarts: bool
) -> None:
    """What the listing told is counted, and told; why it failed nobody knows."""
    job = life('job', 0.5, 2.5)
    watched.aws.add([job])
    check = start(watched)
    for minute in (0, 1, 2) if known else (0,):
        poll(watched, check, minute)

    def delete(call: Call) -> None:
        if call.operation == 'ListTrainingJobs' and not still_listed:
            watched.aws.remove('job', ACCOUNT, REGION)

    if still_listed:
        watched.aws.fail('ResourceNotFound', 'Requested resource not found.', operation='DescribeTrainingJob')
    watched.aws.watch = delete
    for minute in (3, 3.5, 4, 5, 6, 11):
        assert poll(watched, check, minute) == ''
        assert connection(watched).status == check.OK
        if restarts:
            check = start(watched)
    assert watched.counted()['jobs.created'] == 1
    assert watched.counted()['jobs.finished'] == 1
    assert watched.counted('training_job_status:failed', 'secondary_status:failed') == {'jobs.finished': 1}
    assert Counter(watched.titles) == Counter(['job created', 'job failed'] + ['job interrupted'] * known)
    assert not [tag for metric in watched.counts for tag in metric.tags if tag.startswith('failure_type')]


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('times', [1, 3])
def test_a_job_too_young_to_be_described(world: World, times: int, restarts: bool) -> None:
    job = life('young', 0.5, 6.5)
    world.aws.add([job])
    check = start(world)
    poll(world, check, 0)
    world.aws.fail('ValidationException', 'Requested resource not found.', operation='DescribeTrainingJob', times=times)
    for minute in range(1, LAST + 1):
        assert poll(world, check, minute) == ''
        if restarts:
            check = start(world)
    assert_each_fact_once(world, [job])


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('late', [False, True], ids=['', 'between-list-and-describe'])
def test_a_name_used_again(watched: World, late: bool, restarts: bool) -> None:
    """After its deletion. How long the pool of the first job was kept, nobody may have been told."""
    first, second = life('job', 0.5, 2.5), life('job', 3.5, 5.5)
    watched.aws.add([first])
    check = start(watched)

    def replace_job(call: Call) -> None:
        if late and call.operation == 'ListTrainingJobs' and watched.clock.now >= at(3.6):
            watched.aws.watch = lambda call: None
            watched.aws.add([second])

    watched.aws.watch = replace_job
    for minute in (0, 1, 2, 3, 3.6, *range(5, LAST + 1)):
        if minute == 3.6 and not late:
            watched.aws.add([second])
        poll(watched, check, minute)
        if restarts:
            check = start(watched)
    assert Counter(watched.titles) == {f'job {word}': 2 for word in WORDS}
    told = facts(second)['usage.warm_pool_time']
    assert watched.counted() in (
        {name: 2 * value for name, value in facts(second).items()} | {'usage.warm_pool_time': pool}
        for pool in (told, 2 * told)
    )


def test_a_description_of_a_megabyte(world: World) -> None:
    big = {'HyperParameters': {f'parameter-{number}': 'x' * 1000 for number in range(1000)}}
    job = life('big', 0.5, 2.5)
    world.aws.add([replace(job, fields={**job.fields, **big})])
    for minute in (0, 1, 3, 4):
        check = start(world)
        assert poll(world, check, minute) == ''
        assert connection(world).status == check.OK
    assert_each_fact_once(world, [job], 'team:nlp')


ROLE = f'arn:aws:iam::{ACCOUNT}:role/datadog'
MINE = {'assume_role_arn': ROLE, 'assume_role_external_id': 'mine'}


class ShortLivedRoles(SimulatedAws):
    """Gives credentials that botocore refreshes at every call, as it does with any in their last ten minutes."""

    def respond(self, headers: Message, body: bytes) -> tuple[Response, Fault | None]:
        response, fault = super().respond(headers, body)
        soon = (datetime.now(NOW.tzinfo) + timedelta(minutes=5)).isoformat()
        response.data = re.sub(b'<Expiration>[^<]*', f'<Expiration>{soon}'.encode(), response.data)
        return response, fault


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
def test_a_role_that_is_refused_for_minutes(world: World, restarts: bool) -> None:
    roles: dict[str, str | None] = {ROLE: 'mine'}
    with ShortLivedRoles(world.clock, lives(), roles=roles) as aws:
        world = replace(world, aws=aws)
        check = start(world, **MINE)
        for minute in range(LAST + 1):
            is_refused = BEGIN <= minute < END
            roles[ROLE] = 'of another' if is_refused else 'mine'
            if restarts and minute in (BEGIN + 2, END):
                check = start(world, **MINE)
            error = poll(world, check, minute)
            assert ('No region could be read' in error) == is_refused
            for message in (error, connection(world).message) if is_refused else ():
                assert 'AssumeRole: AccessDenied' in message
                assert 'Check `assume_role_arn` and `assume_role_external_id`' in message
            assert connection(world).status == (check.CRITICAL if is_refused else check.OK)
    assert_each_fact_once(world, lives(), 'team:nlp')


class Passing(NamedTuple):
    """A fault of STS that is no refusal."""

    code: str
    status: int
    message: str = 'Simulated.'


PASSING = [
    Passing('Throttling', 400, 'Rate exceeded'),
    Passing('InternalFailure', 500),
    Passing('ServiceUnavailable', 503),
    Passing('IDPCommunicationError', 400),
]


@pytest.mark.parametrize('fault', PASSING[:-1], ids=str)
def test_a_passing_fault_of_sts_is_not_told_as_a_role_that_is_refused(world: World, fault: Passing) -> None:
    with ShortLivedRoles(world.clock, lives()) as aws:
        world = replace(world, aws=aws)
        check = start(world, **MINE)
        for minute in range(LAST + 1):
            is_struck = BEGIN <= minute < END
            with aws.fail(*fault_error(fault), operation='AssumeRole', times=None if is_struck else 0):
                error = poll(world, check, minute)
            for message in (error, connection(world).message) if is_struck else ():
                assert_is_passing(message, 'AssumeRole', fault)
            assert connection(world).status == (check.CRITICAL if is_struck else check.OK)
    assert_each_fact_once(world, lives(), 'team:nlp')


def fault_error(fault: Passing) -> tuple[str, str, int]:
    return fault.code, fault.message, fault.status


def assert_is_passing(message: str, operation: str, fault: Passing) -> None:
    assert f'{operation}: {fault.code}: ' in message
    assert 'AWS STS' in message
    assert 'the next poll tries again' in message
    for wrong in ('trust policy', 'assume_role_arn', 'list_requests_per_second'):
        assert wrong not in message


class Cluster(ShortLivedRoles):
    """Also lets a service account of EKS, which has no key to sign with, assume roles."""

    def respond(self, headers: Message, body: bytes) -> tuple[Response, Fault | None]:
        if 'Authorization' not in headers:
            headers['Authorization'] = f'AWS4-HMAC-SHA256 Credential=none/20261123/{REGION}/sts/aws4_request'
        return super().respond(headers, body)


class ServiceAccount(NamedTuple):
    """A world where the Agent's credentials are a token that Kubernetes keeps in a file."""

    world: World
    token: Path

    def check(self) -> SagemakerTrainingCheck:
        return start(self.world, aws_access_key_id=None, aws_secret_access_key=None)


@pytest.fixture
def service_account(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceAccount]:
    token = tmp_path / 'token'
    token.write_text('signed-by-kubernetes')
    with Cluster(world.clock, lives()) as aws:
        monkeypatch.setenv('AWS_ENDPOINT_URL_STS', aws.endpoint_url)
        monkeypatch.setenv('AWS_DEFAULT_REGION', REGION)
        monkeypatch.setenv('AWS_ROLE_ARN', ROLE)
        monkeypatch.setenv('AWS_WEB_IDENTITY_TOKEN_FILE', str(token))
        yield ServiceAccount(replace(world, aws=aws), token)


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('spared', [0, 1], ids=['list', 'describe'])
def test_a_service_account_that_is_refused_for_minutes(
    service_account: ServiceAccount, spared: int, restarts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world, _ = service_account
    check = service_account.check()
    for minute in range(LAST + 1):
        if restarts and minute in (BEGIN + 2, END):
            check = service_account.check()
        scope = Scope(operation='AssumeRoleWithWebIdentity', spared=spared, times=None if BEGIN <= minute < END else 0)
        caplog.clear()
        with world.aws.fail('AccessDenied', 'Not authorized to perform it', 403, **scope):
            poll(world, check, minute)
        is_blind = BEGIN <= minute < END and not spared
        assert connection(world).status == (check.CRITICAL if is_blind else check.OK) or spared
        if BEGIN < minute < END:
            message = connection(world).message if is_blind else caplog.text
            assert 'AssumeRoleWithWebIdentity: AccessDenied' in message
            assert 'its trust policy allows `sts:AssumeRoleWithWebIdentity`' in message
            assert 'Jobs not described' not in message, 'it is not about the jobs'
    assert_each_fact_once(world, lives(), 'team:nlp')


@pytest.mark.parametrize('fault', PASSING, ids=str)
def test_a_passing_fault_of_sts_is_not_told_as_a_service_account_that_is_refused(
    service_account: ServiceAccount, fault: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('AWS_MAX_ATTEMPTS', '1')  # of botocore's own client, which would wait for seconds
    world, _ = service_account
    check = service_account.check()
    with world.aws.fail(*fault_error(fault), operation='AssumeRoleWithWebIdentity'):
        error = poll(world, check, 0)
    for message in (error, connection(world).message):
        assert_is_passing(message, 'AssumeRoleWithWebIdentity', fault)
    assert poll(world, check, 1) == ''
    assert connection(world).status == check.OK


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
def test_a_token_file_that_is_away_for_minutes(service_account: ServiceAccount, restarts: bool) -> None:
    world, token = service_account
    check = service_account.check()
    for minute in range(LAST + 1):
        is_away = BEGIN <= minute < END
        token.unlink(missing_ok=True) if is_away else token.write_text('signed-by-kubernetes')
        if restarts and minute in (BEGIN + 2, END):
            check = service_account.check()
        poll(world, check, minute)
        assert connection(world).status == (check.CRITICAL if is_away else check.OK)
        if is_away:
            assert 'Authentication: FileNotFoundError' in connection(world).message
            assert str(token) in connection(world).message
            assert CREDENTIALS in connection(world).message
    assert_each_fact_once(world, lives(), 'team:nlp')


SSO_SESSION = """
sso_session = ours
sso_account_id = 123456789012
sso_role_name = datadog
[sso-session ours]
sso_start_url = https://example.com
sso_region = us-east-1
"""


@pytest.mark.parametrize(
    ('profile', 'cause'),
    [
        ('credential_process = /no/such/helper', 'FileNotFoundError'),
        ('credential_process = echo not-json', 'JSONDecodeError'),
        ('credential_process = false', 'CredentialRetrievalError'),
        (f'role_arn = {ROLE}\nsource_profile = nobody', 'InvalidConfigError'),
        (SSO_SESSION, 'SSOTokenLoadError'),
    ],
)
def test_a_profile_that_brings_no_credentials(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str, cause: str
) -> None:
    path = tmp_path / 'config'
    path.write_text(f'[profile ml]\n{profile}\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    check = start(world, aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
    error = poll(world, check, 0)
    for message in (error, connection(world).message):
        assert f'Authentication: {cause}: ' in message
        assert CREDENTIALS in message
    assert connection(world).status == check.CRITICAL
    assert world.aws.calls == []


def test_the_role_of_a_profile_is_asked_for_in_the_region_that_is_polled(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'config'
    path.write_text(
        '[profile keys]\naws_access_key_id = test\naws_secret_access_key = test\n'
        f'[profile ml]\nsource_profile = keys\nrole_arn = {ROLE}\n'
    )
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    monkeypatch.setenv('AWS_ENDPOINT_URL_STS', world.aws.endpoint_url)
    check = start(world, regions=[OTHER], aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
    assert poll(world, check, 0) == ''
    assert world.aws.count('AssumeRole', region=OTHER) == world.aws.count('AssumeRole') == 1


class Tls(NamedTuple):
    """A world whose AWS shows a certificate of an authority that nobody knows, and the file with this authority."""

    world: World
    bundle: Path

    def check(self, **options: Any) -> SagemakerTrainingCheck:
        port = urlsplit(self.world.aws.endpoint_url).port
        return start(self.world, endpoint_url=f'https://localhost:{port}', **options)


@pytest.fixture
def tls(world: World, tmp_path: Path) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'localhost')])
    today = datetime.now(NOW.tzinfo)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName('localhost')]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, secret = tmp_path / 'bundle.pem', tmp_path / 'key.pem'
    pem = serialization.Encoding.PEM
    bundle.write_bytes(certificate.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, secret)
    server = world.aws._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return Tls(world, bundle)


def trust_by_variable(name: str) -> Callable[[pytest.MonkeyPatch, Path, Path], dict[str, Any]]:
    def trust(monkeypatch: pytest.MonkeyPatch, bundle: Path, _: Path) -> dict[str, Any]:
        monkeypatch.setenv(name, str(bundle))
        return {}

    return trust


def trust_by_profile(monkeypatch: pytest.MonkeyPatch, bundle: Path, folder: Path) -> dict[str, Any]:
    path = folder / 'config'
    path.write_text(f'[profile ml]\naws_access_key_id = test\naws_secret_access_key = test\nca_bundle = {bundle}\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(path))
    return {'aws_access_key_id': None, 'aws_secret_access_key': None, 'aws_profile': 'ml'}


@pytest.mark.parametrize(
    ('word', 'trust'),
    [
        ('AWS_CA_BUNDLE', trust_by_variable('AWS_CA_BUNDLE')),
        ('REQUESTS_CA_BUNDLE', trust_by_variable('REQUESTS_CA_BUNDLE')),
        ('`ca_bundle` in the AWS profile', trust_by_profile),
    ],
)
def test_a_certificate_that_is_not_trusted_names_the_ca_bundle_which_helps(
    tls: Tls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    trust: Callable[[pytest.MonkeyPatch, Path, Path], dict[str, Any]],
) -> None:
    check = tls.check()
    error = poll(tls.world, check, 0)
    for message in (error, connection(tls.world).message):
        assert 'SSLError' in message
        assert word in message
    check = tls.check(**trust(monkeypatch, tls.bundle, tmp_path))
    assert poll(tls.world, check, 1) == ''
    assert connection(tls.world).status == check.OK


def test_a_ca_bundle_that_is_no_file_is_named_too(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AWS_CA_BUNDLE', '/no/such/bundle.pem')
    poll(tls.world, tls.check(), 0)
    assert 'AWS_CA_BUNDLE' in connection(tls.world).message


@pytest.mark.parametrize(('interval', 'rate'), [(10, 0.1), (13, 0.1), (1, 1), (2, 0.5)])
def test_settings_that_are_just_accepted_let_jobs_be_described(world: World, interval: int, rate: float) -> None:
    """By the Agent's own ticks: a poll that is due while another one goes on is left out."""
    world.aws.add([life('job', -10, 10)])
    options = {'min_collection_interval': interval, 'list_requests_per_second': rate}
    check = start(world, **options, open_job_refresh_seconds=interval)
    for _ in range(10):
        assert 'DescribeTrainingJob' in world.poll(check)
        world.clock.advance(interval - world.clock.monotonic() % interval)


def test_a_credential_process_that_fails_later(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its credentials are renewed at every call, and then it prints something else."""
    soon = (datetime.now(NOW.tzinfo) + timedelta(minutes=5)).isoformat()
    keys = {'Version': 1, 'AccessKeyId': 'test', 'SecretAccessKey': 'test', 'SessionToken': 't', 'Expiration': soon}
    printed, config = tmp_path / 'printed', tmp_path / 'config'
    config.write_text(f'[profile ml]\ncredential_process = cat {printed}\n')
    monkeypatch.setenv('AWS_CONFIG_FILE', str(config))
    printed.write_text(json.dumps(keys))
    world.aws.add(lives())
    check = start(world, aws_access_key_id=None, aws_secret_access_key=None, aws_profile='ml')
    for minute in range(LAST + 1):
        is_failing = BEGIN <= minute < END
        printed.write_text('hunter2' if is_failing else json.dumps(keys))
        poll(world, check, minute)
        assert connection(world).status == (check.CRITICAL if is_failing else check.OK)
        if is_failing:
            assert 'Authentication: JSONDecodeError: ' in connection(world).message
            assert CREDENTIALS in connection(world).message
            assert 'hunter2' not in connection(world).message
    assert_each_fact_once(world, lives(), 'team:nlp')


@pytest.mark.parametrize('by_environment', [False, True], ids=['boto_config', 'environment'])
def test_with_fips_endpoints_tags_are_read_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    """Only SageMaker and STS are within reach, as they have such endpoints."""
    for service in ('SAGEMAKER', 'STS'):
        monkeypatch.setenv(f'AWS_ENDPOINT_URL_{service}', world.aws.endpoint_url)
    monkeypatch.setenv('AWS_USE_FIPS_ENDPOINT', str(by_environment).lower())
    nowhere = {'proxies': {'https': 'http://127.0.0.1:1'}, 'retries': {'total_max_attempts': 1}}
    world.aws.add(lives())
    check = start(
        world, endpoint_url=None, boto_config=nowhere | ({} if by_environment else {'use_fips_endpoint': True})
    )
    for minute in range(LAST + 1):
        assert poll(world, check, minute) == ''
        assert (connection(world).status, connection(world).message) == (check.OK, '')
    assert_each_fact_once(world, lives(), 'team:nlp')
    assert {diagnosis['result'] for diagnosis in json.loads(check.get_diagnoses())} == {Diagnosis.DIAGNOSIS_SUCCESS}


BY_NAME = (
    {'regions': [REGION], 'name_include': ['^(into|within)$']},
    {'regions': [REGION], 'name_exclude': ['^(into|within)$']},
)
BY_REGION = {'regions': [REGION]}, {'regions': [OTHER]}


@pytest.mark.parametrize('restarts', [False, True], ids=['', 'restarted'])
@pytest.mark.parametrize('options', [BY_NAME, BY_REGION], ids=['names', 'regions'])
def test_two_instances_share_the_jobs(world: World, options: tuple[dict[str, Any], ...], restarts: bool) -> None:
    jobs = lives(*{region for each in options for region in each['regions']})
    world.aws.add(jobs)
    poll_in_turns(world, options, restarts)
    assert_each_fact_once(world, jobs, 'team:nlp')


@pytest.mark.parametrize(
    'restarts',
    [False, pytest.param(True, marks=pytest.mark.xfail(strict=True, reason='both go on with the state saved last'))],
)
def test_two_instances_with_the_same_jobs(world: World, restarts: bool) -> None:
    """Each tells all, under a tag of its own."""
    world.aws.add(lives())
    poll_in_turns(world, [{'tags': ['instance:one']}, {'tags': ['instance:other']}], restarts)
    for tag in ('instance:one', 'instance:other'):
        assert {job.name: counted(world, job, tag) for job in lives()} == {job.name: facts(job) for job in lives()}


def poll_in_turns(world: World, options: Sequence[dict[str, Any]], restarts: bool) -> None:
    """All instances every minute, a quarter of it apart."""
    checks: list[SagemakerTrainingCheck] = []
    for minute in range(LAST + 1):
        if not checks or (restarts and minute in (3, 5, 8)):
            checks = [start(world, **each) for each in options]
        for turn, check in enumerate(checks):
            assert poll(world, check, minute + turn / 4) == ''
