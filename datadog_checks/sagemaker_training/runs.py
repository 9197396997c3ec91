# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The longest completed run of each job family, in seconds: what is usual, also for one that runs once a week.

Families are kept as hashes: as short as they need to be, and no text of users. The last one was seen last.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from .job import TrainingJob

MOST_FAMILIES = 300

type LongestRuns = dict[str, int]


def longest_run(runs: LongestRuns, family: str) -> int | None:
    """None for a family of which none is remembered."""
    return runs.get(_key(family))


def see(runs: LongestRuns, family: str, job: TrainingJob, now: datetime, *, is_news: bool) -> None:
    """Take in a job of the family: nothing changes if it is neither news nor the longest run.

    Above the number of families that are remembered, the one that was seen least recently is forgotten.
    """
    key, known = _key(family), runs.get(_key(family), 0)
    run = int(job.run_time(now) or 0) if job.status == job.described_as == 'completed' else 0
    if not family or not (run > known or (known and is_news)):
        return
    runs.pop(key, None)
    runs[key] = max(run, known)
    if len(runs) > MOST_FAMILIES:
        del runs[next(iter(runs))]


def _key(family: str) -> str:
    return hashlib.blake2b(family.encode(errors='replace'), digest_size=6).hexdigest()
