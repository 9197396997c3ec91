# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What any text must be to arrive: whole characters, and no more of them than are shown."""

import re
from collections.abc import Sequence

_MALFORMED = re.compile('[\0\ud800-\udfff]')
_CUT = '...'


def well_formed(text: str) -> str:
    """The text with U+FFFD for a NUL, which ends it in the Agent, and for half a character, which no encoder takes."""
    return text if text.isprintable() else _MALFORMED.sub('\N{REPLACEMENT CHARACTER}', text)


def cut(text: str, longest: int) -> str:
    """The text, or as much of its beginning as leaves room for the sign that something is missing."""
    return text if len(text) <= longest else (text[: max(longest - len(_CUT), 0)] + _CUT)[:longest]


def fitted(texts: Sequence[str], room: int) -> list[str]:
    """The texts, of `room` characters together: the longest ones are cut, all to the same length."""
    longest = max((n for n in range(room + 1) if sum(min(len(text), n) for text in texts) <= room), default=0)
    return [cut(text, longest) for text in texts]
