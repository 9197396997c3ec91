# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""How far a long step is: a bar on a terminal, elsewhere a line every few seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from datadog_checks.sagemaker_training.aws.pace import Clock

from .report import duration

# The longest a call may take, with its retry, comes on top.
LINE_SECONDS = 5


@contextmanager
def step(what: str, unit: str, console: Console, clock: Clock) -> Iterator[Callable[[int, float], None]]:
    """Yields what is to be called with the number done and the share of the step that this is."""
    began = clock.monotonic()

    def line(done: int, share: float) -> str:
        passed = clock.monotonic() - began
        rate = f', {done / passed:,.0f} a second' if passed > 0 else ''
        left = f', {duration(passed / share * (1 - share))} left' if 0 < share < 1 and passed > 0 else ''
        return f'{what}: {done:,} {unit}{rate}{left}'

    if console.is_terminal:
        with Progress(TextColumn('{task.description}'), BarColumn(), console=console, transient=True) as progress:
            task = progress.add_task(f'{what} ...', total=1)
            yield lambda done, share: progress.update(task, completed=share, description=line(done, share))
        return
    told_at = began

    def tell(done: int, share: float) -> None:
        nonlocal told_at
        if clock.monotonic() - told_at >= LINE_SECONDS:
            told_at = clock.monotonic()
            console.print(line(done, share), markup=False)

    yield tell
