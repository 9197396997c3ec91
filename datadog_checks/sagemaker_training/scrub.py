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
    r'|(?:^|_)(?:admin|db|ftp|http|mongo|my|mysql|pg|postgres|redis|root|smtp|sql|ssh|user)?pass$'
    r'|secret(?!ar[iy])|credential|(?:^|_)authorization|(?:^|_)auth$|auth_?(?:code|header|key)'
    r'|(?:^|_)(?:bearer|cookie|dsn|jwt|pat|sig|signature)$|connection_?string'
    r'|(?:access|account|api|app|application|client|encryption|license|master|private|service|shared|signing|ssh|storage)'
    r'_?keys?(?:_|$)'
    r'|(?:anthropic|azure|cohere|comet|gemini|github|groq|hf|mistral|neptune|openai|slack|stripe|wandb)_?key$'
    r'|(?:^|_)(?:access|api|auth|bearer|device|github|gitlab|hf|oauth|refresh|security|service|session|slack|wandb)'
    r'_?tokens?(?:_|$)'
    r'|token(?:_(?:value|secret|key))?\d*$'
)
# One of these is in every telling key, so a text without any has none; the search is cheap, finding all keys is not.
_STEM = re.compile('auth|bearer|connection|cookie|cred|dsn|jwt|key|pass|pat|pw|secret|sig|token', re.IGNORECASE)
# The vocabulary of language models, where a token is a piece of text (eos_token), that of errors and that of loops.
# A word that may as well name a service (image, source) counts only among its like: not in HF_IMAGE_TOKEN.
_LIKE_IMAGE = (
    'assistant|audio|begin|chunk|class|context|decoder|end|expired|first|image|initializer|input|instance|label|last|new'
    '|next|output|prefix|prompt|source|src|start|stop|suffix|system|target|text|tgt|trigger|valid|video'
)
_INNOCENT_KEY = re.compile(
    r'(?:error|exception)$'
    r'|(?:^|_)(?:bos|cls|eos|eot|mask|max|min|newline|num|pad|per|placeholder|sentinel|sep|special|unk)_?token$'
    rf'|^(?:(?:add|default|im|is|max|min|mm|num|per|time|to|use|user|vision|{_LIKE_IMAGE})_)*(?:{_LIKE_IMAGE})_?token$'
    r'|(?:^|_)(?:all|backward|band|by|does|each|extra|first|forward|full|high|is|last|low|max|min|multi|n|num|one|per'
    r'|second|single|test|tests|third|total|two|warmup)_pass$'
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
            r'(?<=://)[^\s/@:"\']{16,256}+(?=(?::[^\s/@"\',]{0,256})?@)',
            r'(?i:(?<=\bbearer )|(?<=\bbasic ))(?=\S*[\d=])[\w.~+/=-]{8,}',
        )
    ),
    re.DOTALL,
)
# What a command line or an address shows to be a secret by what stands before it.
_SECRET_AFTER = re.compile(
    '('
    r'hooks\.slack\.com/|\.webhook\.office\.com/|/api/webhooks/'
    r'|(?:-u (?<=\s-u )|--user )(?=[^\s:/]{1,64}:(?!//))'
    r'|sshpass -p\s*|wandb login\s+(?:--(?:host\s+)?\S+\s+)*+(?![-&|;])'
    r')(?:"[^"]*"?|\'[^\']*\'?|[^\s"\'<]+)'
)
# scheme://user:password@host: the password may itself hold what a careful writer would have escaped.
_URL_PASSWORD = re.compile(r'(?<=://)([^\s/@:"\']{0,256}):[^\s"\',]{1,256}(?=@)')

# A key and what joins it to its value; quotes may be escaped.
_QUOTE = r'(?:\\*["\']|%2[27])'
_JOINER = r'\s*(?::=|=>|[=:]|%3[AaDd])\s*'
_PAIR_NAME = rf'(?i:(?:parameter)?(?:key|name)){_QUOTE}?{_JOINER}{_QUOTE}?(?P<named>[\w.-]+){_QUOTE}?'
_PAIR_VALUE = rf'(?i:(?:parameter)?value){_QUOTE}?{_JOINER}'
_PAIR_COMMA = r'[^\S\n]*+[,;\n]\s*+'
_KEY = re.compile(
    '|'.join(
        (
            # --key value, --key=value, ['--key', 'value']
            rf'(?<![\w.-])(?P<flag>--?[A-Za-z][\w.-]*){_QUOTE}?(?:{_JOINER}|\s*,\s*|\s+)',
            # {"name": "KEY", "value": "..."}
            rf'(?<![\w.-]){_PAIR_NAME}{_PAIR_COMMA}(?:-\s+)?{_QUOTE}?{_PAIR_VALUE}',
            # export KEY value, aws configure set KEY value
            r'(?<![\w.-])(?i:env|export|set|setenv)\s+(?P<set>[A-Za-z_][\w.-]*)\s+(?![=:])',
            # ('KEY', 'value'), unless the second is the next key of a JSON object
            rf'(?<![\w.\\-]){_QUOTE}(?P<item>[A-Za-z_][\w.-]*){_QUOTE}\s*,\s*(?=\\*["\'](?![\w.-]*\\*["\']\s*:))',
            # <KEY>value</KEY>
            r'<(?P<element>[A-Za-z_][\w.-]*)>(?=[^<])',
            # KEY=value, "KEY": "value", api key: value, environ["KEY"] = "value", %26KEY%3Dvalue
            r'(?<![\w.-])(?:(?<=%)[0-9A-Fa-f]{2})?(?P<name>(?:(?i:access|api|auth|private|secret)\s)?[A-Za-z_][\w.-]*)'
            rf'{_QUOTE}?\]?{_JOINER}',
        )
    )
)
# What stands between a joiner and the value: marks of YAML, a line continued, the scheme of an Authorization header.
_BEFORE_VALUE = re.compile(
    r'(?:[|>][+-]?\s*\n\s*|\\\r?\n\s*|-\s+)*(?:(?i:apikey|basic|bearer|digest|negotiate|token)\s+(?=\S))?'
)
_QUOTED = r'"(?:\\.|[^"\\])*+"?|\'(?:\\.|[^\'\\])*+\'?|\\+(?P<quote>["\']).*?(?<!\\)\\+(?P=quote)'
# A flag, not the value of the one before: -x or --some-words. What has capitals is taken for a secret.
_FLAG = re.compile(r'-(?:[A-Za-z]|-[a-z][a-z0-9_.-]*)(?=[\s=,;"\')\]\\]|$)')
_VALUE = re.compile(rf'{_QUOTED}|(?!(?<=\s){_FLAG.pattern})[^\s"\'<][^\s<]*', re.DOTALL)
# {"value": "...", "name": "KEY"}
_VALUE_FIRST = re.compile(
    rf'(?<![\w.-])(?P<before>{_PAIR_VALUE})(?>{_QUOTED}|[^\s"\',;<]+)(?P<after>{_PAIR_COMMA}{_QUOTE}?{_PAIR_NAME})',
    re.DOTALL,
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
        spellings = [_SEPARATORS.sub('_', k.lower()).strip('_') for k in (_CASE_CHANGE.sub('_', key), key)]
        if any(map(_TELLING_KEY.search, spellings)) and not any(map(_INNOCENT_KEY.search, spellings)):
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
        text = _well_formed(text)
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        text = _TELLING_VALUE.sub(REDACTED, text)
        text = _SECRET_AFTER.sub(rf'\1{REDACTED}', text)
        text = _URL_PASSWORD.sub(rf'\1:{REDACTED}', text)
        if self._patterns or _STEM.search(text):
            text = _VALUE_FIRST.sub(self._without_named_secret, text)
            return ''.join(self._without_assigned_secrets(text))
        return text

    def value(self, key: str, value: str) -> str:
        """The value of a setting, tag or parameter called `key`."""
        return REDACTED if self.is_telling(key) else self.text(value)

    def mapping(self, mapping: Mapping[str, str]) -> dict[str, str]:
        return {_well_formed(key): self.value(key, value) for key, value in mapping.items()}

    def arguments(self, arguments: Iterable[str], after: str = '') -> list[str]:
        """A command line in pieces, of which `after` came before: the secret may be the piece after `--db-password`."""
        scrubbed = []
        key = after
        for argument in arguments:
            name, equals, value = argument.partition('=')
            if self._is_key(key) and not _FLAG.match(argument):
                scrubbed.append(REDACTED)
                key = ''
            elif equals and value and self._is_key(name):
                scrubbed.append(f'{self.text(name)}={REDACTED}')
                key = ''
            else:
                scrubbed.append(self.text(argument))
                key = argument
        return scrubbed

    def _is_key(self, argument: str) -> bool:
        """Whether the argument's last word, without the `=` it may end with, is a telling key."""
        words = argument.removesuffix('=').split()
        return bool(words) and '=' not in words[-1] and self._is_telling(words[-1])

    def _without_named_secret(self, pair: re.Match[str]) -> str:
        return f'{pair["before"]}{REDACTED}{pair["after"]}' if self.is_telling(pair['named']) else pair[0]

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


def _well_formed(text: str) -> str:
    """JSON may escape half a character (a lone surrogate), which no encoder takes."""
    return text.encode('utf-8', 'replace').decode()


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
