# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The one way user text leaves the check: what looks like a secret becomes `<redacted>`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

REDACTED = '<redacted>'
# Of the texts that were found to hold no secret.
MOST_KEPT = 1024
LONGEST_KEPT = 200

_CASE_CHANGE = re.compile(r'(?<=[a-z0-9])(?=[A-Z])')
_SEPARATORS = re.compile(r'[^a-z0-9]+')

# Matched against the key in lower case, its words joined by underscores.
_TELLING_KEY = re.compile(
    r'passw|passphrase|pass_?code|(?:^|_)(?:pwd|pw)(?:_|$)|pwd$'
    r'|(?:^|(?:^|_)(?:admin|db|ftp|http|mongo|my|mysql|pg|postgres|redis|root|smtp|sql|ssh|user)_?)pass$'
    r'|secret|credential|(?:^|_)authorization|(?:^|_)auth$|auth_?(?:code|header|key)'
    r'|(?:^|_)(?:bearer|cookie|dsn|pat|sig|signature)$|connection_?string'
    r'|(?:access|account|api|encryption|license|master|private|service|shared|signing|ssh)_?keys?(?:_|$)'
    r'|(?:anthropic|azure|cohere|comet|gemini|github|groq|hf|mistral|neptune|openai|slack|stripe|wandb)_?key$'
    r'|(?:^|_)(?:access|api|auth|bearer|refresh|security|session)_?tokens?(?:_|$)'
    r'|token(?:_(?:value|secret|key))?\d*$'
)
# One of these is in every telling key, so a text without any has none; the search is cheap, finding all keys is not.
_STEM = re.compile('auth|bearer|connection|cookie|cred|dsn|key|pass|pat|pw|secret|sig|token', re.IGNORECASE)
# The vocabulary of language models, where a token is a piece of text (eos_token, max_token), and that of errors.
_INNOCENT_KEY = re.compile(
    r'(?:error|exception)$'
    r'|(?:assistant|audio|begin|bos|bot|class|cls|decoder|end|eos|eot|expired|first|image|initializer|input|instance|label'
    r'|last|mask|max|min|new|newline|next|num|output|pad|per|placeholder|prefix|prompt|sentinel|sep|source|special|src'
    r'|start|stop|suffix|system|target|text|tgt|trigger|unk|valid|video)_?token$'
)

_TELLING_VALUE = re.compile(
    '|'.join(
        (
            r'-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)',
            r'\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b',
            r'\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?',
            r'\b(?:hf|gh[oprsu]|npm|dop_v1|gsk|r8|[rsp]k_(?:live|test))_[A-Za-z0-9]{16,}',
            r'\b(?:github_pat_|dckr_pat_|glpat-|pypi-|nvapi-|hvs\.)[\w-]{16,}|\bdapi[0-9a-f]{32}|\bSG\.[\w-]{16,}\.[\w-]+',
            r'\bsk-(?:admin|ant|or|proj|svcacct)-[\w-]{16,}|\bsk-[A-Za-z0-9_]{20,}',
            r'\bxox[a-z]-[\w-]{10,}|\bAIza[\w-]{35}|\bya29\.[\w-]+',
            r'(?<=://)[^\s/@:"\']{16,256}(?=@)',
            r'(?i:(?<=\bbearer )|(?<=\bbasic ))(?=\S*[\d=])[\w.~+/=-]{8,}',
            r'(?:(?<=\s-u )|(?<=--user ))[^\s:/]{1,64}:\S+|(?<=wandb login )\S+',
        )
    ),
    re.DOTALL,
)
# scheme://user:password@host: the password may itself hold what a careful writer would have escaped.
_URL_PASSWORD = re.compile(r'(?<=://)([^\s/@:"\']{0,256}):[^\s"\',]{1,256}(?=@)')

# A key and what joins it to its value; quotes may be escaped.
_QUOTE = r'(?:\\*["\'])'
_JOINER = r'\s*(?::=|=>|[=:])\s*'
_KEY = re.compile(
    '|'.join(
        (
            # --key value, --key=value, ['--key', 'value']
            rf'(?<![\w.-])(?P<flag>--?[A-Za-z][\w.-]*){_QUOTE}?(?:{_JOINER}|\s*,\s*|\s+)',
            # {"name": "KEY", "value": "..."}
            rf'(?<![\w.-])(?i:key|name){_QUOTE}?{_JOINER}{_QUOTE}?(?P<named>[\w.-]+){_QUOTE}?'
            rf'\s*[,;\n]\s*(?:-\s+)?{_QUOTE}?(?i:value){_QUOTE}?{_JOINER}',
            # export KEY value, aws configure set KEY value
            r'(?<![\w.-])(?i:env|export|set|setenv)\s+(?P<set>[A-Za-z_][\w.-]*)\s+(?![=:])',
            # ('KEY', 'value')
            rf'(?<![\w.-]){_QUOTE}(?P<item>[A-Za-z_][\w.-]*){_QUOTE}\s*,\s*(?=\\*["\'])',
            # <KEY>value</KEY>
            r'<(?P<element>[A-Za-z_][\w.-]*)>(?=[^<])',
            # KEY=value, "KEY": "value", api key: value
            r'(?<![\w.-])(?P<name>(?:(?i:access|api|auth|private|secret)\s)?[A-Za-z_][\w.-]*)'
            rf'{_QUOTE}?{_JOINER}',
        )
    )
)
# What stands between a joiner and the value: marks of YAML, a line continued, the scheme of an Authorization header.
_BEFORE_VALUE = re.compile(
    r'(?:[|>][+-]?\s*\n\s*|\\\r?\n\s*|-\s+)*(?:(?i:apikey|basic|bearer|digest|negotiate|token)\s+(?=\S))?'
)
_VALUE = re.compile(
    r'"(?:\\.|[^"\\])*"?|\'(?:\\.|[^\'\\])*\'?|\\+(["\']).*?\\+\1|(?!--?[A-Za-z])[^\s"\'<][^\s<]*', re.DOTALL
)
_BRACKETS = {'[': ']', '{': '}', '(': ')'}


class Scrubber:
    """Removes secrets from user text; `sensitive_patterns` (regular expressions) add to the built-in ones."""

    def __init__(self, sensitive_patterns: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(pattern) for pattern in sensitive_patterns]
        # Jobs resemble each other: nine of ten texts have been seen. Only those without a secret are kept.
        self._innocent: dict[str, str] = {}
        self.is_telling = lru_cache(MOST_KEPT)(self._is_telling)

    def _is_telling(self, key: str) -> bool:
        """Whether the name alone says that the value is a secret, whatever its case or separators."""
        for spelling in (_CASE_CHANGE.sub('_', key), key):
            words = _SEPARATORS.sub('_', spelling.lower()).strip('_')
            if _TELLING_KEY.search(words) and not _INNOCENT_KEY.search(words):
                return True
        return any(pattern.search(key) for pattern in self._patterns)

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

    def _scrubbed(self, text: str) -> str:
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

    def arguments(self, arguments: Iterable[str], after: str = '') -> list[str]:
        """A command line in pieces, of which `after` came before: the secret may be the piece after `--db-password`."""
        scrubbed = []
        key = after
        for argument in arguments:
            name, equals, value = argument.partition('=')
            if self._is_key(key) and not argument.startswith('--'):
                scrubbed.append(REDACTED)
                key = ''
            elif equals and value and self._is_key(name):
                scrubbed.append(f'{name}={REDACTED}')
                key = ''
            else:
                scrubbed.append(self.text(argument))
                key = argument
        return scrubbed

    def _is_key(self, argument: str) -> bool:
        """Whether the argument's last word, without the `=` it may end with, is a telling key."""
        words = argument.removesuffix('=').split()
        return bool(words) and '=' not in words[-1] and self._is_telling(words[-1])

    def _without_assigned_secrets(self, text: str) -> Iterator[str]:
        end = 0
        for key in _KEY.finditer(text):
            if key.start() < end or not self.is_telling(key[key.lastgroup or 0]):
                continue
            start = _BEFORE_VALUE.match(text, key.end())
            value_end = _end_of_value(text, start.end() if start else key.end())
            if value_end is not None:
                yield text[end : key.end()]
                yield REDACTED
                end = value_end
        yield text[end:]


def _end_of_value(text: str, start: int) -> int | None:
    """Where the value that starts there ends, a bracket at its counterpart; None if there is no value."""
    closing = _BRACKETS.get(text[start : start + 1])
    if closing is None:
        value = _VALUE.match(text, start)
        return value.end() if value else None
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == text[start]) - (text[position] == closing)
        if not depth:
            return position + 1
    return len(text)
