# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The shipped dashboards and monitors, and the simulated day that they show."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from tools.datadog.assets import filled, load
from tools.datadog.frames import Window
from tools.demo.simulation import START

DASHBOARDS, MONITORS = load('dashboards'), load('monitors')
DAY = Window.drawn(START.timestamp(), (START + timedelta(days=1)).timestamp())


def filler(dashboard: str, **chosen: str) -> Callable[[str], str]:
    """Fills in the values of template variables, `*` for those that are not chosen."""
    return partial(filled, variables=DASHBOARDS[dashboard]['template_variables'], chosen=chosen)
