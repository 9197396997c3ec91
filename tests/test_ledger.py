# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What a ledger keeps of the listing, and for how long."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import batched
from typing import Any

import pytest

from datadog_checks.sagemaker_training.ledger import Ledger
from datadog_checks.sagemaker_training.listing import LONGEST_LIFE
from datadog_checks.sagemaker_training.reading import from_summary

from .builders import FIGURES, NOW, ago, answer, ended
from .ledgers import HISTORY, HOUR, MINUTE, SECOND, describe_due, due, listed, new_ledger


def test_a_first_start_looks_back_as_far_as_a_job_can_run() -> None:
    head = new_ledger().head(NOW)
    assert (head.after, head.before, head.history) == (NOW - LONGEST_LIFE - HISTORY, None, True)


def test_a_first_start_takes_in_open_jobs_warm_pools_and_recent_ends() -> None:
    ledger = new_ledger()
    listed(
        ledger,
        [
            answer('old-but-open', CreationTime=ago(days=21)),
            ended('recent', at=ago(hours=23), CreationTime=ago(hours=25)),
            ended('old', at=ago(hours=25), CreationTime=ago(hours=26)),
            ended('pool', at=ago(hours=25), CreationTime=ago(hours=27), WarmPoolStatus={'Status': 'Available'}),
            answer('excluded-by-name'),
        ],
    )
    assert {entry.job.name for entry in ledger.entries.values()} == {'old-but-open', 'recent', 'pool'}


def test_a_clock_that_is_put_back_stops_nothing() -> None:
    ledger, fleet = new_ledger(), [answer()]
    listed(ledger, fleet, NOW + 24 * HOUR)
    describe_due(ledger, fleet, NOW + 24 * HOUR)
    assert due(ledger, NOW) == ['job']


def test_jobs_at_the_end_of_what_was_listed_stay_until_the_rest_is_listed() -> None:
    ledger = new_ledger()
    listed(ledger, [])
    head = ledger.head(NOW + HOUR)
    page = [
        ended(f'job-{n}', at=NOW + 30 * MINUTE, CreationTime=NOW + (20 - 6 * n) * MINUTE, **FIGURES) for n in range(3)
    ]
    ledger.observe(map(from_summary, page), head, NOW + HOUR)
    ledger.broke_off(head)
    describe_due(ledger, page, NOW + HOUR)
    ledger.prune(NOW + HOUR, keep=timedelta(0))
    assert {entry.job.name for entry in ledger.entries.values()} == {'job-0', 'job-2'}, (
        'the newest, and the last listed'
    )


def test_what_began_and_ended_between_two_polls_is_news_and_what_was_known_to_be_over_is_not() -> None:
    ledger = new_ledger()
    listed(ledger, [answer('first')])
    short = ended('short', at=NOW + 30 * MINUTE, CreationTime=NOW + 10 * MINUTE)
    listed(ledger, [answer('first'), short, ended('long-over', at=ago(days=2), CreationTime=ago(days=3))], NOW + HOUR)
    assert {entry.job.name for entry in ledger.entries.values()} == {'first', 'short'}


def test_what_was_over_at_the_first_poll_does_not_become_news() -> None:
    ledger = Ledger(timedelta(0), lambda name: True)
    listed(ledger, [ended('over', at=ago(minutes=1), CreationTime=ago(minutes=2))])
    listed(ledger, [ended('over', at=ago(minutes=1), CreationTime=ago(minutes=2))], NOW + MINUTE)
    assert ledger.entries == {}


def test_what_was_open_at_the_first_poll_and_over_when_the_listing_got_to_it_is_no_history() -> None:
    ledger = new_ledger()
    head = ledger.head(NOW)
    ledger.observe([from_summary(answer('newest'))], head, NOW)
    ledger.broke_off(head)
    ledger.head(NOW + MINUTE)
    jobs = [ended('just-over', at=NOW + MINUTE / 2, CreationTime=ago(days=2)), ended('over', CreationTime=ago(days=3))]
    ledger.observe(map(from_summary, jobs), head, NOW + MINUTE)
    assert {entry.job.name: entry.is_history for entry in ledger.entries.values()} == {
        'newest': False,
        'just-over': False,
        'over': True,
    }


def test_the_first_jobs_of_an_empty_account_are_news() -> None:
    ledger = new_ledger()
    listed(ledger, [])
    listed(ledger, [ended('short', at=NOW + 30 * MINUTE, CreationTime=NOW + 10 * MINUTE)], NOW + HOUR)
    assert [entry.is_history for entry in ledger.entries.values()] == [False]


def test_a_job_leaves_some_time_after_its_end_and_does_not_come_back() -> None:
    ledger, fleet = new_ledger(), [answer('open'), ended('over', at=NOW, CreationTime=ago(minutes=90), **FIGURES)]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    ledger.prune(NOW + HOUR - MINUTE, keep=HOUR)
    assert len(ledger.entries) == 2
    ledger.prune(NOW + HOUR, keep=HOUR)
    listed(ledger, fleet, NOW + HOUR)
    assert [entry.job.name for entry in ledger.entries.values()] == ['open']


def test_the_newest_job_stays_as_long_as_the_listing_would_offer_it_as_news() -> None:
    ledger, later = new_ledger(), NOW + HOUR
    listed(ledger, [])
    short = [ended('short', at=later - MINUTE / 4, CreationTime=later - MINUTE / 2, **FIGURES)]
    described = []
    for minute in range(30):
        now = later + minute * MINUTE
        ledger.prune(now, keep=timedelta(0))
        listed(ledger, short, now)
        described += describe_due(ledger, short, now)
    assert described == ['short']
    assert ledger.entries == {}, 'it is let go once no listing offers it any more'


def test_an_end_that_could_not_be_described_stays() -> None:
    ledger = new_ledger()
    listed(ledger, [answer('newer'), ended('over', at=NOW, CreationTime=ago(minutes=90))])
    ledger.prune(NOW + 48 * HOUR, keep=HOUR)
    assert due(ledger, NOW + 48 * HOUR) == ['newer', 'over']


def test_a_reused_name_is_another_job() -> None:
    ledger = new_ledger()
    listed(ledger, [answer(CreationTime=ago(hours=3))])
    listed(ledger, [answer(CreationTime=ago(hours=1))], NOW + MINUTE)
    assert len(ledger.entries) == 2


def test_a_listing_that_breaks_off_leaves_the_rest_to_be_listed() -> None:
    ledger = new_ledger()
    listed(ledger, [answer('known', CreationTime=ago(hours=5))])
    head = ledger.head(NOW + MINUTE)
    ledger.observe([from_summary(answer('new', CreationTime=ago(hours=1)))], head, NOW + MINUTE)
    ledger.broke_off(head)
    [stretch] = ledger.stretches
    assert (stretch.after, stretch.before, stretch.history) == (ago(hours=5), ago(hours=1), False)
    assert ledger.head(NOW + 2 * MINUTE).after == ago(hours=1, minutes=5)
    missed = ended('missed', at=ago(hours=2), CreationTime=ago(hours=3))
    ledger.observe([from_summary(missed)], stretch, NOW + 2 * MINUTE)
    ledger.listed(stretch)
    assert 'missed' in due(ledger, NOW + 2 * MINUTE)
    assert ledger.stretches == []


def test_a_job_that_shows_minutes_late_is_news_and_then_no_more() -> None:
    ledger = new_ledger()
    listed(ledger, [answer('first', CreationTime=ago(hours=1))])
    newest = answer('newest', CreationTime=NOW)
    listed(ledger, [newest], NOW + MINUTE)
    late = ended('late', CreationTime=NOW - 4 * MINUTE, at=NOW - 2 * MINUTE)
    listed(ledger, [newest, late], NOW + 5 * MINUTE)
    assert 'late' in due(ledger, NOW + 5 * MINUTE)
    listed(ledger, [newest], NOW + 6 * MINUTE)
    assert ledger.head(NOW + HOUR).after == NOW
    later = ended('later', CreationTime=NOW - 3 * MINUTE, at=NOW - 2 * MINUTE)
    listed(ledger, [newest, later], NOW + HOUR)
    assert 'later' not in due(ledger, NOW + HOUR)


def test_what_was_settled_is_not_news_again_for_a_job_that_shows_very_late() -> None:
    ledger = new_ledger()
    listed(ledger, [])
    newest = ended('newest', CreationTime=NOW + MINUTE, at=NOW + 2 * MINUTE, **FIGURES)
    for minute in (3, 9):
        listed(ledger, [newest], NOW + minute * MINUTE)
        describe_due(ledger, [newest], NOW + minute * MINUTE)
    ledger.prune(NOW + HOUR, keep=timedelta(0))
    ledger.head(NOW + HOUR)
    ledger.prune(NOW + HOUR, keep=timedelta(0))
    assert ledger.entries == {}
    late = answer('late', CreationTime=NOW + 2 * MINUTE)
    for _ in range(2):
        listed(ledger, [newest, late], NOW + HOUR)
        assert {entry.job.name for entry in ledger.entries.values()} == {'late'}


@pytest.mark.parametrize(('apart', 'listed_jobs'), [(0.2, 400), (1, 200)])
def test_the_overlap_costs_two_pages_or_a_minute_at_most(apart: float, listed_jobs: int) -> None:
    ledger = new_ledger()
    listed(ledger, [])
    fleet = [ended(f'job-{number}', CreationTime=NOW + 5 * MINUTE - number * apart * SECOND) for number in range(1_500)]
    listed(ledger, fleet, NOW + 5 * MINUTE)
    head = ledger.head(NOW + 6 * MINUTE)
    for page in batched(fleet, 100):
        ledger.observe(map(from_summary, page), head, NOW + 6 * MINUTE)
        if head.is_covered:
            break
    assert head.rank == listed_jobs


def test_a_listing_that_shows_nothing_leaves_nothing_out() -> None:
    ledger = new_ledger()
    ledger.broke_off(ledger.head(NOW))
    assert ledger.stretches == []
    assert ledger.head(NOW).history


@pytest.mark.parametrize(
    ('open_ranks', 'page_cost', 'pages'),
    [
        ([], 1, 1),
        (range(60), 1, 1),
        (range(150), 1, 2),  # 2 List instead of 1 List and 50 Describe
        (range(150), 50, 1),
        (range(151), 50, 2),
        ([0, 199], 1, 1),  # 1 List and 1 Describe, not 2 List
        ([0, 198, 199], 1, 2),
        (range(0, 20_000, 333), 1, 1),  # one open job on every third page
        ([*range(300, 400)], 1, 4),
        ([*range(300, 400)], 50, 1),
        ([5_000], 1, 1),
    ],
)
def test_another_page_is_listed_where_it_shows_more_open_jobs_than_it_costs(
    open_ranks: Iterable[int], page_cost: float, pages: int
) -> None:
    ledger, open_ = new_ledger(), set(open_ranks)
    listed(
        ledger,
        (
            (answer if rank in open_ else ended)(f'job-{rank}', CreationTime=ago(seconds=rank))
            for rank in range(max(open_, default=0) + 1)
        ),
    )
    assert ledger.pages_worth_listing(100, page_cost) == pages


def test_ranks_move_down_as_jobs_come_on_top() -> None:
    ledger = new_ledger()
    listed(ledger, [answer('old', CreationTime=ago(days=1)), answer('older', CreationTime=ago(days=2))])
    head = ledger.head(NOW + MINUTE)
    newcomers = (answer(f'new-{n}', CreationTime=NOW - timedelta(seconds=n)) for n in range(150))
    ledger.observe(map(from_summary, newcomers), head, NOW + MINUTE)
    ledger.shift(head, NOW + MINUTE)
    ranks = {entry.job.name: entry.rank for entry in ledger.entries.values()}
    assert (ranks['new-0'], ranks['new-149'], ranks['old'], ranks['older']) == (0, 149, 150, 151)


def test_what_a_left_over_stretch_will_show_again_is_not_dropped() -> None:
    ledger = new_ledger()
    listed(ledger, [answer('older', CreationTime=ago(hours=3))])
    known = ended('known', at=NOW, CreationTime=NOW - MINUTE / 2)
    listed(ledger, [known], NOW)
    describe_due(ledger, [known, answer('older', CreationTime=ago(hours=3))], NOW)
    head = ledger.head(NOW + MINUTE)
    new = answer('new', CreationTime=NOW + MINUTE)
    ledger.observe([from_summary(new)], head, NOW + MINUTE)
    ledger.broke_off(head)
    ledger.prune(NOW + 24 * HOUR, keep=timedelta(0))
    assert 'known' in {entry.job.name for entry in ledger.entries.values()}


def test_one_wrong_not_found_ends_no_job() -> None:
    ledger, fleet = new_ledger(), [answer('newest'), answer('old', CreationTime=ago(hours=3))]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    old = next(entry for entry in ledger.entries.values() if entry.job.name == 'old')
    old.listed_at, ledger.shown_until = None, ago(hours=2)  # beyond the pages that are listed
    ledger.not_found(old, NOW + MINUTE)
    assert old in ledger.entries.values()
    old.described(old.job, NOW + 2 * MINUTE)
    ledger.not_found(old, NOW + 3 * MINUTE)
    assert old in ledger.entries.values(), 'not twice in a row'
    ledger.not_found(old, NOW + 4 * MINUTE)
    assert old in ledger.gone.values()


def test_a_job_that_neither_listing_nor_describe_show_is_gone_at_once() -> None:
    ledger, fleet = new_ledger(), [answer('newest'), answer('old', CreationTime=ago(hours=3))]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    listed(ledger, [answer('newest'), answer('older', CreationTime=ago(hours=4))], NOW + MINUTE)
    old = next(entry for entry in ledger.entries.values() if entry.job.name == 'old')
    ledger.not_found(old, NOW + MINUTE)
    assert old in ledger.gone.values()


@pytest.mark.parametrize(
    'fields',
    [{}, {'TrainingJobStatus': 'Completed', 'TrainingEndTime': NOW, 'WarmPoolStatus': {'Status': 'Available'}}],
    ids=['open', 'warm pool'],
)
def test_a_job_that_is_not_found_while_it_is_listed_keeps_what_was_counted(fields: dict[str, Any]) -> None:
    ledger, fleet = new_ledger(), [answer('newest'), answer('lost', CreationTime=ago(hours=3), **fields)]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    lost = next(entry for entry in ledger.entries.values() if entry.job.name == 'lost')
    lost.counted = {'jobs.created': 1}
    for minute in range(1, 8):
        now = NOW + minute * MINUTE
        ledger.prune(now, HOUR)
        listed(ledger, fleet, now)
        assert ledger.entries[lost.job.arn, lost.job.created] is lost
        ledger.not_found(lost, now)
        lost.owed_at = None


def test_a_job_that_is_gone_from_the_listing_for_a_while_keeps_what_was_counted() -> None:
    ledger, fleet = new_ledger(), [answer('newest'), answer('lost', CreationTime=ago(hours=3))]
    listed(ledger, fleet)
    lost = next(entry for entry in ledger.entries.values() if entry.job.name == 'lost')
    ledger.forget(lost, NOW)
    lost.owed_at = None
    ledger.prune(NOW + HOUR, HOUR)
    listed(ledger, fleet, NOW + HOUR)
    assert ledger.entries[lost.job.arn, lost.job.created] is lost
    ledger.forget(lost, NOW + HOUR)
    lost.owed_at = None
    ledger.prune(NOW + 26 * HOUR, HOUR)
    assert ledger.gone == {}


def test_a_job_is_not_let_go_while_its_figures_are_looked_for() -> None:
    ledger, fleet = new_ledger(), [answer('newest'), ended('over', at=ago(hours=2), CreationTime=ago(hours=3))]
    listed(ledger, fleet)
    describe_due(ledger, fleet)
    ledger.prune(NOW, keep=timedelta(0))
    assert len(ledger.entries) == 2
