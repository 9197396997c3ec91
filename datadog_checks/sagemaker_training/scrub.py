# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The one way user text leaves the check: what looks like a secret becomes `<redacted>`."""

import re
from collections.abc import Iterable, Iterator, Mapping

REDACTED = '<redacted>'

_CASE_CHANGE = re.compile(r'(?<=[a-z0-9])(?=[A-Z])')
_SEPARATORS = re.compile(r'[^a-z0-9]+')

# Matched against the key in lower case, its words joined by underscores.
_TELLING_KEY = re.compile(
    r'passw|passphrase|pass_?code|(?:^|_)(?:pass|pwd|pw)(?:_|$)|pwd$'
    r'|secret|credential|authorization|(?:^|_)(?:auth|bearer|cookie|dsn)(?:_|$)|connection_?string'
    r'|(?:api|access|private|account|encryption|license|master|service|shared|signing|ssh)_?keys?(?:_|$)'
    r'|(?:^|_)(?:api|access|auth|bearer|hf|id|refresh|security|session|user)_?tokens?(?:_|$)'
    r'|token(?:_(?:value|secret|key))?\d*$'
)
# One of these is in every telling key, so a text without any has none; the search is cheap, finding all keys is not.
_STEM = re.compile('auth|bearer|connection|cookie|cred|dsn|key|pass|pw|secret|token', re.IGNORECASE)
# The vocabulary of language models, where a token is a piece of text (eos_token, max_token), and that of errors.
_INNOCENT_KEY = re.compile(
    r'(?:error|exception)$'
    r'|(?:audio|begin|bos|cls|decoder|end|eos|expired|first|image|last|mask|max|min|new|next|num|pad|per|prompt|sep|special'
    r'|start|stop|text|unk|video)_?token$'
)

_TELLING_VALUE = re.compile(
    '|'.join(
        (
            r'-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)',
            r'\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b',
            r'\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?',
            r'\b(?:hf|gh[oprsu]|npm|dop_v1|[rsp]k_(?:live|test))_[A-Za-z0-9]{16,}',
            r'\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}|\bpypi-[\w-]{16,}|\bdapi[0-9a-f]{32}',
            r'\bsk-(?:[a-z0-9]{2,8}-){0,2}[A-Za-z0-9_]{16,}[\w-]*|\bxox[a-z]-[\w-]{10,}|\bAIza[\w-]{35}|\bya29\.[\w-]+',
            r'(?<=://)[^\s/@:"\']{16,256}(?=@)',
            r'(?i:(?<=\bbearer )|(?<=\bbasic ))[\w.~+/=-]{8,}',
        )
    ),
    re.DOTALL,
)
# scheme://user:password@host: the password may itself hold what a careful writer would have escaped.
_URL_PASSWORD = re.compile(r'(?<=://)([^\s/@:"\']{0,256}):[^\s"\',]{1,256}(?=@)')

# A key and what joins it to its value: `key=`, `key: `, `"key": `, `\"key\": `; after a flag also a blank or a comma.
_KEY = re.compile(
    r'(?<![\w.-])(?:'
    r'(?P<flag>--?[A-Za-z][\w.-]*)(?:\\*["\'])?(?:\s*[=:,]\s*|\s+)'
    r'|(?P<name>(?:(?i:access|api|auth|private|secret)\s)?[A-Za-z_][\w.-]*)(?:\\*["\'])?\s*[=:]\s*'
    r')'
)
_VALUE = re.compile(
    r'"(?:\\.|[^"\\])*"?|\'(?:\\.|[^\'\\])*\'?|\\+(["\']).*?\\+\1|(?!--?[A-Za-z])[^\s"\']\S*', re.DOTALL
)


class Scrubber:
    """Removes secrets from user text; `sensitive_patterns` (regular expressions) add to the built-in ones."""

    def __init__(self, sensitive_patterns: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(pattern) for pattern in sensitive_patterns]

    def is_telling(self, key: str) -> bool:
        """Whether the name alone says that the value is a secret, whatever its case or separators."""
        for spelling in (_CASE_CHANGE.sub('_', key), key):
            words = _SEPARATORS.sub('_', spelling.lower()).strip('_')
            if _TELLING_KEY.search(words) and not _INNOCENT_KEY.search(words):
                return True
        return any(pattern.search(key) for pattern in self._patterns)

    def text(self, text: str) -> str:
        """`text` with telling values, and values that stand next to a telling key, redacted."""
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        text = _TELLING_VALUE.sub(REDACTED, text)
        text = _URL_PASSWORD.sub(rf'\1:{REDACTED}', text)
        if self._patterns or _STEM.search(text):
            return ''.join(self._without_assigned_secrets(text))
        return text

    def value(self, key: str, value: str) -> str:
        """The value of a setting, tag or parameter called `key`."""
        return REDACTED if self.is_telling(key) else self.text(value)

    def mapping(self, mapping: Mapping[str, str]) -> dict[str, str]:
        return {key: self.value(key, value) for key, value in mapping.items()}

    def arguments(self, arguments: Iterable[str]) -> list[str]:
        """A command line in pieces: the secret may be the piece after `--db-password`."""
        scrubbed = []
        flag = ''
        for argument in arguments:
            follows_telling_flag = flag.startswith('-') and '=' not in flag and self.is_telling(flag)
            is_value = follows_telling_flag and not argument.startswith('--')
            scrubbed.append(REDACTED if is_value else self.text(argument))
            flag = argument
        return scrubbed

    def _without_assigned_secrets(self, text: str) -> Iterator[str]:
        end = 0
        for key in _KEY.finditer(text):
            if key.start() < end or not self.is_telling(key['flag'] or key['name']):
                continue
            if value := _VALUE.match(text, key.end()):
                yield text[end : value.start()]
                yield REDACTED
                end = value.end()
        yield text[end:]
