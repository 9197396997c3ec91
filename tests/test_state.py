# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import json
from datetime import timedelta
from typing import Any

import pytest

from datadog_checks.sagemaker_training import state
from datadog_checks.sagemaker_training.cursors import Cursors
from datadog_checks.sagemaker_training.due import due
from datadog_checks.sagemaker_training.ledger import Ledger
from datadog_checks.sagemaker_training.listing import BOUNDARY
from datadog_checks.sagemaker_training.reading import from_description, from_summary

from .builders import NOW, REGION, ago, answer, arn, ended

MINUTE = timedelta(minutes=1)
USE = ('usage.training_time', 'usage.billable_time')


def listed(*answers: dict[str, Any]) -> Ledger:
    """A ledger that has listed the answers, newest first, and more is left to be listed."""
    ledger = new_ledger()
    head = ledger.head(NOW)
    ledger.observe(map(from_summary, answers), head, NOW, answered_at=NOW + MINUTE)
    ledger.broke_off(head)
    return ledger


def new_ledger() -> Ledger:
    return Ledger(timedelta(hours=24), lambda name: True)


def restored(ledger: Ledger) -> Ledger:
    copy = new_ledger()
    assert state.restore(copy, state.dump(ledger), NOW)
    return copy


def test_what_is_restored_is_what_was_saved() -> None:
    ledger = listed(
        answer('open'),
        ended('pool', at=NOW, CreationTime=ago(hours=2, microseconds=1000), WarmPoolStatus={'Status': 'Available'}),
    )
    first, second = ledger.entries.values()
    first.counted = {'jobs.created': 1, 'jobs.interrupted': 3}
    first.resource_digest, first.resource_sent_at = '0123456789abcdef', NOW
    second.changed_at = None
    copy = restored(ledger)
    assert state.dump(copy) == state.dump(ledger)
    assert copy.entries.keys() == ledger.entries.keys()
    assert copy.head(NOW + MINUTE).after == ledger.head(NOW + MINUTE).after
    assert [(entry.counted, entry.listed, entry.job.is_live) for entry in copy.entries.values()] == [
        (first.counted, first.listed, True),
        ({}, second.listed, True),
    ]
    assert copy.started == NOW + MINUTE + BOUNDARY, "AWS's clock"


@pytest.mark.parametrize(
    'counted',
    [
        dict.fromkeys(USE, 7) | {'jobs.created': 1},
        dict.fromkeys(USE, 0),
        {USE[0]: 7, USE[1]: 3},
        {USE[0]: 7},
        {USE[1]: 7},
    ],
)
def test_use_is_restored_whether_its_times_are_the_same_or_not(counted: dict[str, int]) -> None:
    ledger = listed(answer())
    [entry] = ledger.entries.values()
    entry.counted, entry.spent = counted, 12.34567
    [copy] = restored(ledger).entries.values()
    assert (copy.counted, copy.spent) == (counted, 12.3457)


def test_what_was_seen_but_not_counted_is_still_owed() -> None:
    ledger = listed(answer())
    [entry] = ledger.entries.values()
    entry.described(from_description(ended(), scrub=str), NOW)
    assert list(ledger.pending()) == []
    assert list(restored(ledger).pending()) == [NOW]


def test_all_is_described_once_after_a_restart_and_a_change_comes_first() -> None:
    ledger = listed(answer('changed'), answer('quiet', CreationTime=ago(hours=2)))
    for entry in ledger.entries.values():
        entry.described(entry.job, NOW)
        entry.owed_at = None
        entry.resource_sent_at = NOW
    copy = restored(ledger)
    head = copy.head(NOW + MINUTE)
    copy.observe([from_summary(ended('changed', at=NOW + 2 * MINUTE))], head, NOW + MINUTE)
    assert [entry.job.name for entry in due(copy.entries.values(), NOW + MINUTE, 5 * MINUTE, 60 * MINUTE)] == [
        'changed',
        'quiet',
    ]
    assert list(copy.pending()) == [NOW + MINUTE]


def test_a_name_that_aws_writes_in_small_letters_in_the_arn_is_the_same_job_after_a_restart() -> None:
    ledger = listed(answer('MyJob', TrainingJobArn=arn('myjob')), answer('other', CreationTime=ago(hours=2)))
    for entry in ledger.entries.values():
        entry.counted = {'jobs.created': 1}
    copy = restored(ledger)
    assert copy.entries.keys() == ledger.entries.keys()
    assert state.dump(copy) == state.dump(ledger)
    old = json.loads(state.dump(ledger))  # as version 0.1.0 saved it
    [(prefix, jobs)] = old['jobs'].items()
    old['jobs'] = {prefix: jobs[1:], arn('myjob'): [jobs[0] | {'arn_name': ''}]}
    update = new_ledger()
    assert state.restore(update, json.dumps(old), NOW)
    assert update.entries.keys() == ledger.entries.keys()


def test_nothing_is_saved_before_anything_was_listed() -> None:
    assert state.dump(new_ledger()) == ''


def test_an_open_job_takes_at_most_500_bytes() -> None:
    names = [f'{"a-name-as-long-as-they-can-be":-<58}{number:05}' for number in range(1000)]
    long_lived = {
        'SecondaryStatus': 'DownloadingTrainingImage',
        'LastModifiedTime': NOW + timedelta(microseconds=123000),
        'WarmPoolStatus': {'Status': 'InUse'},
    }
    ledger = listed(
        *(answer(name, region='ap-southeast-2', CreationTime=ago(seconds=1.123), **long_lived) for name in names)
    )
    for entry in ledger.entries.values():
        entry.counted = {'transitions': 111, 'jobs.created': 1, 'jobs.interrupted': 22} | dict.fromkeys(USE, 2_419_199)
        entry.spent = 123456.78901234567
        entry.resource_digest, entry.resource_sent_at = '0123456789abcdef', NOW + timedelta(microseconds=123456)
        entry.changed_at = NOW + timedelta(microseconds=123456)
    assert len(ledger.entries) == 1000
    assert len(state.dump(ledger)) / 1000 <= 500


def _version(text: str, version: int) -> str:
    return json.dumps(json.loads(text) | {'version': version})


@pytest.mark.parametrize(
    'damage',
    [
        lambda text: text[: len(text) // 2],
        lambda text: 'null',
        lambda text: '{}',
        lambda text: '[]',
        lambda text: '\x00\x01',
        lambda text: text.replace('"rank"', '"place"'),
        lambda text: text.replace(str(NOW.year), 'year'),
        lambda text: _version(text, 0),
        lambda text: _version(text, 3),
    ],
)
def test_what_is_damaged_or_of_another_version_is_refused_as_a_whole(damage: Any) -> None:
    text = state.dump(listed(answer()))
    assert state.restore(new_ledger(), text, NOW)
    copy = new_ledger()
    with pytest.raises(ValueError, match='validation error'):
        state.restore(copy, damage(text), NOW)
    assert state.dump(copy) == ''


def test_a_cursor_is_ahead_of_the_ledger_for_known_and_for_new_jobs() -> None:
    before, after = listed(answer('known')), listed(answer('known'))
    [known] = before.entries.values()
    known.counted['transitions'] = 2
    cursors = Cursors(REGION)
    cursors.note((known.job.arn, known.job.created), 4)
    stream, cursor = cursors.note((arn('new'), NOW), 3)
    logged = Cursors(REGION).restore(0, {stream: json.loads(json.dumps(cursor))}.get)
    state.restore_logged(after, logged)
    state.restore_logged(before := restored(after), ())
    assert before.logged == {(arn('new'), NOW): 3}, 'the state tells it on'
    after.observe([from_summary(answer('new', CreationTime=NOW))], after.head(NOW + MINUTE), NOW + MINUTE)
    assert {entry.job.name: entry.counted for entry in after.entries.values()} == {
        'known': {'transitions': 4},
        'new': {'transitions': 3},
    }


@pytest.mark.parametrize('damaged', [7, {'after': 0}, {'logged': 'x'}, {'logged': [['arn', 'now', 1]]}])
def test_a_damaged_cursor_is_refused(damaged: Any) -> None:
    with pytest.raises(ValueError, match='validation error'):
        list(Cursors(REGION).restore(0, lambda stream: damaged))


def test_cursors_of_a_state_before_the_last_one_count_for_nothing() -> None:
    cursors, files = Cursors(REGION), {}
    for number in range(20):
        stream, files[stream] = cursors.note((arn(f'job-{number}'), NOW), 1)
    assert len(list(Cursors(REGION).restore(0, files.get))) == 20
    cursors.begin(1)
    stream, files[stream] = cursors.note((arn('later'), NOW), 2)
    assert list(Cursors(REGION).restore(1, files.get)) == [(arn('later'), NOW, 2)]
    assert list(Cursors(REGION).restore(2, files.get)) == []
