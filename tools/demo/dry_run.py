# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""One poll of a real account, read-only, of which nothing is sent."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from datadog_checks.sagemaker_training import SagemakerTrainingCheck
from datadog_checks.sagemaker_training.region import LISTING_SHARE
from tools.datadog.frames import Window
from tools.datadog.recording import Recording

from .advice import at_a_terminal, unknown_region
from .report import draw, duration, render
from .simulation import POLL_SECONDS, message

# The one poll of a dry run may take this long; the check ends it at 80 %, and the listing at 40 %.
DRY_RUN_SECONDS = 600
OUT_OF_TIME_SECONDS = LISTING_SHARE * DRY_RUN_SECONDS
DRY_RUN_HOURS = 24
DRY_RUN_NOTICE = 'A preview, drawn from one poll of your account. It is not Datadog, and nothing was sent there.'


def dry_run(region: str, profiles: Sequence[str | None], page: Path, console: Console) -> int:
    """Poll the region once with each profile, in real time and with real credentials, and report."""
    if problem := unknown_region(region):
        print(problem, file=sys.stderr)
        return 2
    instance: dict[str, Any] = {
        'regions': [region],
        'min_collection_interval': DRY_RUN_SECONDS,
        'history_hours': DRY_RUN_HOURS,
        'job_metrics_hours': DRY_RUN_HOURS,
        'collect_environment_values': False,
    }
    failures = []
    began = time.monotonic()
    with console.status(f'Polling {region}: listing 30 days of jobs, 100 a second ...'):
        for profile in profiles:
            check = SagemakerTrainingCheck('sagemaker_training', {}, [instance | {'aws_profile': profile}])
            if error := check.run():
                failures.append(at_a_terminal(message(error), profile))
    recording = Recording()
    recording.take(time.time())
    connections = recording.service_checks
    critical = [each.message for each in connections if each.status == SagemakerTrainingCheck.CRITICAL]
    unheard = [text for text in critical if not any(_what_failed(text) in failure for failure in failures)]
    failures += map(at_a_terminal, unheard)
    for failure in failures:
        print(failure, file=sys.stderr)
    if len(failures) == len(profiles):
        return 2
    console.print(
        f'One poll of {region}, read-only, nothing sent: what runs, and what ended in the last {DRY_RUN_HOURS} hours'
    )
    render(recording, console)
    end = (recording.polled_at[-1] // POLL_SECONDS + 1) * POLL_SECONDS
    draw(recording, Window.drawn(end - DRY_RUN_HOURS * 3600, end), page, console, DRY_RUN_NOTICE)
    console.print(f'Done in {duration(time.monotonic() - began)}.')
    if any(point.metric == 'poll.duration' and point.value >= OUT_OF_TIME_SECONDS for point in recording.points):
        console.print('That is long: jobs that one poll had no time for may be missing. The next poll would go on.')
    return min(recording.worst_status + len(failures), 1)


def _what_failed(text: str) -> str:
    """Operation and code, which the error of a check and the message of its service check both have."""
    return ': '.join(text.split(': ', 2)[:2])
