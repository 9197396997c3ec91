# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import json
import logging
from typing import Any

import pytest

from .builders import answer
from .world import World

OWN = 'the-check-s-own-secret-key'
SECRETS = [OWN, 'hunter2hunter2', 'codename-osprey']
LEAK = 'key {}, password={} and {}'.format(*SECRETS)
PATTERNS = ['codename-[a-z]+']


def leaked(*texts: str) -> list[str]:
    assert any('key ***' in text for text in texts), 'the leak is in none of them'
    return [secret for secret in SECRETS if any(secret in text for text in texts)]


@pytest.mark.parametrize('operation', ['ListTrainingJobs', 'DescribeTrainingJob', 'GetResources'])
@pytest.mark.parametrize('code', ['AccessDeniedException', 'ValidationException', 'ExpiredTokenException'])
def test_words_of_aws(world: World, caplog: pytest.LogCaptureFixture, operation: str, code: str) -> None:
    caplog.set_level(logging.DEBUG, 'datadog_checks')
    world.aws.put(answer())
    world.aws.fail(code, LEAK, operation=operation)
    world.aws.fail(code, LEAK, operation='ListTags')
    error = world.check(aws_secret_access_key=OWN, sensitive_patterns=PATTERNS).run()
    assert leaked(error, caplog.text, world.connection.message) == []


@pytest.mark.parametrize(
    'options',
    [
        {'boto_config': {'retries': {'mode': LEAK}}},
        {'boto_config': {'signature_version': LEAK}},
        {
            'aws_access_key_id': None,
            'aws_secret_access_key': None,
            'aws_session_token': None,
            'aws_profile': LEAK.replace(OWN, '***'),
        },
    ],
)
def test_wrong_options(world: World, options: dict[str, Any]) -> None:
    """Which botocore's errors repeat."""
    own = {'aws_secret_access_key': OWN, 'aws_session_token': 'the-check-s-own-token', 'sensitive_patterns': PATTERNS}
    assert leaked(world.check(**own | options).run()) == []


def test_an_error_while_news_are_submitted(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = world.check(aws_secret_access_key=OWN, sensitive_patterns=PATTERNS, event_on=['created'])
    world.poll(check)

    def event(event: object) -> None:
        raise RuntimeError(LEAK)

    monkeypatch.setattr(check, 'event', event)
    world.aws.put(answer(CreationTime=world.clock.now), {'team': 'nlp'})
    world.poll(check, after=60)
    assert leaked(caplog.text) == []
    assert 'not counted yet, for an error: RuntimeError' in caplog.text


def test_any_line_and_traceback_as_whoever_writes_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    check = world.check(aws_secret_access_key=OWN, sensitive_patterns=PATTERNS)
    world.poll(check)
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    check.log.debug('%s: %d %%', LEAK, 1)
    check.log.info('100 % ' + LEAK)  # noqa: G003
    check.warning('%s', LEAK)
    try:
        raise ValueError(LEAK)
    except ValueError:
        check.log.exception('failed')
    assert leaked(*(logging.Formatter().format(record) for record in caplog.records)) == []
    debug, info, warning, failed = caplog.records
    assert debug.getMessage().endswith(': 1 %')
    assert info.getMessage().startswith('100 % ')
    assert failed.getMessage().startswith('failed\nTraceback')
    assert {record._check_id for record in caplog.records} == {check.check_id}
    assert {record.filename for record in (debug, info, failed)} == {warning._filename} == {'test_log.py'}
    caplog.set_level(logging.WARNING, check.log.name)
    caplog.clear()
    check.log.info('%d', 'no number: it is not even put together')
    assert caplog.messages == []


def test_diagnose(world: World) -> None:
    world.aws.fail('AccessDeniedException', LEAK, operation='ListTrainingJobs')
    text = world.check(aws_secret_access_key=OWN, sensitive_patterns=PATTERNS).get_diagnoses()
    assert leaked(*map(str, json.loads(text))) == []
