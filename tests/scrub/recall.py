# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""`python -m tests.scrub.recall [KIND]`: what the scrubber finds, by kind; with a kind, what it misses."""

import sys
from collections import defaultdict

from datadog_checks.sagemaker_training.scrub import Scrubber

from .corpus import Case, cases


def missed_by_kind() -> dict[str, tuple[int, list[Case]]]:
    """Kind -> how many cases there are, and those that leak."""
    scrubber = Scrubber()
    found: dict[str, list[tuple[Case, bool]]] = defaultdict(list)
    for case in cases():
        found[case.kind].append((case, case.leaks(scrubber)))
    return {kind: (len(each), [case for case, leaks in each if leaks]) for kind, each in found.items()}


def table(missed: dict[str, tuple[int, list[Case]]]) -> str:
    rows = [f'{kind:20} {count:6} {1 - len(cases) / count:7.1%}' for kind, (count, cases) in missed.items()]
    return '\n'.join([f'{"kind":20} {"cases":>6} {"found":>7}', *rows])


if __name__ == '__main__':
    by_kind = missed_by_kind()
    print(table(by_kind))
    for kind in sys.argv[1:]:
        for case in by_kind[kind][1]:
            print(f'{case.place!r:60.60} {case.given!r:.160}')
