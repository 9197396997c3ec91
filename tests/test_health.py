# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations, combinations_with_replacement
from typing import Any

import pytest

from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.aws.errors import AwsError, Denied, Problem
from datadog_checks.sagemaker_training.entry import Entry
from datadog_checks.sagemaker_training.health import LONGEST_MESSAGE, health, message
from datadog_checks.sagemaker_training.ledger import Ledger
from datadog_checks.sagemaker_training.poll import Poll
from datadog_checks.sagemaker_training.scrub import Scrubber

from .builders import NOW, answer, arn, job
from .world import World

# As AWS says it: an ARN of each the caller, the resource and the policy.
WORDS = 'User: {0} is not authorized to perform: it on resource: {0} because no identity-based policy allows it'.format(
    'arn:aws:sts::123456789012:assumed-role/' + 'r' * 160
)
ROLES = {'RoleNotAssumed': 'AssumeRole', 'IdentityNotTrusted': 'AssumeRoleWithWebIdentity'}


def kinds(of: type[AwsError] = AwsError) -> Iterator[type[AwsError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def listed() -> Ledger:
    ledger = Ledger(timedelta(hours=1), lambda _: True)
    ledger.listed_at = ledger.covered_at = NOW
    return ledger


def error(kind: type[AwsError], code: str = 'AccessDeniedException') -> AwsError:
    return kind(ROLES.get(kind.__name__, 'DescribeTrainingJob'), code, WORDS)


def not_described(ledger: Ledger) -> AwsError:
    denied = error(Denied)
    ledger.entries[arn('job'), NOW] = Entry(job(), 0, None, (), NOW, None, denied=denied.problem)
    return denied


def tags_denied(ledger: Ledger) -> AwsError:
    denied = Denied('ListTags', 'AccessDeniedException', WORDS)
    ledger.tags_denied = denied.problem
    return denied


PROBLEMS: list[Any] = [*kinds(), not_described, tags_denied]


def found(*problems: Any) -> tuple[list[AwsError], list[Problem]]:
    """The errors that a poll has come to, and what is told of them. Each kind of error of its own code."""
    ledger = listed()
    poll: Any = Poll(None, ledger, NOW, Scrubber())
    errors = []
    for number, problem in enumerate(problems):
        if isinstance(problem, type):
            errors.append(error(problem, f'SomeLongException{number}'))
            poll.problems.append(errors[-1])
        else:
            errors.append(problem(ledger))
    return errors, health(poll, is_read=True)[1]


@pytest.mark.parametrize('problems', combinations(PROBLEMS, 2))
def test_of_two_problems_each_tells_what_to_do(problems: tuple[Any, ...]) -> None:
    errors, told = found(*problems)
    text = message(told)
    assert len(text) <= LONGEST_MESSAGE
    assert [error.remedy for error in errors if error.remedy not in text] == []
    assert [error.code for error in errors if error.code not in text] == []


def test_of_several_problems_each_is_named() -> None:
    for problems in combinations_with_replacement(PROBLEMS, 3):
        errors, told = found(*dict.fromkeys(problems))
        text = message(told)
        assert len(text) <= LONGEST_MESSAGE
        assert [error.code for error in errors if error.code not in text] == []
    errors, told = found(*PROBLEMS)
    text = message(told)
    assert len(text) <= LONGEST_MESSAGE
    assert all(problem.what[:20] in text for problem in told)


def test_a_short_problem_leaves_its_room_to_a_long_one() -> None:
    short, long = Problem('one', 'a.', 'b.'), Problem('two', 'c.', 'd' * 1000)
    assert message([short, long], longest=60) == 'one: a. b. two: c. ' + 'd' * 38 + '...'
    assert message([short, short], longest=60) == 'one: a. b. one: a. b.'
    assert message([short, long], 'agent-1', 75) == 'Agent agent-1: one: a. b. two: c. ' + 'd' * 38 + '...'
    assert message([long] * 60).split() == ['two...'] * 60


def test_a_problem_of_many_jobs_is_told_once_and_those_of_one_code_each() -> None:
    ledger = listed()
    poll: Any = Poll(None, ledger, NOW, Scrubber())
    for operation in ('DescribeTrainingJob', 'DescribeTrainingJob', 'GetResources'):
        poll.problems.append(AwsError(operation, 'InternalError', 'of one request'))
    told = [problem.what for problem in health(poll, is_read=True)[1]]
    assert told == ['DescribeTrainingJob: InternalError', 'GetResources: InternalError']


def test_two_denials_show_both_and_the_log_has_all_of_their_words(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ('closed', 'open'):
        world.aws.put(answer(name))
    world.aws.fail('AccessDeniedException', WORDS, operation='DescribeTrainingJob', name='closed')
    for operation in ('GetResources', 'ListTags'):
        world.aws.fail('AccessDeniedException', WORDS, operation=operation)
    world.poll(world.check())
    shown = world.connection.message
    assert world.connection.status == SagemakerTrainingCheck.WARNING
    assert len(shown) <= 500
    assert 'Jobs not described: 1. DescribeTrainingJob: AccessDeniedException: Allow `sagemaker:Describe' in shown
    assert 'Resource tags not collected: see `collect_resource_tags`. ListTags: AccessDeniedException: Allow ' in shown
    assert '`sagemaker:ListTags` in the IAM policy of these credentials. User: arn:' in shown
    assert shown.endswith('...')
    assert caplog.text.count(WORDS) == 2


def test_a_secret_that_a_cut_would_halve_is_not_shown_by_half(world: World) -> None:
    secret = 'the-check-s-own-secret-key'
    for length in range(300, 460, 10):
        with world.aws.fail('AccessDeniedException', f'{"x" * length} {secret} ' * 2, operation='ListTrainingJobs'):
            world.check(aws_secret_access_key=secret).run()
        messages = [check.message for check in world.aggregator.service_checks('sagemaker_training.can_connect')]
        assert [text for text in messages if len(text) > 500 or 'the-' in text.partition('. x')[2]] == []


def test_a_message_says_which_agent_it_is_that_polls_also_without_credentials(world: World) -> None:
    world.agent.set_hostname('runner-7')
    with world.aws.fail('AccessDeniedException', WORDS, operation='ListTrainingJobs'):
        world.check().run()
    check = world.check(aws_access_key_id=None, aws_secret_access_key=None)
    check.run()
    told = world.aggregator.service_checks('sagemaker_training.can_connect')
    assert [(each.status, each.message.partition(': ')[0]) for each in told] == [(2, 'Agent runner-7')] * 2
    assert [len(each.message) <= 500 for each in told] == [True] * 2
