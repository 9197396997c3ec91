# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The parallel calls of one instance: each region has a fair share of them, and what is not used is lent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Condition
from typing import Self


class Workers:
    """`count` threads for regions of which at most `regions` take part at a time. A context; its end waits for all."""

    def __init__(self, count: int, regions: int) -> None:
        self._count = count
        self._share = max(1, count // regions)
        self._busy: dict[str, int] = {}  # by region that takes part
        self._changed = Condition()
        self._executor = ThreadPoolExecutor(count, 'sagemaker_training')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    @contextmanager
    def share_of(self, region: str) -> Iterator[None]:
        """Keep a share for the region meanwhile."""
        with self._changed:
            self._busy[region] = 0
        try:
            yield
        finally:
            with self._changed:
                del self._busy[region]
                self._changed.notify_all()

    def map[T, R](self, region: str, most: int, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """The results, by at most `most` at a time, for a region that has a share. Errors are raised after the last."""
        futures = []
        for item in items:
            with self._changed:
                self._changed.wait_for(lambda: self._may_begin(region, most))
                self._busy[region] += 1
            futures.append(self._executor.submit(self._work, region, function, item))
        wait(futures)
        return [future.result() for future in futures]

    def _may_begin(self, region: str, most: int) -> bool:
        own = self._busy[region]
        kept = sum(max(self._share - busy, 0) for other, busy in self._busy.items() if other != region)
        is_free = sum(self._busy.values()) < self._count
        return own < most and is_free and (own < self._share or sum(self._busy.values()) + kept < self._count)

    def _work[T, R](self, region: str, function: Callable[[T], R], item: T) -> R:
        try:
            return function(item)
        finally:
            with self._changed:
                self._busy[region] -= 1
                self._changed.notify_all()
