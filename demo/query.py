# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The part of Datadog's metric query language that the assets use, evaluated over what checks have sent.

https://docs.datadoghq.com/dashboards/querying/ and https://docs.datadoghq.com/dashboards/functions/. Unlike Datadog it
does not interpolate between points, and its `anomalies` is a simple stand-in: the mean and the standard deviation of
the week before.
"""

import operator
import re
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

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
    default_zero,
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
    argument: SIGNED -> number | NUMBER -> number | STRING -> string | NAME "=" (STRING | NUMBER) -> named

    metric: METRIC "{" filter "}" by? (as_count | rollup)*
    by: "by" "{" TAG_KEY ("," TAG_KEY)* "}"
    as_count: ".as_count" "(" ")"
    rollup: ".rollup" "(" NAME ("," NUMBER)? ")"

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

    METRIC.2: /(avg|sum|min|max):[a-z][\w.]*/
    NAME: /[a-z_]\w*/
    TAG_KEY: /[\w.\/:-]+/
    TAG: /(?!(OR|AND|NOT|IN)(?![^\s,(){}!]))[^\s,(){}!]+/i
    STRING: /'[^']*'/
    NUMBER: /\d+(\.\d+)?/
    SIGNED: /-\d+(\.\d+)?/
    %ignore /\s+/
"""
PARSER = Lark(GRAMMAR, start=['expression', 'filter'], parser='lalr')

type Tags = Mapping[str, str]


class Filter(NamedTuple):
    """What stands between the braces of a query: whether tags match, and what it names: tag keys or `$variable`.

    Of the variables, those in `narrowed_by` can do no more than narrow down what matches.
    """

    matches: Callable[[Tags], bool]
    names: frozenset[str]
    narrowed_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a query: `max:sagemaker_training.job.elapsed_time{team:nlp} by {region}.rollup(max, 3600)`."""

    aggregator: str
    name: str
    filter: Filter
    by: tuple[str, ...] = ()
    as_count: bool = False
    rollup: str | None = None
    interval: float | None = None

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
        return Frame(self.by, {group: line for group, line in lines.items() if line}, window)

    def lines(self, recording: Recording, window: Window) -> Iterator[tuple[Tags, Line]]:
        """Each series that passes the filter and has values: these aggregated over the time of a bucket."""
        over_time = REDUCERS[self.over_time]
        window = self.window(window)
        for tags, points in self._sent(recording).values():
            within = points[bisect_left(points, (window.start,)) : bisect_left(points, (window.end,))]
            if not within or not self.filter.matches(tags := kept(tags)):
                continue
            buckets: defaultdict[float, list[float]] = defaultdict(list)
            for at, value in within:
                buckets[at // window.interval * window.interval].append(value)
            yield tags, {bucket: over_time(values) for bucket, values in buckets.items()}

    def selected(self, recording: Recording) -> frozenset[frozenset[str]]:
        """The tags, as they were sent, of each series that passes the filter."""
        series = self._sent(recording).items()
        return frozenset(sent for sent, (tags, _) in series if self.filter.matches(kept(tags)))

    def _sent(self, recording: Recording) -> Mapping[frozenset[str], Series]:
        name = self.name.removeprefix(PREFIX)
        by_tags = recording.series.get(name, {})
        if by_tags and self.as_count != (name in recording.counts):
            raise QueryError(f'{name} is {"no " if self.as_count else "a "}count: .as_count() goes with counts alone')
        return by_tags

    def window(self, window: Window) -> Window:
        """The window in intervals of the rollup, if it has one."""
        return window._replace(interval=self.interval or window.interval)

    @property
    def over_time(self) -> str:
        """How the values of a bucket are reduced to one."""
        return self.rollup or ('sum' if self.as_count else 'avg')


class Scope(NamedTuple):
    """What a query is evaluated over, what the names in a formula stand for, and how counts are totalled, if at all."""

    recording: Recording
    window: Window
    variables: Mapping[str, 'Node']
    total: str | None = None


# Yields a Frame, or a number where there are only numbers.
type Node = Callable[[Scope], Any]


def evaluate(text: str, recording: Recording, window: Window, total: str | None = None) -> Frame:
    """What the query answers. QueryError if it cannot be read, or is one that Datadog would answer wrongly.

    With `total`, each count is reduced by that method to one value over all time before anything else, as monitors do:
    https://docs.datadoghq.com/monitors/guide/as-count-in-monitor-evaluations/.
    """
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
    answer: Frame | float = _compiled(text)[0](scope)
    if isinstance(answer, Frame):
        return answer
    return Frame((), {(): dict.fromkeys(scope.window.buckets, answer)}, scope.window)


def _query(text: str, method: str | None) -> Node:
    node, _ = _compiled(text)
    return lambda scope: reduced(node(scope), method) if method else node(scope)


def metrics(text: str) -> list[Metric]:
    """Those that the query asks for. QueryError if it cannot be read."""
    return _compiled(text)[1]


@cache
def outline(text: str) -> Any:
    """What the query or formula is made of: a number, the name of a query, a Metric, or a list.

    A list is of an operator or function and its arguments. QueryError if the text cannot be read.
    """
    return _transformed(_Outline(), text)


@cache
def tag_filter(text: str) -> Filter:
    """The filter of a query, or of another search that is written the same way."""
    made: Filter = _transformed(_Parts(), text, start='filter')
    return made


@cache
def normalized(value: str) -> str:
    """A tag's value as Datadog keeps it: https://docs.datadoghq.com/getting_started/tagging/#define-tags."""
    return re.sub(r'[^\w\-:./]', '_', value.lower())[:200].rstrip('_')


def kept(tags: Tags) -> Tags:
    """As Datadog keeps them."""
    return {key: normalized(value) for key, value in tags.items()}


@cache
def _compiled(text: str) -> tuple[Node, list[Metric]]:
    compiler = _Compiler()
    return _transformed(compiler, text), compiler.metrics


def _transformed(transformer: Transformer[Token, Any], text: str, start: str = 'expression') -> Any:
    try:
        return transformer.transform(PARSER.parse(text, start=start))
    except UnexpectedInput as error:
        raise QueryError(f'not understood:\n{error.get_context(text, span=120)}') from error
    except VisitError as error:
        raise QueryError(f'{error.orig_exc}: {text}') from error


def _timeshift(node: Node, scope: Scope, seconds: float) -> Frame:
    """What was `-seconds` ago, as if it were now."""
    frame = node(scope._replace(window=scope.window.moved(seconds)))
    lines = {group: {bucket - seconds: v for bucket, v in line.items()} for group, line in frame.lines.items()}
    return frame._replace(lines=lines, window=frame.window.moved(-seconds))


def _moving_rollup(node: Node, scope: Scope, seconds: float, method: str) -> Frame:
    """At each bucket, the values of the last `seconds`, this bucket's included."""
    frame = _since_before(node, scope, seconds)
    buckets = scope.window._replace(interval=frame.window.interval).buckets

    def rolled(line: Line) -> Line:
        lasts = {bucket: [v for at, v in line.items() if bucket - seconds < at <= bucket] for bucket in buckets}
        return {bucket: REDUCERS[method](values) for bucket, values in lasts.items() if values}

    return frame.mapped(rolled)._replace(window=scope.window._replace(interval=frame.window.interval))


def _anomalies(node: Node, scope: Scope, _: str, deviations: float, *options: tuple[str, str]) -> Frame:
    """1 where a value is out of bounds, else 0; without two values of the week before there are no bounds."""
    chosen = {'direction': 'both'} | dict(options)
    scope = scope._replace(window=scope.window._replace(interval=float(chosen.get('interval', scope.window.interval))))
    frame = _since_before(node, scope, WEEK)
    if chosen.get('count_default_zero') == 'true':
        frame = default_zero(frame)

    def judged(line: Line) -> Line:
        return {b: _is_out(line[b], [v for at, v in line.items() if at < b]) for b in scope.window.buckets if b in line}

    def _is_out(value: float, before: list[float]) -> float:
        if len(before) < 2:
            return 0.0
        distance, bound = value - statistics.fmean(before), deviations * statistics.stdev(before)
        above, below = distance > bound, -distance > bound
        return float({'above': above, 'below': below, 'both': above or below}[chosen['direction']])

    return frame.mapped(judged)._replace(window=scope.window)


def _since_before(node: Node, scope: Scope, seconds: float) -> Frame:
    """The frame of a window that starts earlier by so many seconds."""
    return node(scope._replace(window=scope.window._replace(start=scope.window.start - seconds)))


def _shifted_by(seconds: float) -> Callable[..., Frame]:
    return lambda node, scope: _timeshift(node, scope, -seconds)


# How many seconds before the window these functions look.
SHIFTS = {'day_before': 86_400, 'hour_before': 3_600, 'week_before': WEEK}
# All functions that look at another time than the window's.
TIME_FUNCTIONS: dict[str, Callable[..., Frame]] = {
    'anomalies': _anomalies,
    'moving_rollup': _moving_rollup,
    'timeshift': _timeshift,
    **{name: _shifted_by(seconds) for name, seconds in SHIFTS.items()},
}


def _both(combine: Callable[[float, float], float]) -> Callable[[Any, list[Node]], Node]:
    def compiled(_: Any, items: list[Node]) -> Node:
        left, right = items
        return lambda scope: combined(combine, left(scope), right(scope))

    return compiled


def _listed(sign: str) -> Callable[[Any, list[Any]], list[Any]]:
    return lambda _, items: [sign, *items]


def _metric(items: list[Any]) -> Metric:
    aggregator, name = items[0].split(':')
    return Metric(aggregator, name, items[1], **reduce(operator.or_, items[2:], {}))


def _any_name(filters: Iterable[Filter]) -> frozenset[str]:
    return reduce(operator.or_, (each.names for each in filters), frozenset())


def _without_value(_: Tags) -> bool:
    raise QueryError('a template variable has no value here')


def _check_function(name: str) -> None:
    if name not in TIME_FUNCTIONS and name not in FUNCTIONS:
        raise QueryError(f'the function {name} is not supported')


class _Parts(Transformer[Token, Any]):
    """What all readers of a parsed query make the same of: of filters a Filter, of the rest values."""

    def number(self, items: list[Token]) -> float:
        return float(items[0])

    def string(self, items: list[Token]) -> str:
        return items[0][1:-1]

    def named(self, items: list[Token]) -> tuple[str, str]:
        return str(items[0]), items[1].strip("'")

    def by(self, items: list[Token]) -> dict[str, Any]:
        return {'by': tuple(map(str, items))}

    def as_count(self, _: list[Token]) -> dict[str, Any]:
        return {'as_count': True}

    def rollup(self, items: list[Token]) -> dict[str, Any]:
        method, *interval = items
        if method not in ROLLUPS:
            raise QueryError(f'there is no rollup by {method}')
        return {'rollup': str(method), 'interval': float(interval[0]) if interval else None}

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


class _Compiler(_Parts):
    """Makes a Node of a query, and lists its metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics: list[Metric] = []

    add, subtract = _both(operator.add), _both(operator.sub)
    multiply, divide = _both(operator.mul), _both(operator.truediv)

    def constant(self, items: list[Token]) -> Node:
        value = float(items[0])
        return lambda _: value

    def variable(self, items: list[Token]) -> Node:
        def query(scope: Scope) -> Any:
            if items[0] not in scope.variables:
                raise QueryError(f'no query is named {items[0]}')
            return scope.variables[items[0]](scope)

        return query

    def call(self, items: list[Any]) -> Node:
        name, node, *arguments = items
        _check_function(name)

        def called(scope: Scope) -> Frame:
            try:
                if name in TIME_FUNCTIONS:
                    return TIME_FUNCTIONS[name](node, scope, *arguments)
                return FUNCTIONS[name](node(scope), *arguments)
            except (TypeError, KeyError) as error:
                raise QueryError(f'{name} cannot take {arguments}: {error}') from error

        return called

    def metric(self, items: list[Any]) -> Any:
        metric = _metric(items)
        self.metrics.append(metric)

        def frame(scope: Scope) -> Frame:
            values = metric.frame(scope.recording, scope.window)
            return reduced(values, scope.total) if scope.total and metric.as_count else values

        return frame


class _Outline(_Parts):
    """Tells what a query is made of, instead of making a function of it."""

    add, subtract, multiply, divide = (_listed(sign) for sign in '+-*/')

    def constant(self, items: list[Token]) -> Any:
        return float(items[0])

    def variable(self, items: list[Token]) -> Any:
        return str(items[0])

    def call(self, items: list[Any]) -> Any:
        name, *arguments = items
        _check_function(name)
        return [str(name), *arguments]

    def metric(self, items: list[Any]) -> Any:
        return _metric(items)
