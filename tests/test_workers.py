# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from collections import Counter
from collections.abc import Callable
from threading import Barrier, BrokenBarrierError, Lock

import pytest

from datadog_checks.sagemaker_training.workers import Workers


def meeting(parties: int) -> Callable[[int], bool]:
    """Whether so many calls are under way at the same time; they wait for each other, at most a second."""
    barrier = Barrier(parties)

    def call(_: int) -> bool:
        try:
            barrier.wait(1)
        except BrokenBarrierError:
            return False
        return True

    return call


@pytest.mark.parametrize(
    ('idle', 'parties', 'meet'),
    [(0, 8, True), (0, 9, False), (7, 1, True), (7, 2, False), (3, 5, True), (3, 6, False)],
)
def test_a_region_has_what_the_others_do_not_keep(idle: int, parties: int, meet: bool) -> None:
    with Workers(8, 8) as workers, workers.share_of('busy'):
        others = [workers.share_of(f'idle-{number}') for number in range(idle)]
        for other in others:
            other.__enter__()
        results = workers.map('busy', 64, meeting(parties), range(parties))
        for other in others:
            other.__exit__(None, None, None)
    assert all(results) == meet


def test_no_more_than_the_rate_allows() -> None:
    with Workers(8, 1) as workers, workers.share_of('slow'):
        assert not all(workers.map('slow', 2, meeting(3), range(3)))
        assert all(workers.map('slow', 2, meeting(2), range(2)))


def test_results_are_in_order_and_an_error_leaves_nothing_under_way() -> None:
    done: Counter[int] = Counter()
    lock = Lock()

    def call(number: int) -> int:
        with lock:
            done[number] += 1
        return 10 // (number - 3)

    with Workers(4, 2) as workers:
        with workers.share_of('a'):
            assert workers.map('a', 4, str, range(20)) == [str(number) for number in range(20)]
            with pytest.raises(ZeroDivisionError):
                workers.map('a', 4, call, range(10))
        assert done == Counter(range(10))
        with workers.share_of('b'):
            assert workers.map('b', 4, str, range(5)) == ['0', '1', '2', '3', '4'], 'all are free again'
