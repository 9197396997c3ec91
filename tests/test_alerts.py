# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""When monitors would have fired, worked out over all of a time, and thresholds that are tried."""

from datetime import timedelta
from typing import Any

import pytest

from tools.aws.scenario import ACCOUNTS, REGIONS, living_fleet
from tools.datadog.alerts import SELDOM, firings, histories
from tools.datadog.assets import Json, Verdict, load, verdicts
from tools.datadog.notifications import notification
from tools.datadog.recording import Recording, Series
from tools.datadog.thresholds import not_to_be_tried, threshold, with_threshold
from tools.demo.simulation import START, every, simulate

MINUTE, HOUR = 60, 3600
BEGAN = int(START.timestamp())
MONITORS = load('monitors')


@pytest.fixture(scope='module')
def hours() -> Recording:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('DDEV_SKIP_GENERIC_TAGS_CHECK', 'true')
        week_before = START - timedelta(days=7)
        polls = [
            *every(1200, week_before, week_before + timedelta(hours=4)),
            *every(600, START, START + timedelta(hours=4)),
        ]
        return simulate(living_fleet(START, 4, ACCOUNTS[:1], REGIONS[:1]), polls).recording


@pytest.mark.parametrize('name', MONITORS)
def test_a_monitor_says_at_once_what_it_says_at_each_moment(name: str, hours: Recording) -> None:
    definition = MONITORS[name]['definition']
    asked, said = histories(definition, hours, hours.polled_at)
    assert said
    for at in asked:
        assert {group: past[at] for group, past in said.items() if at in past} == verdicts(definition, hours, at)


def test_what_has_to_be_asked_one_moment_at_a_time_is_asked_each_hour(hours: Recording) -> None:
    query = 'max(last_1h):max:sagemaker_training.poll.tracked_jobs{*} by {region}.rollup(max, 3600) > 1'
    asked, said = histories({'query': query, 'options': {'thresholds': {'critical': 1}}}, hours, hours.polled_at)
    assert [at % SELDOM for at in asked] == [SELDOM - 1200] * 4 + [SELDOM - 600] * 4
    assert [[verdict.state for verdict in past.values()] for past in said.values()] == [['alert'] * 8]


def idle(*pools: tuple[str, dict[int, float]]) -> Recording:
    """Idle minutes of warm pools by minute, polled each minute of an hour."""
    recording = Recording(polled_at=[BEGAN + MINUTE * number for number in range(60)])
    for name, minutes in pools:
        tags = {'aws_account': '1', 'region': 'x', 'training_job_name': name}
        points = [(BEGAN + MINUTE * number, MINUTE * value) for number, value in minutes.items()]
        recording.series['job.warm_pool.idle_time'][frozenset(tags.items())] = Series(tags, points)
    return recording


def told(recording: Recording, definition: Json) -> list[tuple[str, str, float, float | None, float | None]]:
    return [
        (
            firing.state,
            firing.group['training_job_name'],
            (firing.began - BEGAN) / MINUTE,
            firing.ended and (firing.ended - BEGAN) / MINUTE,
            firing.verdict.value,
        )
        for firing in firings(definition, recording)
    ]


def test_a_monitor_fires_from_its_first_moment_beyond_the_threshold_until_it_is_well_again() -> None:
    recording = idle(('a', {0: 29, 10: 40, 20: 50, 21: 0}), ('b', {50: 46}), ('c', {0: 1}))
    assert told(recording, MONITORS['warm_pool_idle']['definition']) == [
        ('alert', 'a', 10, 30, 50 * MINUTE),
        ('alert', 'b', 50, None, 46 * MINUTE),
    ]


def test_another_threshold_fires_otherwise() -> None:
    recording = idle(('a', {0: 29, 10: 40, 20: 50, 21: 0}), ('b', {50: 46}), ('c', {0: 1}))
    definition = with_threshold(MONITORS['warm_pool_idle']['definition'], 60 * MINUTE)
    assert told(recording, definition) == [
        ('warning', 'a', 20, 30, 50 * MINUTE),
        ('warning', 'b', 50, None, 46 * MINUTE),
    ]


@pytest.mark.parametrize(
    ('name', 'value', 'ending', 'thresholds'),
    [
        ('warm_pool_idle', 3600, ' > 3600', {'critical': 3600, 'warning': 2400}),
        ('near_max_runtime', 47.5, ' > 47.5', {'critical': 47.5, 'warning': 40}),
    ],
)
def test_a_threshold_is_in_the_query_and_the_warning_keeps_its_distance(
    name: str, value: float, ending: str, thresholds: dict[str, float]
) -> None:
    shipped = MONITORS[name]['definition']
    tried = with_threshold(shipped, value)
    assert tried['query'].endswith(ending)
    assert tried['options']['thresholds'] == thresholds
    assert tried | {'query': '', 'options': {}} == shipped | {'query': '', 'options': {}}
    assert shipped == load('monitors')[name]['definition'], 'what is shipped stays as it is'


@pytest.mark.parametrize(
    'text', ['near_max_runtime', 'near_max_runtime=', '=90', 'near_max_runtime=many', 'a=-1', 'a=inf']
)
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        threshold(text)


@pytest.mark.parametrize(
    ('thresholds', 'says'),
    [
        ({'near_max_runtime': 90}, ''),
        ({'near_max': 90}, 'no monitor is named near_max; there are api_unreachable, '),
        ({'api_unreachable': 3}, 'api_unreachable: it compares no value'),
        ({'job_failed': 3}, 'job_failed: it compares no value'),
    ],
)
def test_thresholds_that_cannot_be_tried(thresholds: dict[str, Any], says: str) -> None:
    refused = not_to_be_tried({name: each['definition'] for name, each in MONITORS.items()}, thresholds)
    assert refused.startswith(says)
    assert bool(refused) == bool(says)


@pytest.mark.parametrize(
    ('name', 'value', 'says'),
    [
        ('failure_rate', 2.25, ('**2.25 more than a quarter**', 'The limit is 2 more')),
        ('instances_in_use', 10.3, ('**10.3 instances more**', 'The limit is 10 more')),
        ('spot_interruptions', 15.2, ('**15.2 times more than a tenth**', 'The limit is 15 more')),
    ],
)
def test_a_value_just_beyond_its_limit_is_not_told_as_the_limit(name: str, value: float, says: tuple[str, str]) -> None:
    message = notification(MONITORS[name]['definition'], {}, Verdict('alert', value), BEGAN)
    assert [each for each in says if each not in message] == []
