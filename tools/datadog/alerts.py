# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""When monitors would have fired over a longer time: what `verdicts` says at each moment, but worked out at once."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .assets import (
    COMPARISONS,
    METRIC_MONITOR,
    MONITOR_INTERVAL,
    Json,
    Verdict,
    grouped_by,
    seconds,
    state_of,
    verdicts,
)
from .frames import NOT_AVAILABLE, REDUCERS, Frame, Group, Line, Window
from .query import SHIFTS, TIME_FUNCTIONS, Metric, Scope, evaluate, evaluate_totals, outline
from .recording import Recording

# How often those monitors are asked that have to be asked one moment at a time.
SELDOM = 3_600


class Firing(NamedTuple):
    """One time that a monitor was in a state other than `ok`: for which group, from when until when, and why.

    `ended` is None if it still was at the end. The verdict is the first one of the worst state.
    """

    state: str
    group: Mapping[str, str]
    began: float
    ended: float | None
    verdict: Verdict


def firings(definition: Json, recording: Recording) -> list[Firing]:
    """All of a monitor, the oldest first. QueryError if it asks for what this evaluator does not know."""
    moments = recording.polled_at
    asked, said = histories(definition, recording, moments)
    by = grouped_by(definition)
    found = [firing for group, past in said.items() for firing in _runs(dict(zip(by, group, strict=True)), past, asked)]
    return sorted(found, key=lambda firing: (firing.began, sorted(firing.group.items())))


def histories(
    definition: Json, recording: Recording, moments: Sequence[float]
) -> tuple[Sequence[float], dict[Group, dict[float, Verdict]]]:
    """The moments at which the monitor was asked, of those given, and what it said then of each group."""
    if not moments:
        return moments, {}
    match = METRIC_MONITOR.fullmatch(definition['query'])
    trigger = definition['options'].get('threshold_windows')
    if not match or trigger or not _can_roll(outline(match['query'])):
        asked = _seldom(moments)
        said: defaultdict[Group, dict[float, Verdict]] = defaultdict(dict)
        for at in asked:
            for group, verdict in verdicts(definition, recording, at).items():
                said[group][at] = verdict
        return asked, said
    method, span, query = match['method'], seconds(match['span']), match['query']
    window = Window(moments[0], moments[-1] + MONITOR_INTERVAL, MONITOR_INTERVAL)
    before = span - MONITOR_INTERVAL

    def total(metric: Metric, scope: Scope) -> Frame:
        frame = metric.frame(recording, scope.window._replace(start=scope.window.start - before))
        shift = scope.window.start - window.start  # of what looks at another time
        return _rolled(frame, method, span, [at + shift for at in moments])._replace(window=scope.window)

    if '.as_count()' in query:
        frame = evaluate_totals(query, recording, window, total)
    else:
        frame = _rolled(evaluate(query, recording, window._replace(start=window.start - before)), method, span, moments)
    thresholds, is_beyond = definition['options']['thresholds'], COMPARISONS[match['comparison']]
    return moments, {
        group: {at: Verdict(state_of(value, thresholds, is_beyond), value) for at, value in line.items()}
        for group, line in frame.lines.items()
        if NOT_AVAILABLE not in group
    }


def _rolled(frame: Frame, method: str, span: float, moments: Sequence[float]) -> Frame:
    """At each moment, the values of the `span` of seconds that ends with it, as one."""
    reduce = REDUCERS[method]

    def rolled(line: Line) -> Line:
        buckets, values = list(line), list(line.values())
        low = high = 0
        found: Line = {}
        for at in moments[bisect_left(moments, buckets[0]) : bisect_right(moments, buckets[-1] + span)]:
            while high < len(buckets) and buckets[high] <= at:
                high += 1
            while low < high and buckets[low] <= at - span:
                low += 1
            if low < high:
                found[at] = reduce(values[low:high])
        return found

    return frame.mapped(rolled)


def _can_roll(part: Any) -> bool:
    """Whether what is asked for at one moment does not depend on which moments are asked for."""
    match part:
        case Metric():
            return part.interval is None
        case [name, *parts]:
            return (name not in TIME_FUNCTIONS or name in SHIFTS) and all(map(_can_roll, parts))
    return True


def _seldom(moments: Sequence[float]) -> list[float]:
    """The last moment of each hour."""
    return list({at // SELDOM: at for at in moments}.values())


def _runs(group: Mapping[str, str], past: Mapping[float, Verdict], asked: Sequence[float]) -> Iterator[Firing]:
    """What follows each other without an `ok` between, or a moment without data."""
    began: float | None = None
    worst = Verdict('ok')
    for at in asked:
        verdict = past.get(at, Verdict('ok'))
        if verdict.state == 'ok':
            if began is not None:
                yield Firing(worst.state, group, began, at, worst)
            began, worst = None, verdict
            continue
        began = at if began is None else began
        if worst.state == 'ok' or (verdict.state == 'alert' and worst.state == 'warning'):
            worst = verdict
    if began is not None:
        yield Firing(worst.state, group, began, None, worst)
