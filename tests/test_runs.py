# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""How long runs of a family take is remembered: for long, across restarts, and of so many families."""

from __future__ import annotations

from datetime import timedelta

from datadog_checks.sagemaker_training import state
from datadog_checks.sagemaker_training.runs import MOST_FAMILIES, LongestRuns, longest_run, see
from tools.aws.fleet import Job

from .builders import NOW, ago, job, transition
from .ledgers import new_ledger
from .lives import poll, scripted, start
from .world import World

WEEK = 7 * 24 * 60


def run(name: str, begin: float, *, minutes: float, ending: str = 'Completed') -> Job:
    """A job that runs for so many minutes, after one in which it starts."""
    return scripted(name, ('Starting', begin), ('Training', begin + 1), (ending, begin + 1 + minutes))


def ratios(world: World) -> list[float]:
    return world.values('job.runtime_ratio')


def test_a_family_that_runs_weekly_is_judged_by_its_longest_run_also_after_restarts(world: World) -> None:
    world.aws.add(
        [
            run('weekly-2026-11-23-00-00-00-000', 1, minutes=20),
            run('weekly-2026-11-24-00-00-00-000', 30, minutes=10),
            run('weekly-2026-11-25-00-00-00-000', 40, minutes=50, ending='Failed'),
            run('weekly-2026-11-30-00-00-00-000', WEEK, minutes=100),
            run('other-2026-11-30-00-00-00-000', WEEK, minutes=100),
        ]
    )
    check = start(world)
    for minute in (0, 10, 30, 45, 100):
        poll(world, check, minute)
        assert ratios(world) == ([0.2] if minute == 45 else [])
        check = start(world)
    for minute in (WEEK + 1, WEEK + 31, WEEK + 61):
        poll(world, check, minute)
        assert ratios(world) == [(minute - WEEK - 1) / 20]
        check = start(world)


def test_a_run_that_was_over_at_the_first_start_is_a_measure_too(world: World) -> None:
    world.aws.add([run('daily-2026-11-22', -300, minutes=20), run('daily-2026-11-23', -11, minutes=100)])
    poll(world, start(world), 0)
    assert ratios(world) == [0.5]


def test_a_restart_of_an_agent_that_was_updated_goes_on(world: World) -> None:
    ledger = new_ledger()
    ledger.started = ledger.first_newest = ledger.newest = NOW
    text = state.dump(ledger)
    assert 'longest_runs' not in text, 'as older versions have it'
    copy = new_ledger()
    assert state.restore(copy, text, NOW)
    assert copy.longest_runs == {}


def completed(minutes: float) -> object:
    steps = [transition('Training', ago(minutes=minutes), NOW), transition('Completed', NOW, NOW)]
    ended = {'TrainingJobStatus': 'Completed', 'TrainingStartTime': ago(minutes=minutes), 'TrainingEndTime': NOW}
    return job(SecondaryStatusTransitions=steps, **ended)


def test_the_family_that_was_seen_least_recently_is_forgotten() -> None:
    runs: LongestRuns = {}
    for number in range(MOST_FAMILIES):
        see(runs, f'family-{number}', completed(30), NOW, is_news=True)
    see(runs, 'family-0', job(), NOW, is_news=True)
    see(runs, 'family-1', completed(20), NOW, is_news=False)
    before = dict(runs)
    see(runs, 'family-2', job(), NOW, is_news=False)
    assert [*runs.items()] == [*before.items()], 'a job of which nothing is new costs no write'
    see(runs, 'one-more', completed(5), NOW, is_news=False)
    assert len(runs) == MOST_FAMILIES
    assert [longest_run(runs, f'family-{number}') for number in range(3)] == [1800, None, 1800]
    assert longest_run(runs, 'one-more') == 300
    ledger = new_ledger()
    ledger.started = ledger.first_newest = ledger.newest = NOW
    empty = len(state.dump(ledger))
    ledger.longest_runs = {key: int(timedelta(days=28).total_seconds()) for key in runs}
    # Of runs that are as long as AWS lets them be.
    assert (len(state.dump(ledger)) - empty) / MOST_FAMILIES < 30
