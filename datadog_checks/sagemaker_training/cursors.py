# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Which logs were sent since the state was saved: each log takes a cursor along, of a size that has a bound.

The cursor of a log tells how many logs were sent of each of a few jobs. Then the next one begins, under a name of its
own. All of them belong to the state that was saved last, by its number: once another one is saved, they count for
nothing, and are overwritten one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from pydantic import TypeAdapter

from .entry import Key

# Of ARNs as long as they can be, a cursor takes 2 KB.
JOBS_IN_ONE = 8
# More would be as many small files; then it is time to save the state.
MOST_CURSORS = 64

type Logged = tuple[str, datetime, int]


@dataclass(frozen=True, slots=True)
class Cursor:
    """ARN and creation time of a job, and how many of its transitions have been sent; `after` which saved state.

    Version 0.1.0 had one cursor, and did not number what it saved.
    """

    logged: list[Logged]
    after: int = 0


_CURSOR = TypeAdapter(Cursor)


class Cursors:
    """Those of one region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._after = 0
        self._index = 0
        self._logged: dict[Key, int] = {}  # of the present one

    def begin(self, after: int) -> None:
        """The state with this number is saved, or was so already."""
        if after != self._after:
            self._after, self._index, self._logged = after, 0, {}

    def restore(self, after: int, read: Callable[[str], Any]) -> Iterator[Logged]:
        """What was sent after the state with this number; `read` is the Agent's for the cursor of a stream.

        Raises:
            RuntimeError: one cannot be read
            ValueError: one is damaged
        """
        self.begin(after)
        for self._index in count():
            if not (cursor := read(self._stream)):
                return
            known = _CURSOR.validate_python(cursor)
            if known.after != after:
                return
            yield from known.logged

    def note(self, key: Key, number: int) -> tuple[str, dict[str, Any]]:
        """Stream and cursor of a job's log that has this number among its logs."""
        if key not in self._logged and len(self._logged) == JOBS_IN_ONE:
            self._index, self._logged = self._index + 1, {}
        self._logged[key] = number
        logged = [(arn, created, sent) for (arn, created), sent in self._logged.items()]
        return self._stream, _CURSOR.dump_python(Cursor(logged, self._after), mode='json')

    @property
    def are_many(self) -> bool:
        return self._index >= MOST_CURSORS

    @property
    def _stream(self) -> str:
        return f'{self._region}_{self._index}' if self._index else self._region
