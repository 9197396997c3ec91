# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Values over time, by group, and what the functions of Datadog's query language make of them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from math import ceil, inf
from typing import NamedTuple

NOT_AVAILABLE = 'n/a'
"""The group of series that do not have the tag to group by."""

type Group = tuple[str, ...]
type Line = dict[float, float]

REDUCERS: dict[str, Callable[[Sequence[float]], float]] = {
    'avg': statistics.fmean,
    'count': len,
    'last': lambda values: values[-1],
    'max': max,
    'mean': statistics.fmean,
    'min': min,
    'sum': sum,
}


# By the longest time that is drawn so: the seconds of an interval, of a minute at least, as no poll is shorter.
# https://docs.datadoghq.com/dashboards/functions/rollup/#rollup-interval-enforced-vs-custom, line graphs
_DRAWN = {4 * 3_600: 60, 86_400: 300, 2 * 86_400: 600, 7 * 86_400: 3_600, 14 * 86_400: 7_200, inf: 14_400}


class QueryError(ValueError):
    """A query that is none, or asks for what this evaluator or the recorded metrics do not have."""


class Window(NamedTuple):
    """From `start` until before `end`, in epoch seconds, with one value for each `interval` of seconds."""

    start: float
    end: float
    interval: float

    @classmethod
    def drawn(cls, start: float, end: float) -> 'Window':
        """In the intervals that Datadog draws such a time in."""
        return cls(start, end, next(interval for span, interval in _DRAWN.items() if end - start <= span))

    @property
    def buckets(self) -> list[float]:
        """The starts of the intervals: multiples of their length."""
        first, last = int(self.start // self.interval), ceil(self.end / self.interval)
        return [number * self.interval for number in range(first, last)]

    def moved(self, seconds: float) -> 'Window':
        return self._replace(start=self.start + seconds, end=self.end + seconds)


class Frame(NamedTuple):
    """A line of values by bucket for each group: for each combination of values of the tags in `by`.

    What has no value is absent, and so is a group without any.
    """

    by: tuple[str, ...]
    lines: Mapping[Group, Line]
    window: Window

    def mapped(self, change: Callable[[Line], Line]) -> 'Frame':
        """Each line changed."""
        changed = {group: change(line) for group, line in self.lines.items()}
        return self._replace(lines={group: line for group, line in changed.items() if line})


def reduced(frame: Frame, method: str) -> Frame:
    """One value over all time for each group: what a query value, a toplist or a table shows."""
    start = int(frame.window.start)
    one = frame.mapped(lambda line: {start: REDUCERS[method](list(line.values()))})
    return one._replace(window=Window(start, start + 1, 1))


def combined(combine: Callable[[float, float], float], left: Frame | float, right: Frame | float) -> Frame | float:
    """Pointwise, where both have a value; a frame without groups goes with each group of the other."""
    if not isinstance(left, Frame):
        return _from_number(combine, left, right)
    if isinstance(right, Frame):
        return _combined(combine, left, right)
    return left.mapped(lambda line: _joined(combine, line, dict.fromkeys(line, right)))


def _from_number(combine: Callable[[float, float], float], left: float, right: Frame | float) -> Frame | float:
    if not isinstance(right, Frame):
        return combine(left, right)
    return right.mapped(lambda line: _joined(combine, dict.fromkeys(line, left), line))


def _combined(combine: Callable[[float, float], float], left: Frame, right: Frame) -> Frame:
    if left.by and right.by and left.by != right.by:
        raise QueryError(f'{left.by} and {right.by} are groups of different tags')
    if left.window.interval != right.window.interval:
        raise QueryError(f'intervals of {left.window.interval} and {right.window.interval} s do not go together')
    lines = {}
    for group in left.lines if left.by else right.lines:
        one, other = left.lines.get(group if left.by else ()), right.lines.get(group if right.by else ())
        if one and other and (line := _joined(combine, one, other)):
            lines[group] = line
    return Frame(left.by or right.by, lines, left.window)


def _joined(combine: Callable[[float, float], float], left: Line, right: Line) -> Line:
    line = {}
    for bucket in left.keys() & right.keys():
        try:
            line[bucket] = combine(left[bucket], right[bucket])
        except ZeroDivisionError:
            continue
    return dict(sorted(line.items()))


def default_zero(frame: Frame) -> Frame:
    lines = frame.lines if frame.by or frame.lines else {(): {}}
    zeros = dict.fromkeys(frame.window.buckets, 0.0)
    return frame._replace(lines={group: zeros | line for group, line in lines.items()})


def _top(frame: Frame, limit: float, method: str = 'mean', order: str = 'desc') -> Frame:
    ranked = sorted(frame.lines, key=lambda group: REDUCERS[method](list(frame.lines[group].values())))
    kept = {'asc': ranked, 'desc': ranked[::-1]}[order][: int(limit)]
    return frame._replace(lines={group: frame.lines[group] for group in kept})


# Functions of what was evaluated.
FUNCTIONS: dict[str, Callable[..., Frame]] = {
    'default_zero': default_zero,
    'top': _top,
}
