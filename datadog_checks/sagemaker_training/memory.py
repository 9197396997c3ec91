# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What outlives a restart of one region: its ledger, and which logs were sent since that was saved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from . import state
from .cursors import Cursors
from .entry import Key
from .ledger import Ledger
from .store import Fault, Read, Store, Write

ANOTHER_AGENT = 'another Agent may have polled meanwhile'
GOES_ON = 'This goes on with the one before: what the last poll has counted may be counted again.'
STARTS = (
    'This is a first start: what happened to jobs since the last poll is not counted, and jobs that ended become '
    'resources within `history_hours`.'
)


class Memory:
    """The region's, by the Agent's functions for its persistent cache.

    Attributes:
        is_lost: the last ledger to be saved could not be; it is tried again with the next one
        is_complete: what is saved tells all that was counted, and can be gone on with
    """

    def __init__(self, region: str, read: Read, write: Write, read_cursor: Callable[[str], Any]) -> None:
        self.is_lost = False
        self.is_complete = False
        self._store = Store(f'ledger_{region}', read, write)
        self._cursors = Cursors(region)
        self._read_cursor = read_cursor

    def load(
        self, new_ledger: Callable[[], Ledger], too_old: datetime, out_of_date: Callable[[Ledger], str]
    ) -> tuple[Ledger, list[str]]:
        """The ledger as saved, or a new one, and warnings.

        New is also one for which `out_of_date` gives a reason, or that version 0.1.0 released before it was `too_old`.
        """
        ledger, reason, warnings = new_ledger(), '', []
        fault = self._store.load()
        try:
            if text := self._store.text:
                reason = out_of_date(ledger) if state.restore(ledger, text, too_old) else ANOTHER_AGENT
        except ValueError:
            fault = Fault.DAMAGED
        if fault:
            warnings.append(f'the saved state {fault.value}. {GOES_ON if ledger.started else STARTS}')
        if reason:
            warnings.append(f'{reason}. This is a first start.')
            ledger = new_ledger()
        try:
            state.restore_logged(ledger, self._cursors.restore(self._store.number, self._read_cursor))
        except (RuntimeError, ValueError):
            warnings.append('the saved cursor of the transition logs is damaged. Some may be sent again.')
        return ledger, warnings

    def save(self, ledger: Ledger, at: float) -> None:
        """At a time in epoch seconds; nothing is written where nothing has changed, or nothing was ever listed."""
        ledger.prune_logged()
        text = state.dump(ledger)
        self.is_lost = bool(text) and not self._store.save(text, at)
        self.is_complete = text == self._store.text
        self._cursors.begin(self._store.number)

    def note_log(self, key: Key, number: int) -> tuple[str, dict[str, Any]]:
        """Stream and cursor for a log that is about to be sent: of a job, with its number among the job's logs."""
        return self._cursors.note(key, number)

    @property
    def is_to_be_saved(self) -> bool:
        """Whether so many logs have been noted that it is time to."""
        return self._cursors.are_many
