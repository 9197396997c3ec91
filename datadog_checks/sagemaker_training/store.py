# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Text in the Agent's persistent cache, kept so that a write that is lost or torn costs no more than itself.

The Agent truncates the file of a key before it writes, does not tell whether it could, and raises RuntimeError where it
cannot read. So a text is kept in two files: the older one is overwritten, and read back.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from hashlib import blake2b

from .aws.errors import Problem

type Read = Callable[[str], str]
type Write = Callable[[str, str], None]

UNSAVED = Problem(
    'The state cannot be saved',
    "Check the owner and the free space of the Agent's `run_path`, folder `sagemaker_training`. A first `agent check` "
    'run as root leaves files that only root can use: give them to the user of the Agent. The next poll tries again.',
    'A restart counts again, or misses, what happens until then.',
)


class Fault(Enum):
    """What is wrong with a file of the cache."""

    UNREADABLE = 'cannot be read'
    DAMAGED = 'is damaged or of another version'


class Store:
    """One text under a name, by the Agent's functions that read and write a key.

    Attributes:
        text: what is saved, as far as known; empty before anything is
        number: of that text; each one saved has a higher number than those before. 0 as long as there is none
    """

    def __init__(self, name: str, read: Read, write: Write) -> None:
        self.text = ''
        self.number = 0
        self._keys = (name, f'{name}_2')
        self._read = read
        self._write = write
        self._newest = 1  # index of its key
        self._is_whole = True

    def load(self) -> Fault | None:
        """Take the newest text that is intact; what is wrong with the other one, or with both."""
        slots = [self._slot(key) for key in self._keys]
        intact = [(*slot, index) for index, slot in enumerate(slots) if isinstance(slot, tuple)]
        if intact:
            self.number, self.text, self._newest = max(intact)
        fault = next((slot for slot in slots if isinstance(slot, Fault)), None)
        self._is_whole = fault is None
        return fault

    def save(self, text: str, at: float) -> bool:
        """Whether the text is saved now, which a text that is saved already is without a write; `at` epoch seconds.

        The last text that is known to be intact is never overwritten, also where the other file cannot be written: if
        that is for want of space, both would be lost. The time is in the number for the case that a newer text could
        not be read.
        """
        if text == self.text and self._is_whole:
            return True
        number, index = max(self.number + 1, int(at)), 1 - self._newest
        content = f'{number} {_digest(text)}\n{text}'
        if not write_through(self._keys[index], content, self._read, self._write):
            if not self.text:
                self._newest = index  # there is nothing to lose: try the other file next time
            return False
        self.text, self.number, self._newest, self._is_whole = text, number, index, True
        return True

    def _slot(self, key: str) -> tuple[int, str] | Fault | None:
        """Number and text, None where nothing is saved. Version 0.1.0 saved the bare text, an object in JSON."""
        try:
            content = self._read(key)
        except RuntimeError:
            return Fault.UNREADABLE
        except ValueError:  # not even UTF-8
            return Fault.DAMAGED
        if not content:
            return None
        if content.startswith('{'):
            return 0, content
        head, _, text = content.partition('\n')
        number, _, digest = head.partition(' ')
        return (int(number), text) if number.isdecimal() and digest == _digest(text) else Fault.DAMAGED


def write_through(key: str, content: str, read: Read, write: Write) -> bool:
    """Whether what was written can be read back."""
    try:
        write(key, content)
        return read(key) == content
    except (RuntimeError, ValueError):
        return False


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
