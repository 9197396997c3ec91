# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from datadog_checks.sagemaker_training import SagemakerTrainingCheck

from .builders import ago, answer, full_answer, transition
from .world import CAN_CONNECT, World

# A NUL and half a character, as JSON can escape them and neither the Agent nor an encoder takes them.
MALFORMED = '\0\ud800'
MENDED = '\N{REPLACEMENT CHARACTER}' * 2
IDENTITY = ('TrainingJobName', 'TrainingJobArn', 'TrainingJobStatus', 'SecondaryStatus')


class AgentLog(logging.Handler):
    """Takes what the Agent takes, whose log is written in C."""

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record)
        if '\0' in message:
            raise ValueError('embedded null character')
        message.encode()


@pytest.fixture
def _agent_log() -> Iterator[None]:
    handler = AgentLog()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


def malformed(value: Any) -> Any:
    """The answer with `MALFORMED` after each text and each key of a map in it, but for what a job is known by."""
    match value:
        case dict():
            return {
                key + MALFORMED if ' ' in key else key: item if key in IDENTITY else malformed(item)
                for key, item in value.items()
            }
        case list():
            return [malformed(item) for item in value]
        case str():
            return value + MALFORMED
    return value


def everything(world: World) -> str:
    """All that has left, and the state, as one text in which malformed characters are escaped."""
    aggregator = world.aggregator
    return repr(
        [
            *(aggregator.metrics(name) for name in aggregator.metric_names),
            aggregator.service_checks(CAN_CONNECT),
            aggregator.events,
            world.resources(),
            world.logs,
            [json.loads(text) for text in world.agent._cache.values()],
        ]
    )


@pytest.mark.usefixtures('_agent_log')
def test_no_malformed_text_leaves_and_none_is_cut(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever AWS answers, whose errors also have words of users in them; and the tags of the instance."""
    full = full_answer(TrainingJobStatus='InProgress', SecondaryStatus='Training')
    tags = {f'team{MALFORMED}': f'nlp{MALFORMED}'}
    world.aws.put(malformed(full), tags)
    for name in ('denied', 'failing'):
        world.aws.put(answer(name))
    message = f'User {MALFORMED} is not authorized'
    world.aws.fail('AccessDeniedException', message, operation='DescribeTrainingJob', name='denied')
    world.aws.fail('ValidationException', message, operation='DescribeTrainingJob', name='failing')
    check = world.check(collect_transition_logs=True, collect_environment_values=True, tags=[f'org:ml{MALFORMED}'])
    world.poll(check)
    sent = [everything(world)]
    over = {'TrainingJobStatus': 'Failed', 'SecondaryStatus': 'Failed'}
    told = transition('Failed', ago(seconds=-30)) | {'StatusMessage': 'a StatusMessage'}
    times = {'TrainingEndTime': ago(seconds=-30), 'LastModifiedTime': ago(seconds=-30)}
    world.aws.put(malformed(full | over | {'SecondaryStatusTransitions': [told]}) | times, tags)
    world.poll(check, after=60)
    sent.append(everything(world))
    assert [text for text in (*sent, repr(caplog.messages)) if '\\x00' in text or '\\ud800' in text] == []
    connection = world.connection
    assert connection.status == SagemakerTrainingCheck.WARNING
    assert f'User {MENDED} is not authorized' in connection.message
    assert f'org:ml{MENDED}' in connection.tags
    [event] = world.events
    assert f'a FailureReason{MENDED}' in event['msg_text']
    assert event['msg_text'].endswith('%%%')
    assert {f'team{MENDED}:nlp{MENDED}', f'algorithm:a AlgorithmName{MENDED}'} <= set(event['tags'])
    assert world.resources()['full']['environment'] == {f'a key{MENDED}': f'a value of Environment{MENDED}'}
    assert [log['message'] for log in world.logs] == [f'a StatusMessage{MENDED}']


@pytest.mark.usefixtures('_agent_log')
def test_malformed_words_of_an_error_end_no_poll(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.aws.fail('AccessDeniedException', f'no {MALFORMED} way', operation='ListTrainingJobs')
    error = world.check().run()
    assert f'no {MENDED} way' in json.loads(error)[0]['message']
    assert f'no {MENDED} way' in world.connection.message
    assert f'no {MENDED} way' in caplog.text
    assert world.values('api.requests'), 'what comes after the line in the log'


@pytest.mark.parametrize(
    'text', ['\\u0000', 'C:\\u0000', '\U0001f600 and \N{REPLACEMENT CHARACTER}', 'Gr\u00f6\u00dfe', '\t\r\n\x1b[0m']
)
def test_well_formed_text_is_left_as_it_is(world: World, text: str) -> None:
    world.aws.put(answer(Environment={text: text}))
    world.poll(world.check(collect_environment_values=True))
    assert world.resources()['job']['environment'] == {text: text}
