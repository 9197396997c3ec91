# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Prints by how many bytes this process grows (RSS) with so many instances, each with an account of its own.

And how many seconds of CPU the last of them has taken to start: its clients, and its first poll.

python -m benchmarks.memory URL INSTANCES REGIONS
"""

import os
import sys
import time
from pathlib import Path

from .polls import ALL_ON, NOW, Clock, drop_what_is_sent, forget_aws_setup, new_check, poll

POLLS = 3
REGIONS = ('us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1')


def main(url: str, instances: int, regions: int) -> None:
    forget_aws_setup()
    drop_what_is_sent()
    clock = Clock(NOW)
    before = resident_bytes()
    checks = []
    for number in range(instances):
        began = time.process_time()
        key = f'benchmark-{number}'
        checks.append(new_check(url, clock, aws_access_key_id=key, regions=REGIONS[:regions], **ALL_ON))
        poll(checks[-1])
        seconds = time.process_time() - began
    for _ in range(POLLS - 1):
        clock.advance(60)
        for check in checks:
            poll(check)
    print(resident_bytes() - before, seconds)


def resident_bytes() -> int:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
