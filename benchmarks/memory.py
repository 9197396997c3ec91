# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Prints by how many bytes this process grows (RSS) with so many instances, each with an account of its own.

python -m benchmarks.memory URL INSTANCES
"""

import os
import sys
from pathlib import Path

from .polls import ALL_ON, NOW, Clock, drop_what_is_sent, forget_aws_setup, new_check, poll

POLLS = 3


def main(url: str, instances: int) -> None:
    forget_aws_setup()
    drop_what_is_sent()
    clock = Clock(NOW)
    before = resident_bytes()
    checks = [new_check(url, clock, aws_access_key_id=f'benchmark-{n}', **ALL_ON) for n in range(instances)]
    for _ in range(POLLS):
        for check in checks:
            poll(check)
        clock.advance(60)
    print(resident_bytes() - before)


def resident_bytes() -> int:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]))
