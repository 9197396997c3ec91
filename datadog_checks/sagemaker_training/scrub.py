# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The one way user text leaves the check: what looks like a secret becomes `<redacted>`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from . import telling
from .text import well_formed

REDACTED = '<redacted>'
# Of the texts that were found to hold no secret.
MOST_KEPT = 1024
LONGEST_KEPT = 200
# Of a command line in pieces, what is looked at before each.
LONGEST_BEFORE = 200

# Not within a word, unless that is the letter of an escaped newline.
_START = r'(?:(?<![\w.-])|(?<=\\[nrt]))'
# A key and what joins it to its value; quotes may be escaped.
_QUOTE = r'(?:\\*["\']|%2[27])'
_JOINER = r'\s*(?::=|=>|[=!]?=|:|%3[ADad])\s*'
_PAIR_NAME = rf'(?i:(?:parameter)?(?:key|name)){_QUOTE}?{_JOINER}{_QUOTE}?(?P<named>[\w.-]+){_QUOTE}?'
_PAIR_VALUE = rf'(?i:(?:parameter)?value){_QUOTE}?{_JOINER}'
_PAIR_COMMA = r'[^\S\n]*+[,;\n]\s*+'
_KEY = re.compile(
    '|'.join(
        (
            # --key value, --key=value, ['--key', 'value']
            rf'{_START}(?P<flag>--?[A-Za-z][\w.-]*){_QUOTE}?(?:{_JOINER}|\s*,\s*|\s+)',
            # {"name": "KEY", "value": "..."}
            rf'{_START}{_PAIR_NAME}{_PAIR_COMMA}(?:-\s+)?{_QUOTE}?{_PAIR_VALUE}',
            # export KEY value, aws configure set KEY value
            rf'{_START}(?i:env|export|set|setenv)\s+(?P<set>[A-Za-z_][\w.-]*)\s+(?![=:])',
            # ('KEY', 'value'), unless the second is the next key of a JSON object
            rf'(?<![\w.\\-]){_QUOTE}(?P<item>[A-Za-z_][\w.-]*){_QUOTE}\s*,\s*(?=\\*["\'](?![\w.-]*\\*["\']\s*:))',
            # <KEY>value</KEY>
            r'<(?P<element>[A-Za-z_][\w.-]*)>(?=[^<])',
            # KEY=value, "KEY": "value", api key: value, environ["KEY"] = "value", %26KEY%3Dvalue
            # but not the name of a secret in an ARN
            r'(?<![\w.-])(?<!\d{12}:)(?:(?<=%)[0-9A-Fa-f]{2})?(?P<name>(?:'
            r'(?i:access|account|api|auth|client|connection|encryption|license|private|secret)\s)?\w[\w.-]*)'
            rf'{_QUOTE}?\]?{_JOINER}',
        )
    )
)
# What stands between a joiner and the value: marks of YAML, newlines (also escaped), a type, the scheme of a header.
_BEFORE_VALUE = re.compile(
    r'(?:[|>][+-]?\s*(?:\n|\\+n)\s*|\\\r?\n\s*|(?:\\+[nrt])+\s*|-\s+)*(?:(?:str|bytes)\s*=\s*)?'
    r'(?:(?i:api-?key|basic|bearer|digest|key|negotiate|ntlm|oauth|ssws|token)\s+(?=\S))?'
)
_QUOTED = (
    r'"(?:\\.|[^"\\])*+"?|\'(?:\\.|[^\'\\])*+\'?'
    r'|(?P<escape>\\+)(?P<quote>["\']).*?(?<!\\)(?P=escape)(?P=quote)'
)
# A flag, not the value of the one before: -x or --some-words. What has capitals is taken for a secret.
_FLAG = re.compile(r'-(?:[A-Za-z]|-[a-z][a-z0-9_.-]*)(?=[\s=,;"\')\]\\]|$)')
# Part of it may be redacted already, as a telling value.
_VALUE = re.compile(
    rf'{_QUOTED}|(?!(?<=\s){_FLAG.pattern})(?:{REDACTED}(?=[^\s,;&"\')\]}}<])|[^\s"\'<])(?:(?!</)\S)*', re.DOTALL
)
_BARE_OR_QUOTED = r'(?:"[^"]*"?|\'[^\']*\'?|[^\s"\'<]+)'
_SECRET_AFTER = re.compile(f'({telling.BEFORE.pattern}){_BARE_OR_QUOTED}')
# {"value": "...", "name": "KEY"}
_VALUE_FIRST = re.compile(
    rf'(?<![\w.-])(?P<before>{_PAIR_VALUE})(?>{_QUOTED}|[^\s"\',;<]{{1,1024}})(?P<after>{_PAIR_COMMA}{_QUOTE}?{_PAIR_NAME})',
    re.DOTALL,
)
_BRACKETS = {'[': ']', '{': '}', '(': ')'}
_UP_TO_QUOTE = {quote: re.compile(rf'[^{quote}\n]*(?={quote})') for quote in ('"', "'")}
_ESCAPES = (r'\n', r'\r', r'\t')


class Scrubber:
    """Removes secrets from user text; `sensitive_patterns` (regular expressions) add to the built-in ones."""

    def __init__(self, sensitive_patterns: Iterable[str] = ()) -> None:
        self._patterns = [re.compile(pattern) for pattern in sensitive_patterns]
        # Jobs resemble each other: nine of ten texts have been seen. Only those without a secret are kept.
        self._innocent: dict[str, str] = {}
        self.is_telling = lru_cache(MOST_KEPT)(self._is_telling)

    def _is_telling(self, key: str) -> bool:
        return telling.is_telling(key) or any(pattern.search(key) for pattern in self._patterns)

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
        text = well_formed(text)
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        text = telling.VALUE.sub(REDACTED, text)
        text = _SECRET_AFTER.sub(rf'\1{REDACTED}', text)
        text = telling.URL_USER.sub(rf'\1\2{REDACTED}', text)
        if self._patterns or telling.STEM.search(text):
            text = _VALUE_FIRST.sub(self._without_named_secret, text)
            return ''.join(self._without_assigned_secrets(text))
        return text

    def value(self, key: str, value: str) -> str:
        """The value of a setting, tag or parameter called `key`."""
        return REDACTED if self.is_telling(key) else self.text(value)

    def mapping(self, mapping: Mapping[str, str]) -> dict[str, str]:
        return {well_formed(key): self.value(key, value) for key, value in mapping.items()}

    def arguments(self, arguments: Iterable[str], after: str = '') -> list[str]:
        """A command line in pieces, of which `after` came before: the secret may be the piece after `--db-password`."""
        scrubbed = []
        key = line = after
        for argument in arguments:
            name, equals, value = argument.partition('=')
            shown = _shown_before(line, argument)
            is_word = bool(argument.strip('=:'))
            if is_word and self._is_key(key) and not _FLAG.match(argument):
                scrubbed.append(REDACTED)
                key = ''
            elif shown is not None:
                scrubbed.append(f'{self.text(shown)}{REDACTED}')
                key = ''
            elif equals and value and self._is_key(name):
                scrubbed.append(f'{self.text(name)}={REDACTED}')
                key = ''
            else:
                scrubbed.append(self.text(argument))
                key = argument if is_word else key
            line = f'{line} {argument}'[-LONGEST_BEFORE:]
        return scrubbed

    def _is_key(self, argument: str) -> bool:
        """Whether the argument's last word, without the `=` it may end with, is a telling key."""
        words = argument.removesuffix('=').split()
        return bool(words) and '=' not in words[-1] and self._is_telling(words[-1])

    def _without_named_secret(self, pair: re.Match[str]) -> str:
        return f'{pair["before"]}{REDACTED}{pair["after"]}' if self.is_telling(pair['named']) else pair[0]

    def _without_assigned_secrets(self, text: str) -> Iterator[str]:
        end = position = 0
        while key := _KEY.search(text, position):
            position = key.end()
            if self._is_telling_in(text, key) and (value_end := _end_of_value(text, key)) is not None:
                yield text[end : key.end()]
                yield REDACTED
                end = position = value_end
        yield text[end:]

    def _is_telling_in(self, text: str, key: re.Match[str]) -> bool:
        name = key[key.lastgroup or 0]
        is_escape = text[max(key.start() - 1, 0) : key.start() + 1] in _ESCAPES
        return self.is_telling(name) or (is_escape and self.is_telling(name[1:]))


def _shown_before(line: str, argument: str) -> str | None:
    """The beginning of an argument after which it is a secret, as what stands before it in its line shows."""
    start = len(line) + 1
    for shown in telling.BEFORE.finditer(f'{line} {argument}'):
        if shown.start() < start <= shown.end() < start + len(argument):
            return argument[: shown.end() - start]
    return None


def _end_of_value(text: str, key: re.Match[str]) -> int | None:
    """Where the value of the key ends, a bracket at its counterpart; None if there is no value."""
    before = _BEFORE_VALUE.match(text, key.end())
    start = before.end() if before else key.end()
    if text[start : start + 1] in _BRACKETS:
        return _end_of_bracket(text, start)
    value = _VALUE.match(text, start)
    if not value:
        return None
    # "KEY=some words": the quote stands before the key.
    quote = text[max(key.start() - 1, 0) : key.start()]
    if quote in _UP_TO_QUOTE and not {*'"\''} & {*key[0]} and quote not in value[0]:
        rest = _UP_TO_QUOTE[quote].match(text, value.end())
        return rest.end() if rest else value.end()
    return value.end()


def _end_of_bracket(text: str, start: int) -> int:
    opening, closing = text[start], _BRACKETS[text[start]]
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opening) - (text[position] == closing)
        if not depth:
            return position + 1
    return len(text)
