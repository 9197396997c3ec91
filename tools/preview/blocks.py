# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The queries of widgets, and the values that they share, in the form that the preview's page evaluates."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tools.datadog.assets import VARIABLE, Json, filled, formulas, is_group, named_queries
from tools.datadog.frames import FUNCTIONS, REDUCERS, Group, QueryError, Window
from tools.datadog.query import OPERATORS, SHIFTS, WEEK, Metric, outline
from tools.datadog.recording import PREFIX, Recording


@dataclass(slots=True)
class Block:
    """Values over time that queries share: of one metric and filter, by all the tags that one of them needs."""

    metric: Metric
    number: int
    shift: float
    window: Window
    keys: set[str] = field(default_factory=set)


class Source(NamedTuple):
    """What widgets are drawn from, and what was drawn already."""

    recording: Recording
    window: Window
    variables: Mapping[str, Json]
    scopes: tuple[str, ...]
    blocks: dict[Any, Block]
    streams: dict[str, list[Json]]

    def fill(self, text: str) -> str:
        """The text with all that may be chosen: of defaults, too, the page makes a choice."""
        everything = {name: '*' for name, variable in self.variables.items() if not is_group(variable)}
        return filled(text, list(self.variables.values()), everything)

    def keys(self, variable: str) -> tuple[str, ...]:
        """The tags that a template variable filters or groups by."""
        asked = self.variables[variable]
        if is_group(asked):
            return tuple(asked['available_values'])
        return (asked['prefix'],) if asked.get('prefix') else self.scopes


class Asked(NamedTuple):
    """A query of a widget, for its own time or the one so many seconds before."""

    name: str
    shift: float = 0


def request_of(definition: Json, request: Json, source: Source, window: Window) -> Json:
    """A request of a widget: queries of blocks, and formulas as trees. QueryError if the page could not do it."""
    named = named_queries(definition, request)
    if not named:
        raise QueryError('it draws what metrics say, and this asks for something else')
    unsent = {name for name, (text, _) in named.items() if not _was_sent(_metric(text, source), source.recording)}
    asked: dict[str, Asked] = {}
    shown = []
    for formula in formulas(request):
        outlined = outline(formula['formula'])
        shown.append(formula | {'tree': _tree(outlined, asked, unsent)})
        if 'comparison' in request:
            is_week = request['comparison']['duration']['type'] == 'previous_week'
            before = WEEK if is_week else window.end - window.start
            shown[-1]['previous'] = _tree(outlined, asked, unsent, '@previous', before)
    return {
        'queries': [{'name': name, **_query(*named[of], source, window, shift)} for name, (of, shift) in asked.items()],
        'formulas': shown,
    }


def _tree(part: Any, asked: dict[str, Asked], unsent: set[str], label: str = '', shift: float = 0) -> Any:
    """A formula as the page computes it; adds the queries that it asks for.

    A function that looks at another time becomes a query for that time. What was never sent is not filled with zeros.
    """
    match part:
        case float():
            return _rounded(part)
        case str():
            asked[part + label] = Asked(part, shift)
            return part + label
        case [name, inner] if name in SHIFTS:
            return _tree(inner, asked, unsent, f'{label}@{name}', shift + SHIFTS[name])
        case ['timeshift', inner, seconds]:
            return _tree(inner, asked, unsent, f'{label}@{-seconds:g}', shift - seconds)
        case [sign, left, right] if sign in OPERATORS:
            return [sign, *(_tree(side, asked, unsent, label, shift) for side in (left, right))]
        case [name, inner, *arguments] if name in FUNCTIONS:
            within: dict[str, Asked] = {}
            tree = _tree(inner, within, unsent, label, shift)
            asked.update(within)
            is_unsent = all(each.name in unsent for each in within.values())
            return tree if name == 'default_zero' and is_unsent else [name, tree, *arguments]
        case [name, *_]:
            raise QueryError(f'it knows no function {name}')
    raise QueryError('it knows no queries within formulas')


def _metric(text: str, source: Source) -> Metric:
    """The only one of a query, with no template variable chosen."""
    metric = outline(source.fill(text))
    if not isinstance(metric, Metric):
        raise QueryError(f'it knows queries of one metric, not {text}')
    return metric


def _was_sent(metric: Metric, recording: Recording) -> bool:
    return metric.name.removeprefix(PREFIX) in recording.series


def _query(text: str, method: str | None, source: Source, window: Window, shift: float) -> Json:
    metric = _metric(text, source)
    named = variables_in(text)
    filters = [name for name in named if not is_group(source.variables[name])]
    if {f'${name}' for name in filters} != outline(text).filter.narrowed_by:
        raise QueryError(f'it knows template variables that narrow a query down, not {text}')
    whole = metric.window(source.window)
    if shift % whole.interval:
        raise QueryError(f'a shift by {shift:g} seconds is no multiple of the interval')
    selected = metric.selected(source.recording)
    key = (metric.name, metric.aggregator, metric.over_time, metric.as_rate, whole.interval, shift, selected)
    block = source.blocks.setdefault(key, Block(metric, len(source.blocks), shift, whole))
    block.keys.update(metric.by, *map(source.keys, named))
    block.window = block.window._replace(start=min(block.window.start, window.start))
    return {
        'block': block.number,
        'space': metric.aggregator,
        'by': outline(text).by,
        'reduce': method,
        'filters': filters,
        'window': numbers(metric.window(window), whole),
    }


def variables_in(text: str) -> list[str]:
    """The names of the template variables in a text."""
    return [name for name, _ in VARIABLE.findall(text)]


def block_of(block: Block, source: Source, interned: dict[str, int]) -> Json:
    """The rows of a block: which tags, the number of the first bucket, the values from there on."""
    metric, keys = block.metric, sorted(block.keys)
    first = int(metric.window(source.window).buckets[0])
    merged: defaultdict[Group, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    is_average = metric.aggregator == 'avg'
    for number, (tags, line) in enumerate(metric.lines(source.recording, block.window.moved(-block.shift))):
        # An average cannot be made of averages.
        row = merged[*(tags.get(key, '') for key in keys), str(number) if is_average else '']
        for bucket, value in line.items():
            row[int((bucket + block.shift - first) // block.window.interval)].append(value)
    return {
        'interval': int(block.window.interval),
        'keys': keys,
        'rows': [
            [
                [interned.setdefault(tag, len(interned)) if tag else -1 for tag in tags[:-1]],
                min(row),
                [
                    _rounded(REDUCERS[metric.aggregator](row[at])) if at in row else None
                    for at in range(min(row), max(row) + 1)
                ],
            ]
            for tags, row in sorted(merged.items())
        ],
    }


def numbers(window: Window, grid: Window) -> list[int]:
    """The numbers of the window's first bucket, and of the one after its last, counted from the start of the grid."""
    first = grid.buckets[0]
    return [int((at - first) // grid.interval) for at in (window.buckets[0], window.buckets[-1] + grid.interval)]


def _rounded(value: float) -> float:
    """To 6 significant digits, and without a point if there is nothing behind it."""
    short = float(f'{value:.6g}')
    return int(short) if short.is_integer() else short
