# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The one way user text leaves the check: what looks like a secret becomes `<redacted>`."""

import base64
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import count

from datadog_checks.sagemaker_training.text import well_formed

from . import beside, commands, keys, tokens
from .values import FLAG, REDACTED, value_at

# Of the texts that were found to hold no secret.
MOST_KEPT = 1024
LONGEST_KEPT = 200
# Of a command line in pieces, what is looked at before each.
LONGEST_BEFORE = 200
# A word or a number, in which there is no secret of whatever form.
_PLAIN = re.compile(r'[\w.+-]{0,12}')
# In what is decoded there may be more that is encoded.
DEEPEST = 2
_STANDARD = str.maketrans('-_', '+/')


class Scrubber:
    """Removes secrets from user text; `sensitive_patterns` (regular expressions) add to the built-in ones."""

    def __init__(self, sensitive_patterns: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(pattern) for pattern in sensitive_patterns]
        # Jobs resemble each other: nine of ten texts have been seen. Only those without a secret are kept.
        self._innocent: dict[str, str] = {}
        self._tells = lru_cache(MOST_KEPT)(self._how_it_tells) if self._patterns else keys.tells

    def _how_it_tells(self, key: str) -> str:
        return 'pattern' if any(pattern.search(key) for pattern in self._patterns) else keys.tells(key)

    def text(self, text: str) -> str:
        """`text` with telling values, and values that stand next to a telling key, redacted."""
        if kept := self._innocent.get(text):
            return kept  # one copy for all jobs
        scrubbed = self._scrubbed(text)
        if scrubbed == text and len(text) <= LONGEST_KEPT:
            if len(self._innocent) >= MOST_KEPT:
                self._innocent.clear()
            self._innocent[text] = text
        return scrubbed

    def _scrubbed(self, text: str, depth: int = 0) -> str:
        text = well_formed(text)
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        if _PLAIN.fullmatch(text):
            return text
        text = tokens.without_tokens(text, REDACTED)
        text = tokens.BASE64_JSON.sub(lambda found: self._without_encoded_secret(found[0], depth), text)
        text = _without_commands_secrets(text)
        if self._patterns or keys.STEM.search(text.lower()):
            text = beside.without_values(text, self._tells)
        return text

    def _without_encoded_secret(self, encoded: str, depth: int) -> str:
        try:
            whole = encoded.rstrip('=').translate(_STANDARD)
            text = base64.b64decode(whole[: len(whole) // 4 * 4]).decode('utf-8', 'replace')
        except ValueError:
            return encoded
        is_innocent = depth >= DEEPEST or self._scrubbed(text, depth + 1) == text
        return encoded if is_innocent else REDACTED

    def value(self, key: str, value: str) -> str:
        """The value of a setting, tag or parameter called `key`."""
        how = self._tells(key)
        return REDACTED if how and keys.is_secret(how, value) else self.text(value)

    def mapping(self, mapping: Mapping[str, str]) -> dict[str, str]:
        """Each value as `value` has it; what looks like a secret within a key goes too, and no entry with it."""
        scrubbed: dict[str, str] = {}
        for key, value in mapping.items():
            shown = well_formed(key) if self._tells(key) == 'pattern' else self.text(key)
            if shown in scrubbed:
                shown = next(name for number in count(2) if (name := f'{shown} {number}') not in scrubbed)
            scrubbed[shown] = self.value(key, value)
        return scrubbed

    def arguments(self, arguments: Iterable[str], after: str = '') -> list[str]:
        """A command line in pieces, of which `after` came before: the secret may be the piece after `--db-password`."""
        scrubbed = []
        key = line = after
        for argument in arguments:
            name, equals, value = argument.partition('=')
            begin = _secret_in(line, argument)
            is_word = bool(argument.strip('=:'))
            if is_word and self._is_key(key, argument) and not FLAG.match(argument):
                scrubbed.append(REDACTED)
                key = ''
            elif begin is not None:
                scrubbed.append(f'{self.text(argument[:begin])}{REDACTED}')
                key = ''
            elif equals and value and self._is_key(name, value):
                scrubbed.append(f'{self.text(name)}={REDACTED}')
                key = ''
            else:
                scrubbed.append(self.text(argument))
                key = argument if is_word else key
            line = f'{line} {argument}'[-LONGEST_BEFORE:]
        return scrubbed

    def _is_key(self, argument: str, value: str) -> bool:
        """Whether the argument's last word, without the `=` it may end with, is a key that the value is a secret of."""
        words = argument.removesuffix('=').split()
        if not words or '=' in words[-1]:
            return False
        how = self._tells(words[-1])
        return bool(how) and keys.is_secret(how, value)


def _without_commands_secrets(text: str) -> str:
    pieces, end = [], 0
    for start in sorted(commands.secret_starts(text)):
        if start >= end and (value := value_at(text, start)):
            pieces += [text[end:start], REDACTED]
            end = value[1]
            # "user":"password"
            while text[end : end + 1] == ':' and (value := value_at(text, end + 1)):
                end = value[1]
    return ''.join([*pieces, text[end:]]) if pieces else text


def _secret_in(line: str, argument: str) -> int | None:
    """Where in an argument a secret begins, as what stands before it in its line shows."""
    start = len(line) + 1
    for shown in commands.secret_starts(f'{line} {argument}'):
        if start <= shown < start + len(argument):
            return shown - start
    return None
