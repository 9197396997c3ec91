# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What is described when: what is due, in which order, and how often it is tried again."""

from collections import Counter
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest

from datadog_checks.sagemaker_training.reading import from_description

from .builders import FIGURES, NOW, ago, answer, ended
from .ledgers import DENIED, MINUTE, describe_due, due, due_entries, listed, new_ledger


def test_open_jobs_come_first_and_history_last() -> None:
    ledger = new_ledger()
    listed(ledger, [ended('over', at=ago(minutes=5)), answer('open')])
    assert due(ledger) == ['open', 'over']


def test_a_described_job_is_due_again_only_after_a_change_or_the_refresh() -> None:
    ledger, fleet = new_ledger(), [answer('open'), answer('idle', CreationTime=ago(hours=2))]
    listed(ledger, fleet)
    assert describe_due(ledger, fleet) == ['open', 'idle']
    described = [describe_due(ledger, fleet, NOW + minute * MINUTE) for minute in range(1, 11)]
    assert Counter(chain.from_iterable(described)) == {'open': 2, 'idle': 2}, 'one in each five minutes'
    assert described[:5] == described[5:]
    changed = [answer('open', SecondaryStatus='Uploading', LastModifiedTime=NOW), fleet[1]]
    listed(ledger, changed, NOW + 10 * MINUTE)
    assert describe_due(ledger, changed, NOW + 10 * MINUTE) == ['open']


def test_refreshes_are_spread_over_their_interval_and_stay_so() -> None:
    ledger, fleet = new_ledger(), [answer(f'job-{number}', CreationTime=ago(hours=2)) for number in range(400)]
    listed(ledger, fleet)
    assert len(describe_due(ledger, fleet)) == 400
    described = [describe_due(ledger, fleet, NOW + minute * MINUTE) for minute in range(1, 26)]
    assert all(40 < len(jobs) < 120 for jobs in described), 'of 400 jobs in 5 minutes'
    assert described[:5] * 5 == described


@pytest.mark.parametrize(
    'change',
    [
        {'TrainingJobStatus': 'Stopping'},
        {'SecondaryStatus': 'Uploading'},
        {'LastModifiedTime': NOW},
        {'TrainingEndTime': NOW},
        {'WarmPoolStatus': {'Status': 'InUse'}},
    ],
)
def test_each_part_of_a_summary_can_show_a_change(change: dict[str, Any]) -> None:
    ledger = new_ledger()
    listed(ledger, [answer()])
    describe_due(ledger, [answer()])
    listed(ledger, [answer(**change)], NOW + MINUTE)
    assert due(ledger, NOW + MINUTE) == ['job']
    assert list(ledger.pending()) == [NOW + MINUTE]


def test_the_age_of_a_change_is_counted_from_when_it_first_showed() -> None:
    ledger = new_ledger()
    listed(ledger, [answer()])
    listed(ledger, [answer(SecondaryStatus='Uploading')], NOW + MINUTE)
    assert list(ledger.pending()) == [NOW]


def test_a_warm_pool_is_refreshed_like_an_open_job() -> None:
    ledger, fleet = new_ledger(), [ended(at=ago(minutes=5), WarmPoolStatus={'Status': 'Available'}, **FIGURES)]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    described = [describe_due(ledger, fleet, NOW + minute * MINUTE) for minute in range(1, 11)]
    assert list(chain.from_iterable(described)) == ['job'] * 2


def test_a_resource_that_was_not_sent_is_owed() -> None:
    ledger, fleet = new_ledger(), [ended(at=ago(minutes=5))]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    [entry] = ledger.entries.values()
    assert due(ledger) == []
    entry.resource_sent_at = None
    assert due(ledger) == ['job']
    assert due_entries(ledger, NOW, resource_refresh=None) == []


def test_a_denied_job_is_no_pending_change_and_is_tried_again_at_the_refresh() -> None:
    ledger = new_ledger()
    listed(ledger, [answer()])
    [entry] = due_entries(ledger, NOW)
    ledger.denied(entry, DENIED, NOW)
    assert list(ledger.pending()) == []
    assert due(ledger, NOW + timedelta(seconds=1)) == []
    assert due(ledger, NOW + 5 * MINUTE) == ['job']


def test_an_end_that_is_listed_waits_for_its_description() -> None:
    ledger = new_ledger()
    listed(ledger, [answer()])
    [entry] = ledger.entries.values()
    entry.described(from_description(answer(), scrub=str), NOW)
    assert ledger.owed(NOW, with_tags=False) == [entry]
    listed(ledger, [ended(status='Failed')], NOW + MINUTE)
    assert ledger.owed(NOW + MINUTE, with_tags=False) == []
    ledger.denied(entry, DENIED, NOW + MINUTE)
    assert ledger.owed(NOW + MINUTE, with_tags=False) == [entry]


def test_a_change_whose_description_fails_is_tried_again_within_a_few_polls_whatever_else_is_due() -> None:
    ledger, fleet = new_ledger(), [answer(f'job-{number}', CreationTime=ago(hours=2)) for number in range(1_700)]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    fleet[0] = answer('job-0', SecondaryStatus='Uploading', CreationTime=ago(hours=2))
    tried = []
    for minute in range(1, 31):
        now = NOW + minute * MINUTE
        listed(ledger, fleet, now)
        described = due_entries(ledger, now)[:100]
        if described[0].job.name == 'job-0':
            tried.append(minute)
            described[0].failed(DENIED, now, is_own=True)
        for entry in described[1:]:
            entry.described(entry.job, now)
        assert 'job-0' not in [entry.job.name for entry in described[1:]]
    assert tried == [1, 2, 3, 5, 9, 14, 19, 24, 29]


def test_however_often_a_describe_has_failed_the_pause_has_a_bound() -> None:
    ledger = new_ledger()
    listed(ledger, [answer()])
    [entry] = ledger.entries.values()
    for _ in range(2_000):  # a day and more of trouble
        entry.failed(DENIED, NOW, is_own=True)
    assert entry.retry_at - NOW == timedelta(minutes=5)


def test_whoever_stands_behind_has_a_share() -> None:
    ledger = new_ledger()
    listed(ledger, [answer(f'new-{number:02}') for number in range(40)])
    for entry in list(ledger.entries.values())[:20]:
        entry.failures = 1
    order = due(ledger)
    assert [order.index(f'new-{number:02}') for number in (0, 1, 2)] == [9, 19, 22]


def test_refreshes_of_what_is_not_listed_come_first_and_leave_the_others_a_share() -> None:
    ledger, fleet = new_ledger(), [answer(f'job-{number:02}', CreationTime=ago(hours=2)) for number in range(40)]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    later = NOW + timedelta(hours=1)
    for entry in list(ledger.entries.values())[:20]:
        entry.listed_at = later
    order = [entry.listed_at == later for entry in due_entries(ledger, later)]
    assert order[:20] == ([False] * 9 + [True]) * 2
    assert order.count(True) == 20


def test_figures_that_are_missing_at_the_end_are_looked_for_a_few_times() -> None:
    ledger, fleet = new_ledger(), [ended(at=NOW, CreationTime=ago(hours=1))]
    listed(ledger, fleet)
    described = [minute for minute in range(90) if describe_due(ledger, fleet, NOW + minute * MINUTE)]
    assert described[:6] == [0, 1, 3, 7, 15, 31]
    assert len(described) <= 6 + 2, 'and the resource once an hour'
    complete = new_ledger()
    listed(complete, fleet)
    describe_due(complete, fleet)
    assert describe_due(complete, [ended(at=NOW, CreationTime=ago(hours=1), **FIGURES)], NOW + MINUTE) == ['job']
    assert describe_due(complete, fleet, NOW + 3 * MINUTE) == []
