# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Puts the results of a run into the table of README.md.

python -m benchmarks.report RESULTS.json
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

README = Path(__file__).with_name('README.md')
TABLE = re.compile(r'(?<=<!-- table -->\n).*(?=<!-- /table -->)', re.DOTALL)

COLD_REACH = {'all off': 1.3, 'all on': 1.6}  # times the CPU of the bare loop
QUIET_REACH = 400  # microseconds for each open job
GROWTH_REACH = 1.2  # times, from the shortest history to the longest; what is flat varies by less from run to run
MEMORY_REACH = 30  # MB
CLIENTS_REACH = 120  # MB
START_REACH = 60  # ms
STATE_REACH = 500  # bytes for each open job

type Results = Mapping[str, Sequence[Mapping[str, Any]]]


class Row(NamedTuple):
    """A line of the table; without a reach, or a value, there is nothing to meet."""

    what: str
    value: float | None
    unit: str
    reach: float | None = None
    digits: int = 0

    def __str__(self) -> str:
        shown = 'n/a' if self.value is None else f'{self.value:,.{self.digits}f} {self.unit}'
        reach = f'at most {self.reach:,} {self.unit}' if self.reach else ''
        met = ('yes' if self.value <= self.reach else 'NO') if self.reach and self.value is not None else ''
        return f'| {self.what} | {shown} | {reach} | {met} |'


def cold_starts(results: Results) -> Iterator[Row]:
    for variant, reach in COLD_REACH.items():
        for cold in results['test_cold_start']:
            if cold['variant'] == variant:
                yield Row(
                    f'Cold start, {variant}, {cold["open"]:,} open jobs: CPU', _ratio(cold), 'x bare boto3', reach, 2
                )


def quiet_polls(results: Results) -> Iterator[Row]:
    for quiet in results['test_quiet_poll']:
        what = f'Quiet poll, {quiet["open"]:,} open jobs'
        yield Row(f'{what}: CPU for each', _microseconds(quiet), 'us', QUIET_REACH)
        yield Row(f'{what}: CPU', _ratio(quiet), 'x bare boto3', digits=2)
        yield Row(f'{what}: calls', quiet['calls'], 'List')


def growth(results: Results) -> Iterator[Row]:
    by_finished = {quiet['finished']: quiet for quiet in results['test_quiet_poll_with_history']}
    for finished, quiet in by_finished.items():
        what = f'Quiet poll, {quiet["open"]:,} open and {finished:,} finished jobs'
        yield Row(f'{what}: CPU for each open job', _microseconds(quiet), 'us', QUIET_REACH)
    first, last = by_finished[min(by_finished)], by_finished[max(by_finished)]
    for what, key in (('CPU', 'min'), ('calls', 'calls')):
        times = f'{max(by_finished) // min(by_finished)} times the history'
        yield Row(f'Quiet poll, {times}: {what}', last[key] / first[key], 'x', GROWTH_REACH, 2)


def memory(results: Results) -> Iterator[Row]:
    runs = {(each['regions'], each['instances']): each for each in results.get('test_memory', ())}
    grown = {instances: each['bytes'] / 1e6 for (regions, instances), each in runs.items() if regions == 1}
    for instances, megabytes in grown.items():
        yield Row(f'Memory, {instances} instance{"s"[: instances > 1]} of 100 open jobs', megabytes, 'MB')
    if grown:
        yield Row('Memory, what 29 more instances add to the first', grown[30] - grown[1], 'MB', MEMORY_REACH)
        first, last = runs[4, 1], runs[4, 100]
        what = '1 open job in each of 4 regions'
        yield Row(f'Memory, 1 instance of {what}', first['bytes'] / 1e6, 'MB')
        added = (last['bytes'] - first['bytes']) / 1e6
        yield Row(f'Memory, what 99 more instances of {what} add', added, 'MB', CLIENTS_REACH)
        yield Row('Start of the last of them: CPU', last['start'] * 1e3, 'ms', START_REACH)


def state(results: Results) -> Iterator[Row]:
    for quiet in results['test_quiet_poll']:
        size = quiet['state'] / quiet['open'] or None
        yield Row(f'Stored state, {quiet["open"]:,} open jobs: for each', size, 'bytes', STATE_REACH)


SECTIONS = (cold_starts, quiet_polls, growth, memory, state)


def table(run: Mapping[str, Any]) -> str:
    """The machine, and a row for each result, of what pytest-benchmark has written."""
    results: dict[str, list[Mapping[str, Any]]] = {}
    for benchmark in run['benchmarks']:
        result = benchmark['extra_info'] | {'min': benchmark['stats']['min']}
        results.setdefault(benchmark['name'].partition('[')[0], []).append(result)
    rows = (row for section in SECTIONS for row in section(results))
    header = '| What | Result | Reach | Met |\n|---|---|---|---|'
    return '\n'.join((_machine(run), '', header, *map(str, rows), ''))


def _machine(run: Mapping[str, Any]) -> str:
    machine = run['machine_info']
    cpu = machine['cpu']
    infos = (benchmark['extra_info'] for benchmark in run['benchmarks'])
    spread = median(max(bare) / min(bare) for info in infos if (bare := info.get('bare'))) - 1
    return (
        f'{cpu["brand_raw"]}, {cpu["count"]} cores; Python {machine["python_version"]}, boto3 {machine["boto3"]}, '
        f'botocore {machine["botocore"]}; {run["datetime"][:10]}. '
        f'The rounds of the bare loop differ by {spread:.0%}.'
    )


def _ratio(result: Mapping[str, Any]) -> float:
    return result['min'] / min(result['bare'])


def _microseconds(result: Mapping[str, Any]) -> float:
    return result['min'] / result['open'] * 1e6


if __name__ == '__main__':
    results = json.loads(Path(sys.argv[1]).read_text())
    new_table = table(results)
    README.write_text(TABLE.sub(lambda _: new_table, README.read_text(encoding='utf-8')), encoding='utf-8')
    print(new_table)
