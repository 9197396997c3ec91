# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The part of Datadog's metric query language that dashboards like these use, evaluated over what checks have sent.

https://docs.datadoghq.com/dashboards/querying/ and https://docs.datadoghq.com/dashboards/functions/. Unlike Datadog it
does not interpolate between points.
"""

import operator
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial, reduce
from typing import Any, NamedTuple

from lark import Lark, Token

from . import filters
from .filters import Filter, FilterReader, Tags, kept, transformed
from .frames import (
    FUNCTIONS,
    NOT_AVAILABLE,
    REDUCERS,
    Frame,
    Group,
    Line,
    QueryError,
    Window,
    combined,
    reduced,
)
from .recording import PREFIX, Recording, Series

WEEK = 7 * 86_400

# https://docs.datadoghq.com/dashboards/functions/rollup/
ROLLUPS = frozenset({'avg', 'count', 'max', 'min', 'sum'})

GRAMMAR = r"""
    ?expression: product | expression "+" product -> add | expression "-" product -> subtract
    ?product: factor | product "*" factor -> multiply | product "/" factor -> divide
    ?factor: "(" expression ")" | NUMBER -> constant | metric | call | NAME -> variable

    call: NAME "(" expression ("," argument)* ")"
    argument: SIGNED -> number | NUMBER -> number | STRING -> string

    metric: METRIC "{" filter "}" by? (as_count | as_rate | rollup | fill)*
    by: "by" "{" TAG_KEY ("," TAG_KEY)* "}"
    as_count: ".as_count" "(" ")"
    as_rate: ".as_rate" "(" ")"
    rollup: ".rollup" "(" NAME ("," NUMBER)? ")"
    fill: ".fill" "(" NAME ")"

    METRIC.2: /(avg|sum|min|max):[a-z][\w.]*/
    NAME: /[a-z_]\w*/
    TAG_KEY: /\$?[\w.\/:-]+/
    STRING: /'[^']*'/
    NUMBER: /\d+(\.\d+)?/
    SIGNED: /-\d+(\.\d+)?/
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a query: `max:sagemaker_training.job.elapsed_time{team:nlp} by {region}.rollup(max, 3600)`."""

    aggregator: str
    name: str
    filter: Filter
    by: tuple[str, ...] = ()
    as_count: bool = False
    as_rate: bool = False
    rollup: str | None = None
    interval: float | None = None
    has_gaps: bool = False  # of a gauge, Datadog fills short ones by default, which is not done here

    def frame(self, recording: Recording, window: Window) -> Frame:
        """Each series is aggregated over the time of a bucket first, then the series of a group are.

        https://docs.datadoghq.com/metrics/#querying-metrics
        """
        window = self.window(window)
        groups: defaultdict[Group, defaultdict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
        for tags, line in self.lines(recording, window):
            group = groups[tuple(tags.get(key, NOT_AVAILABLE) for key in self.by)]
            for bucket, value in line.items():
                group[bucket].append(value)
        over_space = REDUCERS[self.aggregator]
        lines = {group: {bucket: over_space(line[bucket]) for bucket in sorted(line)} for group, line in groups.items()}
        return Frame(self.by, lines, window)

    def lines(self, recording: Recording, window: Window) -> Iterator[tuple[Tags, Line]]:
        """Each series that passes the filter and has values: these aggregated over the time of a bucket."""
        over_time = REDUCERS[self.over_time]
        for series in self._sent(recording).values():
            times = series.times
            first, last = bisect_left(times, window.start), bisect_left(times, window.end)
            if first == last or not self.filter.matches(tags := kept(series.tags)):
                continue
            buckets: defaultdict[float, list[float]] = defaultdict(list)
            for at, value in zip(times[first:last], series.values[first:last], strict=True):
                buckets[at // window.interval * window.interval].append(value)
            seconds = window.interval if self.as_rate else 1
            yield tags, {bucket: over_time(values) / seconds for bucket, values in buckets.items()}

    def selected(self, recording: Recording) -> frozenset[frozenset[str]]:
        """The tags, as they were sent, of each series that passes the filter."""
        series = self._sent(recording).items()
        return frozenset(sent for sent, each in series if self.filter.matches(kept(each.tags)))

    def _sent(self, recording: Recording) -> Mapping[frozenset[str], Series]:
        name = self.name.removeprefix(PREFIX)
        by_tags = recording.series.get(name, {})
        if by_tags and self.is_count != (name in recording.counts):
            raise QueryError(f'{name} is {"no " if self.is_count else "a "}count: .as_count() goes with counts alone')
        return by_tags

    def window(self, window: Window) -> Window:
        """The window in intervals of the rollup, if it has one and that is longer: shorter ones Datadog lengthens."""
        return window._replace(interval=max(self.interval or 0, window.interval))

    @property
    def is_count(self) -> bool:
        """Whether it is asked for as a count, or as one by the second."""
        return self.as_count or self.as_rate

    @property
    def over_time(self) -> str:
        """How the values of a bucket are reduced to one."""
        return self.rollup or ('sum' if self.is_count else 'avg')


class Scope(NamedTuple):
    """What a query is evaluated over, what the names in a formula stand for, and how counts are totalled, if at all."""

    recording: Recording
    window: Window
    variables: Mapping[str, 'Node']
    total: 'Total | None' = None


# What is made of a count before anything else.
type Total = Callable[[Metric, Scope], Frame]
# Yields a Frame, or a number where there are only numbers.
type Node = Callable[[Scope], Any]


def evaluate(text: str, recording: Recording, window: Window, total: str | None = None) -> Frame:
    """What the query answers. QueryError if it cannot be read, or is one that Datadog would answer wrongly.

    With `total`, each count is reduced by that method to one value over all time before anything else, as monitors do:
    https://docs.datadoghq.com/monitors/guide/as-count-in-monitor-evaluations/.
    """

    def totalled(metric: Metric, scope: Scope) -> Frame:
        return reduced(metric.frame(scope.recording, scope.window), total or 'sum')

    return evaluate_totals(text, recording, window, totalled if total else None)


def evaluate_totals(text: str, recording: Recording, window: Window, total: Total | None) -> Frame:
    """As `evaluate`, with `total` for what counts are before anything else."""
    return _answer(text, Scope(recording, window, {}, total))


def evaluate_formula(
    text: str, recording: Recording, window: Window, queries: Mapping[str, tuple[str, str | None]]
) -> Frame:
    """What a formula makes of the queries it names.

    Each is its text and how to reduce its values to one over all time, as query values, toplists and tables do, or
    None, as in timeseries.
    """
    return _answer(text, Scope(recording, window, {name: _query(*each) for name, each in queries.items()}))


def _answer(text: str, scope: Scope) -> Frame:
    answer = _value(outline(text), scope)
    if isinstance(answer, Frame):
        return answer
    return Frame((), {(): dict.fromkeys(scope.window.buckets, answer)}, scope.window)


def _query(text: str, method: str | None) -> Node:
    node = partial(_value, outline(text))
    return lambda scope: reduced(node(scope), method) if method else node(scope)


def _value(part: Any, scope: Scope) -> Any:
    """What a part of an outline yields: a Frame, or a number where there are only numbers."""
    match part:
        case float():
            return part
        case str() if part in scope.variables:
            return scope.variables[part](scope)
        case str():
            raise QueryError(f'no query is named {part}')
        case Metric():
            if scope.total and part.as_count:
                return scope.total(part, scope)
            return part.frame(scope.recording, scope.window)
        case [sign, left, right] if sign in OPERATORS:
            return combined(OPERATORS[sign], _value(left, scope), _value(right, scope))
        case [name, inner, *arguments]:
            return _called(name, inner, arguments, scope)
    raise TypeError(f'no part of an outline: {part!r}')


def _called(name: str, inner: Any, arguments: list[Any], scope: Scope) -> Frame:
    try:
        if name in TIME_FUNCTIONS:
            return TIME_FUNCTIONS[name](partial(_value, inner), scope, *arguments)
        return FUNCTIONS[name](_value(inner, scope), *arguments)
    except (TypeError, KeyError) as error:
        raise QueryError(f'{name} cannot take {arguments}: {error}') from error


def metrics(text: str) -> list[Metric]:
    """Those that the query asks for. QueryError if it cannot be read."""
    return _metrics(outline(text))


def _metrics(part: Any) -> list[Metric]:
    match part:
        case Metric():
            return [part]
        case [*parts]:
            return [metric for each in parts for metric in _metrics(each)]
    return []


@cache
def outline(text: str) -> Any:
    """What the query or formula is made of: a number, the name of a query, a Metric, or a list.

    A list is of an operator or function and its arguments. QueryError if the text cannot be read.
    """
    return transformed(_Outline(), PARSER, text)


def _timeshift(node: Node, scope: Scope, seconds: float) -> Frame:
    """What was `-seconds` ago, as if it were now."""
    frame = node(scope._replace(window=scope.window.moved(seconds)))
    lines = {group: {bucket - seconds: v for bucket, v in line.items()} for group, line in frame.lines.items()}
    return frame._replace(lines=lines, window=frame.window.moved(-seconds))


def _shifted_by(seconds: float) -> Callable[..., Frame]:
    return lambda node, scope: _timeshift(node, scope, -seconds)


# How many seconds before the window these functions look.
SHIFTS = {'day_before': 86_400, 'hour_before': 3_600, 'week_before': WEEK}
# All functions that look at another time than the window's.
TIME_FUNCTIONS: dict[str, Callable[..., Frame]] = {
    'timeshift': _timeshift,
    **{name: _shifted_by(seconds) for name, seconds in SHIFTS.items()},
}


def _listed(sign: str) -> Callable[[Any, list[Any]], list[Any]]:
    return lambda _, items: [sign, *items]


OPERATORS = {'+': operator.add, '-': operator.sub, '*': operator.mul, '/': operator.truediv}


class _Outline(FilterReader):
    """Makes an outline of a parsed query."""

    add, subtract, multiply, divide = (_listed(sign) for sign in OPERATORS)

    def constant(self, items: list[Token]) -> float:
        return float(items[0])

    def variable(self, items: list[Token]) -> str:
        return str(items[0])

    def call(self, items: list[Any]) -> list[Any]:
        name, *arguments = items
        if name not in TIME_FUNCTIONS and name not in FUNCTIONS:
            raise QueryError(f'the function {name} is not supported')
        return [str(name), *arguments]

    def metric(self, items: list[Any]) -> Metric:
        asked, wanted, *details = items
        aggregator, name = asked.split(':')
        return Metric(aggregator, name, wanted, **reduce(operator.or_, details, {}))

    def number(self, items: list[Token]) -> float:
        return float(items[0])

    def string(self, items: list[Token]) -> str:
        return items[0][1:-1]

    def by(self, items: list[Token]) -> dict[str, Any]:
        return {'by': tuple(map(str, items))}

    def as_count(self, _: list[Token]) -> dict[str, Any]:
        return {'as_count': True}

    def as_rate(self, _: list[Token]) -> dict[str, Any]:
        """Of a count: https://docs.datadoghq.com/metrics/custom_metrics/type_modifiers/."""
        return {'as_rate': True}

    def rollup(self, items: list[Token]) -> dict[str, Any]:
        method, *interval = items
        if method not in ROLLUPS:
            raise QueryError(f'there is no rollup by {method}')
        return {'rollup': str(method), 'interval': float(interval[0]) if interval else None}

    def fill(self, items: list[Token]) -> dict[str, Any]:
        """Gaps stay: https://docs.datadoghq.com/metrics/guide/interpolation-the-fill-modifier-explained/."""
        if items != ['null']:
            raise QueryError(f'gaps are not filled by {items[0]}')
        return {'has_gaps': True}


PARSER = Lark(GRAMMAR + filters.GRAMMAR, start='expression', parser='lalr')
