# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Where the value of a key begins and ends in a text: quotes, brackets, blocks, headers, source.

A span is (start, end). Every search is bounded or moves on, so that the time grows with the text only.
"""

import re
from collections.abc import Iterator

type Span = tuple[int, int]

REDACTED = '<redacted>'
QUOTE = r'(?:\\*["\']|%2[27])'
# Within a line: a key on the next one has a value of its own.
BLANKS = r'[^\S\n]*+'
OPERATOR = r'(?:[:?+!|.]{0,3}=(?:>|==?|=)?|:|%3[ADad])'
JOINER = rf'{BLANKS}{OPERATOR}{BLANKS}'
QUOTED = (
    r'(?:\\*"){3}[^"]*+(?:"\\*){0,3}|"(?:\\.|[^"\\])*+"?|\'(?:\\.|[^\'\\])*+\'?'
    r'|(?P<escape>\\+)(?P<quote>["\']).*?(?<!\\)(?P=escape)(?P=quote)'
)
# A flag, not the value of the one before: -x or --some-words. What has capitals is taken for a secret.
FLAG = re.compile(r'-(?:[A-Za-z]|-[a-z][a-z0-9_.-]*)(?=[\s=,;"\')\]\\]|$)')
# A bare value may be redacted in part already; it ends before an escaped newline that a key follows.
_STOP = r'</|(?<!\\)\\{1,8}+[nr](?:\s|\\{1,8}+[nrt]){0,8}+(?:-\s{1,8})?[\w.-]{1,80}["\'\\]{0,8}\s?[:=]'
_VALUE = re.compile(
    rf'{QUOTED}|(?!(?<=\s){FLAG.pattern})(?:{REDACTED}(?=[^\s,;&"\')\]}}<])|[^\s"\'<])(?:(?!{_STOP})\S)*', re.DOTALL
)
# What stands before a key that has its like behind it: in a query, a path, a connection string.
_SEPARATED = {'?': 'query', '&': 'query', '/': 'part', ';': 'string'}
_OPENING = re.compile(r'\\*["\']')
_BARE = {
    'query': re.compile(r'[^\s&#"\'<>\\]+'),
    'part': re.compile(r'[^\s/?&#"\'<>\\]+'),
    'string': re.compile(r'[^\s;"\'<>\\]+'),
    'word': re.compile(r'[^\s,;&"\'<>()\[\]{}|\\=:]+={0,2}'),
}
# What stands between a joiner and the value: a line that goes on, a type, what makes a string, a known scheme.
_BEFORE = re.compile(
    r'(?:\\\r?\n\s*|-\s+|&(?:quot|\#3[49]|apos);|\[\]byte(?=\{)|&\w+\s+|!!?\w*\s+){0,6}'
    rf'(?:[\w\[\], |.]{{1,40}}?{BLANKS}=\s*(?=\\*["\']))?'
    r'(?:(?:\w{0,20}(?i:secret|password|token|encode|str|bytes|quote)\w{0,20}\(|[bBfFrRuU]{1,2})(?=\\*["\']))?'
    r'(?:(?i:api-?key|basic|bearer|digest|key|negotiate|ntlm|oauth|ssws|token)\s+(?=\S))?'
)
_NEWLINE = r'(?:\r?\n|\\+r\\+n|\\+n)'
_NEWLINES = re.compile(_NEWLINE)
_LINE_END = re.compile(rf'(?:[|>][0-9+-]{{0,2}})?{BLANKS}(?:#[^\n\\]{{0,200}}+)?(?={_NEWLINE})')
_LINE = re.compile(rf'{_NEWLINE}(?P<indent>(?:[ \t]|\\+t)*)(?P<rest>[^\n]*)')
_ESCAPED_LINE = re.compile(rf'{_NEWLINE}(?P<indent>(?:[ \t]|\\+t)*)(?P<rest>(?:\\+["\']|\\(?![nr\\])|[^\\"\n])*)')
_CHILD = re.compile(r'(?:-\s+)*(?P<name>\\*["\']?[\w.@/-]+\\*["\']?)[^\S\n]*(?:[:=](?:\s+|$|(?=["\'\\])))')
_HARMLESS_CHILD = re.compile(r'[\\"\']*(?:name|type|kind|namespace|version|enabled|provider|method)[\\"\']*', re.I)
_DASHES = re.compile(r'(?:-\s+)*')
_BRACKETS = {'[': ']', '{': '}', '(': ')'}
_UP_TO_QUOTE = {quote: re.compile(rf'[^{quote}\n]*(?={quote})') for quote in ('"', "'")}
_REST_OF_WORDS = re.compile(r'(?:[^\S\n]++[^\s=:"\'\\#][^\s=:"\'\\]*+){1,16}+(?=\s*(?:\n|\\n|$))')
# Source that fetches the value, and what it falls back to.
_EXPRESSION = re.compile(
    r'[A-Za-z_]\w{0,40}(?:(?P<dot>\.|::|->)[A-Za-z_]\w{0,40})*+'
    r'(?:(?P<opens>[(\[](?(dot)|(?=\\*["\']|[)\]])))|(?=\s+(?:or|\|\||\?\?)\s))'
)
_OR_ELSE = re.compile(
    rf'[^\n"\']{{0,80}}?(?:["\'][^"\'\n]{{0,60}}["\'][^\n"\']{{0,40}}?)?(?:\bor|\belse|\|\||\?\?)\s+(?={QUOTE})'
)
_AUTHORIZATION = re.compile(
    r'(?:[A-Za-z][A-Za-z-]{1,24}(?:\d{1,4}(?:-[A-Z]+\d+)?)?[^\S\n]+(?=[^\s"\']))?[^\s"\'\\]+'
    r'(?:(?<=,)\s*[\w-]+=(?:"[^"]*"|[^\s"\']*))*'
)
_PARAMETER = r'[\w-]+=(?:\\*"[^"]*"|[^\s"\',\\]*)'
_PARAMETERS = re.compile(rf'(?=[\w-]+=\\*"){_PARAMETER}(?:,\s*{_PARAMETER})*')
_COOKIE = re.compile(r'[^\s;"\'\\]+(?:;[^\S\n]*[^\s;"\'\\]+)*')
_KNOWN_SCHEME = re.compile(r'(?i:api-?key|basic|bearer|digest|key|negotiate|ntlm|oauth|ssws|token)')
_ELEMENT = re.compile(r'\s*(?:<!\[CDATA\[.*?(?:\]\]>|\Z)|[^<\s-][^<]*)', re.DOTALL)


def value_at(text: str, start: int) -> Span | None:
    """The quoted or bare value that begins here."""
    value = _VALUE.match(text, start)
    return value.span() if value else None


def element_at(text: str, start: int) -> Span | None:
    """What an XML element holds."""
    value = _ELEMENT.match(text, start)
    return (start, value.end()) if value else None


def word_at(text: str, start: int) -> Span | None:
    """A value that ends with its word, as that of a name that tells only beside a random one."""
    before = _BEFORE.match(text, start)
    start = before.end() if before else start
    if _OPENING.match(text, start):
        return value_at(text, start)
    value = _BARE['word'].match(text, start)
    return value.span() if value else None


def values_at(text: str, key: Span, start: int, name: str) -> Iterator[Span]:
    """The spans that hold the value of the key: several in a block, or where a default follows."""
    header = None if _LINE_END.match(text, start) else _header(text, start, name)
    if header:
        yield header
        return
    before = _BEFORE.match(text, start)
    begin = before.end() if before else start
    if line_end := _LINE_END.match(text, begin):
        yield from _block(text, key[0], line_end.end(), is_scalar=text[begin] in '|>')
        return
    if text[begin : begin + 1] in _BRACKETS:
        yield begin, _end_of_bracket(text, begin)
        return
    if expression := _EXPRESSION.match(text, begin):
        fallback = _OR_ELSE.match(text, expression.end())
        if fallback and (default := value_at(text, fallback.end())):
            yield default
            return
        if expression['opens']:
            return
    part = _BARE.get(_SEPARATED.get(text[max(key[0] - 1, 0) : key[0]], ''))
    if part and not _OPENING.match(text, begin):
        if bare := part.match(text, begin):
            yield bare.span()
    elif value := value_at(text, begin):
        yield value if _OPENING.match(text, begin) else (begin, _end_of_bare(text, key, begin, value[1]))


def _header(text: str, start: int, name: str) -> Span | None:
    """The value of a header that has more than one word."""
    lowered = name.lower()
    if lowered.endswith('authorization'):
        form = _AUTHORIZATION
    elif lowered.endswith(('cookie', 'cookies')):
        form = _COOKIE
    else:
        return None
    value = form.match(text, start)
    if not value:
        return None
    begin, end = value.span()
    if form is _AUTHORIZATION:
        scheme = _KNOWN_SCHEME.match(text, start)
        if scheme and text[scheme.end() : scheme.end() + 1].isspace():
            begin = scheme.end() + 1
        if parameters := _PARAMETERS.match(text, begin):
            end = parameters.end()
    return begin, end


def _end_of_bare(text: str, key: Span, start: int, end: int) -> int:
    before = text[max(key[0] - 1, 0) : key[0]]
    # "KEY=some words": the quote stands before the key.
    if before in _UP_TO_QUOTE and not {*'"\''} & {*text[key[0] : start]} and before not in text[start:end]:
        rest = _UP_TO_QUOTE[before].match(text, end)
        return rest.end() if rest else end
    words = _REST_OF_WORDS.match(text, end)
    return words.end() if words and _is_line(text, key[0], words.end()) else end


def _is_line(text: str, start: int, end: int) -> bool:
    """Whether the key begins a line, of more than one."""
    before = _NEWLINES.split(text[max(start - 60, 0) : start])
    return not before[-1].strip(' \t-') and bool(before[1:] or _NEWLINES.match(text, end))


def _indent(text: str, start: int) -> int:
    """How far a key stands in its line: real, or one that is escaped."""
    before = text[max(start - 200, 0) : start]
    line = _NEWLINES.split(before)[-1]
    return len(line) - len(line.lstrip(' \t'))


def _block(text: str, start: int, position: int, *, is_scalar: bool) -> Iterator[Span]:
    """What stands in the lines below a key; None of it is, if the next line is no further in."""
    indent = _indent(text, start)
    form = _LINE if text[position] in '\r\n' else _ESCAPED_LINE
    first = True
    scalar: list[int] = []
    while line := form.match(text, position):
        rest, begin = line['rest'], line.start('rest')
        if not rest.strip():
            position = line.end()
            continue
        is_within = len(line['indent']) > indent or (len(line['indent']) == indent and rest.startswith('- '))
        if not is_within and not (first and not _CHILD.match(rest) and not rest.startswith(('-', '[', '<', '}'))):
            break
        position = line.end()
        if is_scalar:
            scalar = [scalar[0] if scalar else begin, position]
        elif is_within:
            child = _CHILD.match(rest)
            if child and _HARMLESS_CHILD.fullmatch(child['name']):
                continue
            at = (child or _DASHES.match(rest)).end()  # type: ignore[union-attr]  # the dashes may be none
            if rest[at:].strip('|>+-{[ '):
                yield begin + at, begin + len(rest.rstrip(' ,\r'))
        else:
            if value := value_at(text, begin):
                yield value
            return
        first = False
    if scalar:
        yield scalar[0], scalar[1]


def _end_of_bracket(text: str, start: int) -> int:
    opening, closing = text[start], _BRACKETS[text[start]]
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opening) - (text[position] == closing)
        if not depth:
            return position + 1
    return len(text)
