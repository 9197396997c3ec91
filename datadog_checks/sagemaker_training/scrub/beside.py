# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The values that stand beside a name that tells: assigned to it, paired with it, or said of it."""

import re
from collections.abc import Callable, Iterable, Iterator

from . import keys
from .values import (
    BLANKS,
    FLAG,
    JOINER,
    OPERATOR,
    QUOTE,
    QUOTED,
    REDACTED,
    Span,
    element_at,
    value_at,
    values_at,
    word_at,
)

type Tells = Callable[[str], str]

# Not within a word, unless that is the letter of an escaped newline.
_START = r'(?:(?<![\w.-])|(?<=\\[nrt]))'
_NAMED = r'(?i:parameter_?(?:key|name)|key|name|param(?:eter)?|variable|var|field|setting|option|property)'
_VALUED = r'(?i:(?:parameter_?|default_?|string_?|secret_?)?(?:value|val|string)|content|default)'
_PAIR_NAME = rf'{_NAMED}{QUOTE}?(?:{JOINER}|>)(?P<open>{QUOTE}?)(?P<named>[\w.-]+)'
_PAIR_COMMA = r'[^\S\n]*+[,;\n]\s*+'
_KEY = re.compile(
    '|'.join(
        (
            # --key value, --key=value, ['--key', 'value'], - --key\n- value
            rf'{_START}(?P<flag>--?[A-Za-z][\w.-]*){QUOTE}?'
            rf'(?:{JOINER}|\s*,\s*|[^\S\n]+|(?:[^\S\n]*\n|\\+n)\s*-\s+(?!-))',
            # {"name": "KEY", "value": "..."}, of which the value is found later
            rf'{_START}{_PAIR_NAME}(?P<after>{QUOTE}?)',
            # export KEY value, aws configure set KEY value
            rf'{_START}(?i:env|export|set|setenv|modify(?:{BLANKS}--?\w+)*{BLANKS}\w+)[^\S\n]+'
            rf'(?P<set>[A-Za-z_][\w.-]*)[^\S\n]+(?![=:])',
            # ('KEY', 'value'), unless the second is the next key of a JSON object; get("KEY") or "value"
            rf'(?<![\w.\\-]){QUOTE}(?P<item>[A-Za-z_][\w.-]*){QUOTE}'
            rf'(?:\s*,\s*(?=\\*["\'](?![\w.-]*\\*["\']\s*:))|[)\]]\s*(?:or|\|\||\?\?)\s*(?={QUOTE}))',
            # setopt(curl, SOME_KEY, "value")
            rf'(?<![\w.\\-])(?P<constant>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\s*,\s*(?={QUOTE})',
            # <KEY>value</KEY>
            rf'<(?!{_NAMED}\s*>)(?P<element>[A-Za-z_][\w.-]*)(?:\s[^<>]{{0,200}})?>(?=\s*(?:[^<\s]|<!\[))',
            # KEY=value, "KEY": "value", api key: value, environ["KEY"] = "value", %26KEY%3Dvalue
            # but not the name of a secret in an ARN
            r'(?<![\w.-])(?<!\d{12}:)(?:(?<=%)[0-9A-Fa-f]{2})?(?P<name>(?:'
            r'(?i:access|account|api|auth|client|connection|encryption|license|private|secret)[^\S\n])?\w[\w.-]*)'
            rf'{QUOTE}?\]?(?:[^\S\n]string)?{JOINER}',
        )
    )
)
_ESCAPES = (r'\n', r'\r', r'\t')
# {"value": "...", "type": "...", "name": "KEY"}
_MEMBER = rf'{QUOTE}?[\w-]{{1,30}}{QUOTE}?{JOINER}{QUOTE}?[^\s"\',;{{}}\\]{{0,60}}{QUOTE}?{_PAIR_COMMA}'
_VALUE_FIRST = re.compile(
    rf'(?<![\w.-])(?P<before>{_VALUED}{QUOTE}?{JOINER})(?>{QUOTED}|[^\s"\',;<]{{1,1024}})'
    rf'(?P<after>{_PAIR_COMMA}(?:{_MEMBER}){{0,2}}{QUOTE}?{_PAIR_NAME})',
    re.DOTALL,
)
_PAIR_VALUE = re.compile(rf'(?<![\w.-]){_VALUED}{QUOTE}?(?:{JOINER}|>)')
_NO_PAIR = re.compile(rf'[{{}}]|(?<![\w.-]){_NAMED}{QUOTE}?{BLANKS}{OPERATOR}')
_PAIR_WITHIN = 200
_ARGUMENT = re.compile(r'\w{2,12}\s*=(?!=)')
_NESTED = re.compile(rf'(?P<inner>[A-Za-z_][\w.-]*)(?P<joiner>{BLANKS}[=:])(?P<space>\s?)')
# Invalid token S, password is "S", IDENTIFIED BY 'S'
_SAID = re.compile(
    r'(?i:(?P<pass>passwords?|passwd|passphrase|passcode|pwd'
    r'|identified[^\S\n]+(?:with[^\S\n]+\S{1,40}[^\S\n]+)?(?:by|as)(?:[^\S\n]+password)?)'
    r'|(?<![\w.-])(?P<key>tokens?|keys?|secrets?|credentials?|jwt|api-?key|bearer))(?![\w.-])[^\S\n]*'
    r'(?:(?i:is|was|of|as|to|value|string|provided|given|used|supplied|configured|set|with|for[^\S\n]+\S{1,80})'
    rf'[^\S\n]*:?[^\S\n]+){{0,3}}(?<=[\s:])\(?(?!{FLAG.pattern})(?=\S)'
)
# KeyError: 'S' is not a valid API key
_JUDGED = re.compile(
    r'(?<=[\s"\'])(?:is|was)\s(?:(?:not\s)?(?:an?\s)?(?:(?:in)?valid|(?:in)?correct|expired|wrong|revoked)|the|my|our|your)\s'
    r'(?i:api[ -]?key|access key|token|password|secret)'
)
_LAST_WORD = re.compile(r'[^\s"\'\\/#;*][^\s"\'\\]{7,200}(?=["\'\\]*\s$)')
# A field's name in pydantic's errors, and what was given for it.
_GIVEN = re.compile(r'(?P<field>[\w.]+)(?P<between>(?:\n|\\n)\s{1,8}[^\n\[\\]{0,200}\[type=\w+, input_value=)')
# Names that tell only in a text that has this in it: a Secret of Kubernetes, a JSON Web Key.
_CONTEXTS = (
    (re.compile(r'kind\\*["\']?:\s*\\*["\']?Secret\b'), {'data'}, 'always'),
    (re.compile(r'["\']kty\\*["\']'), {'d', 'dp', 'dq', 'k', 'p', 'q', 'qi'}, 'random'),
)


def without_values(text: str, tells: Tells) -> str:
    """`text` without the values whose names tell; `tells` says how, as keys.tells does."""
    if keys.PAIR_VALUE_STEM.search(text):
        text = _VALUE_FIRST.sub(lambda pair: _without_first_value(pair, tells), text)
    text = _replaced(text, _assigned(text, _in_context(text, tells)))
    if 'input_value=' in text:
        text = _replaced(text, _given(text, tells))
    text = _replaced(text, _said(text))
    return _replaced(text, _judged(text))


def _in_context(text: str, tells: Tells) -> Tells:
    more = {name: how for context, names, how in _CONTEXTS if context.search(text) for name in names}
    return (lambda name: more.get(name) or tells(name)) if more else tells


def _given(text: str, tells: Tells) -> Iterator[Span]:
    for field in _GIVEN.finditer(text):
        value = value_at(text, field.end())
        if value and keys.is_secret(tells(field['field'].rpartition('.')[2]), text[slice(*value)]):
            yield value


def _judged(text: str) -> Iterator[Span]:
    for judged in _JUDGED.finditer(text):
        word = _LAST_WORD.search(text, max(judged.start() - 210, 0), judged.start())
        if word and keys.looks_random(word[0]):
            yield word.span()


def _replaced(text: str, spans: Iterator[Span]) -> str:
    pieces, end = [], 0
    for start, stop in spans:
        if start >= end:
            pieces += [text[end:start], REDACTED]
            end = stop
    return ''.join([*pieces, text[end:]]) if pieces else text


def _without_first_value(pair: re.Match[str], tells: Tells) -> str:
    value = pair[0][len(pair['before']) : -len(pair['after'])]
    is_secret = keys.is_secret(tells(pair['named']), value)
    return f'{pair["before"]}{REDACTED}{pair["after"]}' if is_secret else pair[0]


def _assigned(text: str, tells: Tells) -> Iterator[Span]:
    position = 0
    while key := _KEY.search(text, position):
        position = key.end()
        group = key.lastgroup or ''
        start = key.end()
        if group == 'after':
            if (how := tells(key['named'])) and (value := _paired(text, key.end(), how)):
                yield value
                position = value[1]
                continue
            # A pair by chance: the name itself may tell.
            word = re.match(rf'{_NAMED}', key[0])
            name, group = word[0] if word else '', 'name'
            start = key.start('open')
            how = tells(name) if text[start - 1] != '>' else ''
        else:
            name = key[group]
            how = tells(name)
        is_escape = text[max(key.start() - 1, 0) : key.start() + 1] in _ESCAPES
        if not how and is_escape:
            how = tells(name[1:])
        if not how:
            position = key.end('element') if group == 'element' else position
            continue
        for value in _values(text, (key.start() + is_escape, key.end()), start, group, name, how, tells):
            if value[0] >= position or value[0] >= start:
                yield value
                position = max(position, value[1])


def _values(text: str, key: Span, start: int, group: str, name: str, how: str, tells: Tells) -> Iterator[Span]:
    spans: Iterable[Span | None]
    if group == 'element':
        spans = [element_at(text, start)]
    elif how == 'random':
        spans = [word_at(text, start)]
    elif group in ('flag', 'item') and text[slice(*key)].rstrip().endswith(',') and _ARGUMENT.match(text, start):
        spans = [_paired(text, start, how)]
    else:
        if group == 'name' and (nested := _NESTED.match(text, start)):
            if tells(nested['inner']) in ('always', 'mostly'):
                return  # it is found on its own
            start = nested.end() if nested['joiner'].endswith(':') and nested['space'] else start
        spans = values_at(text, (key[0], start), start, name)
    for span in spans:
        if span and keys.is_secret(how, text[slice(*span)]):
            yield span


def _paired(text: str, position: int, how: str) -> Span | None:
    """The value of a pair whose name ends here."""
    if text[position : position + 1] == '>' and (element := element_at(text, position + 1)):
        return element
    value = _PAIR_VALUE.search(text, position, position + _PAIR_WITHIN)
    if not value or _NO_PAIR.search(text, position, value.start()):
        return None
    span = element_at(text, value.end()) if text[value.end() - 1] == '>' else value_at(text, value.end())
    return span if span and keys.is_secret(how, text[slice(*span)]) else None


def _said(text: str) -> Iterator[Span]:
    position = 0
    while said := _SAID.search(text, position):
        position = said.end()
        value = value_at(text, position) if said['pass'] else word_at(text, position)
        if not value:
            continue
        shown = text[slice(*value)]
        is_quoted = shown[0] in '"\'\\'
        if said['pass']:
            is_secret = keys.is_secret('mostly', shown) and (is_quoted or keys.looks_made_up(shown))
        else:
            is_secret = keys.looks_random(shown) and not shown.isdecimal()
        if is_secret:
            yield value
            position = value[1]
