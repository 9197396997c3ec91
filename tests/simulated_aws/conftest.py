# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from collections.abc import Iterator

import pytest

from tools.aws.clock import SimulatedClock
from tools.aws.fleet import Job
from tools.aws.scenario import living_fleet
from tools.aws.server import SimulatedAws

from .scripts import NOW, ROLE


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def aws(clock: SimulatedClock) -> Iterator[SimulatedAws]:
    with SimulatedAws(clock, roles={ROLE: 'the-id'}) as simulated:
        yield simulated


@pytest.fixture(scope='module')
def fleet() -> list[Job]:
    return living_fleet(NOW)
