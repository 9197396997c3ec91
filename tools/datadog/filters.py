# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Filters of tags, as Datadog's queries and searches write them."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, reduce
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from .frames import QueryError
from .recording import normalized

GRAMMAR = r"""
    // Either symbols or words: https://docs.datadoghq.com/metrics/advanced-filtering/#boolean-filtered-queries
    ?filter: either | symbolic ("," symbolic)+ -> all_of | "!" TAG -> tag_not
    ?symbolic: TAG -> tag | "!" TAG -> tag_not

    ?either: both ("OR"i both)* -> any_of
    ?both: term ("AND"i term)* -> all_of
    ?term: TAG -> tag
         | "NOT"i term -> none_of
         | "(" either ")"
         | TAG "IN"i "(" TAG ("," TAG)* ")" -> tag_in
         | TAG "NOT"i "IN"i "(" TAG ("," TAG)* ")" -> tag_not_in

    TAG: /(?!(OR|AND|NOT|IN)(?![^\s,(){}!]))[^\s,(){}!]+/i
    %ignore /\s+/
"""

type Tags = Mapping[str, str]


class Filter(NamedTuple):
    """What stands between the braces of a query: whether tags match, and what it names: tag keys or `$variable`.

    Of the variables, those in `narrowed_by` can do no more than narrow down what matches.
    """

    matches: Callable[[Tags], bool]
    names: frozenset[str]
    narrowed_by: frozenset[str] = frozenset()


@cache
def tag_filter(text: str) -> Filter:
    """The filter of a query, or of another search that is written the same way."""
    made: Filter = transformed(FilterReader(), PARSER, text)
    return made


def kept(tags: Tags) -> Tags:
    """As Datadog keeps them; of the keys, the recording sees to that."""
    return {key: normalized(value) for key, value in tags.items()}


def transformed(reader: Transformer[Token, Any], parser: Lark, text: str) -> Any:
    """What the reader makes of the text. QueryError if it cannot be read."""
    try:
        return reader.transform(parser.parse(text))
    except UnexpectedInput as error:
        raise QueryError(f'not understood:\n{error.get_context(text, span=120)}') from error
    except VisitError as error:
        raise QueryError(f'{error.orig_exc}: {text}') from error


def _any_name(filters: Iterable[Filter]) -> frozenset[str]:
    return reduce(operator.or_, (each.names for each in filters), frozenset())


def _without_value(_: Tags) -> bool:
    raise QueryError('a template variable has no value here')


class FilterReader(Transformer[Token, Any]):
    """Makes a Filter of a parsed one."""

    def tag(self, items: list[Token]) -> Filter:
        key, colon, value = items[0].partition(':')
        if key.startswith('$'):
            return Filter(_without_value, frozenset({str(key)}), frozenset({str(key)}))
        if key == '*':
            return Filter(lambda _: True, frozenset())
        pattern = re.compile('.*'.join(map(re.escape, value.lower().split('*'))) if colon else '.*')
        return Filter(lambda tags: key in tags and bool(pattern.fullmatch(tags[key])), frozenset({str(key)}))

    def tag_not(self, items: list[Token]) -> Filter:
        return self.none_of([self.tag(items)])

    def all_of(self, items: list[Filter]) -> Filter:
        narrowed_by = reduce(operator.or_, (each.narrowed_by for each in items))
        return Filter(lambda tags: all(each.matches(tags) for each in items), _any_name(items), narrowed_by)

    def any_of(self, items: list[Filter]) -> Filter:
        if len(items) == 1:
            return items[0]
        return Filter(lambda tags: any(each.matches(tags) for each in items), _any_name(items))

    def none_of(self, items: list[Filter]) -> Filter:
        return Filter(lambda tags: not any(each.matches(tags) for each in items), _any_name(items))

    def tag_in(self, items: list[Token]) -> Filter:
        key, *values = items
        return self.any_of([self.tag([Token('TAG', f'{key}:{value}')]) for value in values])

    def tag_not_in(self, items: list[Token]) -> Filter:
        return self.none_of([self.tag_in(items)])


PARSER = Lark(GRAMMAR, start='filter', parser='lalr')
