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
    SECONDS,
    Json,
    Verdict,
    grouped_by,
    seconds,
    state_of,
    verdicts,
)
from .frames import NOT_AVAILABLE, REDUCERS, Frame, Group, Line, Window
from .query import OPERATORS, SHIFTS, Metric, Scope, evaluate, evaluate_totals, metrics, outline
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
    if not match or not _can_roll(outline(match['query'])):
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
    for metric, shift in _filled_up(outline(query)):
        frame = _where_known(frame, metric, recording, moments, shift, span)
    if delay := definition['options'].get('new_group_delay'):
        frame = _of_old_groups(frame, metrics(query), recording, moments, delay)
    thresholds, is_beyond = definition['options']['thresholds'], COMPARISONS[match['comparison']]
    return moments, {
        group: {at: Verdict(state_of(value, thresholds, is_beyond), value) for at, value in line.items()}
        for group, line in frame.lines.items()
        if NOT_AVAILABLE not in group
    }


def _known(
    metric: Metric, recording: Recording, moments: Sequence[float], shift: float, span: float
) -> Mapping[Group, set[float]]:
    """By group, the moments that have a value in the `span` of seconds that ends with them, moved by `shift`."""
    start, end = moments[0] + shift - span, moments[-1] + shift + MONITOR_INTERVAL
    frame = metric.frame(recording, Window(start, end, MONITOR_INTERVAL))
    known = _rolled(frame, 'count', span, [at + shift for at in moments])
    return {group: {at - shift for at in line} for group, line in known.lines.items()}


def _where_known(
    frame: Frame, metric: Metric, recording: Recording, moments: Sequence[float], shift: float, span: float
) -> Frame:
    """What `default_zero` has filled up counts only where there was something to fill up."""
    if not metric.by:
        return frame
    known = _known(metric, recording, moments, shift, span)
    lines = {
        group: {at: value for at, value in line.items() if at in known.get(group, ())}
        for group, line in frame.lines.items()
    }
    return frame._replace(lines={group: line for group, line in lines.items() if line})


def _of_old_groups(
    frame: Frame, of: Sequence[Metric], recording: Recording, moments: Sequence[float], delay: float
) -> Frame:
    """Without those that are new, as `verdicts` has it: of which nothing is known of the day, but its end."""
    known: defaultdict[Group, set[float]] = defaultdict(set)
    for metric in of:
        old = _known(metric, recording, moments, -delay, SECONDS['d'] - delay + MONITOR_INTERVAL)
        for group, at in old.items():
            known[group] |= at
    lines = {
        group: {at: value for at, value in line.items() if at in known[group]} for group, line in frame.lines.items()
    }
    return frame._replace(lines={group: line for group, line in lines.items() if line})


def _filled_up(part: Any, shift: float = 0, *, is_within: bool = False) -> Iterator[tuple[Metric, float]]:
    """The metrics that `default_zero` fills up, and by how many seconds they are moved."""
    match part:
        case Metric() if is_within:
            yield part, shift
        case ['timeshift', inner, seconds]:
            yield from _filled_up(inner, shift + seconds, is_within=is_within)
        case [name, *parts]:
            within, moved = is_within or name == 'default_zero', shift - SHIFTS.get(name, 0)
            for each in parts:
                yield from _filled_up(each, moved, is_within=within)


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
            return part.interval in (None, MONITOR_INTERVAL)
        case ['timeshift', inner, seconds]:
            return seconds % MONITOR_INTERVAL == 0 and _can_roll(inner)
        case [name, *parts]:
            return name in {*OPERATORS, *SHIFTS, 'default_zero'} and all(map(_can_roll, parts))
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
