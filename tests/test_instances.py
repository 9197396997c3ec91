# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Instances beside each other, and with settings that are just accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from datadog_checks.sagemaker_training import SagemakerTrainingCheck

from .builders import REGION
from .lives import LAST, OTHER, assert_each_fact_once, counted, facts, life, lives, poll, start
from .world import World


@pytest.mark.parametrize(('interval', 'rate'), [(10, 0.1), (13, 0.1), (1, 1), (2, 0.5)])
def test_settings_that_are_just_accepted_let_jobs_be_described(world: World, interval: int, rate: float) -> None:
    """By the Agent's own ticks: a poll that is due while another one goes on is left out."""
    world.aws.add([life('job', -10, 10)])
    options = {'min_collection_interval': interval, 'list_requests_per_second': rate}
    check = start(world, **options, open_job_refresh_seconds=interval)
    for _ in range(10):
        assert 'DescribeTrainingJob' in world.poll(check)
        world.clock.advance(interval - world.clock.monotonic() % interval)


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
