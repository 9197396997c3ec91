# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Text that outlives writes that are lost or torn: the files are a mapping here."""

from collections.abc import Callable

import pytest

from datadog_checks.sagemaker_training.store import Fault, Store

FIRST, SECOND = 'ledger', 'ledger_2'


def store(files: dict[str, str]) -> Store:
    return Store('ledger', lambda key: files.get(key, ''), files.__setitem__)


def saved(*texts: str) -> dict[str, str]:
    files: dict[str, str] = {}
    writer = store(files)
    for text in texts:
        assert writer.save(text, at=0)
    return files


def loaded(files: dict[str, str]) -> tuple[str, Fault | None]:
    reader = store(files)
    fault = reader.load()
    return reader.text, fault


def test_the_newest_of_two_is_kept_and_the_older_overwritten() -> None:
    assert [loaded(saved(*'abc'[:count]))[0] for count in range(4)] == ['', 'a', 'b', 'c']
    assert [FIRST in files for files in (saved('a'), saved('a', 'b'))] == [True, True]
    assert saved('a', 'b').keys() == {FIRST, SECOND}
    again = store(files := saved('a', 'b'))
    again.load()
    again.save('c', at=0)
    assert loaded(files) == ('c', None)
    assert files[SECOND] == saved('a', 'b')[SECOND]


@pytest.mark.parametrize(
    ('damage', 'fault'),
    [
        (lambda text: '', None),
        (lambda text: text[: len(text) // 2], Fault.DAMAGED),
        (lambda text: text[:-1], Fault.DAMAGED),
        (lambda text: 'garbage', Fault.DAMAGED),
    ],
)
def test_damage_to_the_newest_costs_one_save(damage: Callable[[str], str], fault: Fault | None) -> None:
    files = saved('one', 'two', 'three')
    files[FIRST] = damage(files[FIRST])
    assert loaded(files) == ('two', fault)


def test_a_file_that_cannot_be_read_hides_no_other_and_is_overwritten_as_soon_as_it_can_be() -> None:
    files = saved('one', 'two', 'three')

    def read(key: str) -> str:
        if key == FIRST and files[FIRST].endswith('three'):
            raise RuntimeError('failed to read data')
        return files[key]

    reader = Store('ledger', read, files.__setitem__)
    assert (reader.load(), reader.text) == (Fault.UNREADABLE, 'two')
    assert reader.save('two', at=10**9), 'also where nothing changed'
    assert loaded(files) == ('two', None), 'and newer than the one that could not be read'


@pytest.mark.parametrize('raised', [RuntimeError, ValueError])
def test_a_write_that_does_not_take_is_tried_again_and_leaves_the_last_intact_text_alone(raised: type) -> None:
    files = saved('one', 'two')
    writes: list[str] = []

    def truncate(key: str, _: str) -> None:
        writes.append(key)
        files[key] = ''

    def fail(key: str, _: str) -> None:
        raise raised('embedded null character')

    for write in (truncate, fail):
        broken = Store('ledger', lambda key: files.get(key, ''), write)
        broken.load()
        assert not broken.save('three', at=0)
        assert not broken.save('three', at=0)
        assert broken.save('two', at=0), 'which is there'
    assert writes == [FIRST, FIRST]
    assert loaded(files) == ('two', None)


def test_where_nothing_is_known_to_be_intact_either_file_will_do() -> None:
    files: dict[str, str] = {}
    writer = Store(
        'ledger', lambda key: files.get(key, ''), lambda key, text: key == FIRST or files.update({key: text})
    )
    assert [writer.save('one', at=0), writer.save('one', at=0)] == [False, True]
    assert loaded(files) == ('one', None)


def test_what_version_0_1_0_saved_is_taken_up() -> None:
    files = {FIRST: '{"version":1}'}
    assert loaded(files) == ('{"version":1}', None)
    writer = store(files)
    writer.load()
    assert writer.number == 0
    assert writer.save('new', at=5)
    assert files[FIRST] == '{"version":1}'
    assert loaded(files) == ('new', None)
