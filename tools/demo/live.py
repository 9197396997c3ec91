# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""A fleet that lives on, and the page with it."""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta

from rich.console import Console

from tools.aws.scenario import living_fleet
from tools.browser.serve import LIVE_SECONDS, PageServer
from tools.datadog.assets import Json
from tools.datadog.frames import Window
from tools.preview.document import document
from tools.preview.page import compressed, page

from .report import duration
from .simulation import POLL_SECONDS, START, PollError, every, simulated, week_before

LIVE_DAYS = 7
SHOWN_SECONDS = 86_400
STEP_SECONDS = 900


def live(hours: float, port: int, console: Console) -> int:
    """Show the page while the fleet lives on, a quarter of an hour in every few seconds; until it is interrupted."""
    try:
        server = PageServer(port)
    except (OSError, OverflowError) as error:
        print(f'The page cannot be shown on port {port}: {error}', file=sys.stderr)
        return 2
    with server:
        console.print(f'Simulating {duration(hours * 3600)} first. Then the page is at {server.url}; Ctrl+C ends it.')
        try:
            for shown in documents(hours):
                # The page last: it asks for the data at once.
                server.data, server.page = compressed(shown), page(None)
                time.sleep(LIVE_SECONDS)
        except PollError as error:
            console.print(str(error), markup=False)
            return 1
        except KeyboardInterrupt:
            console.print('Ended.')
    return 0


def documents(hours: float) -> Iterator[Json]:
    """What the page shows at each quarter of an hour, from `hours` after the start on, with the day before each."""
    first = START + timedelta(hours=hours)
    end = first + timedelta(days=LIVE_DAYS)
    fleet = living_fleet(START, (end - START) / timedelta(hours=1))
    polls = [*week_before(START), *every(POLL_SECONDS, START, end)]
    for simulation in simulated(fleet, polls, collect_transition_logs=True):
        recording = simulation.recording
        now = recording.polled_at[-1] + POLL_SECONDS
        if now >= first.timestamp() and now % STEP_SECONDS == 0:
            shown = document(recording, Window.drawn(now - SHOWN_SECONDS, now))
            yield shown | {'live': LIVE_SECONDS}
