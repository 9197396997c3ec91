# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A poll that the Agent cancels, or whose instance it reloads: what was read is told, and once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import Event, Thread

import pytest

from tools.aws.calls import Call

from .builders import NOW, answer, ended
from .lives import assert_each_fact_once, at, burst, life, poll, start
from .world import World


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
