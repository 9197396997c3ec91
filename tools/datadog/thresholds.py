# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Monitors with a threshold of one's own: `warm_pool_idle=3600`. Imports nothing of this room, as others use it too."""

import re
from collections.abc import Callable, Mapping
from operator import gt, lt
from typing import Any

# What ends the query of a metric monitor, and has to equal its critical threshold.
CRITICAL = re.compile(r'(?P<query>.*[^<>=] )(?P<comparison>[<>]=?) (?P<critical>[\d.]+)$', re.DOTALL)

type Json = dict[str, Any]


def threshold(text: str) -> tuple[str, float]:
    """The monitor, by the name of its file, and the value, of `near_max_runtime=90`; ValueError if it is none."""
    name, equals, value = text.partition('=')
    number = float(value)
    if not equals or not name or not 0 <= number < float('inf'):
        raise ValueError(text)
    return name, number


def not_to_be_tried(definitions: Mapping[str, Json], thresholds: Mapping[str, float]) -> str:
    """What is wrong with thresholds for these monitors; empty if nothing is."""
    for name, value in thresholds.items():
        if name not in definitions:
            return f'no monitor is named {name}; there are {", ".join(sorted(definitions))}'
        try:
            with_threshold(definitions[name], value)
        except ValueError as error:
            return f'{name}: {error}'
    return ''


def with_threshold(definition: Mapping[str, Any], critical: float) -> Json:
    """The definition of a metric monitor with this critical threshold; the others keep their distance, in proportion.

    Of the shipped 7200 with a warning at 3600, 1800 makes a warning at 900. ValueError if it has no such threshold.
    """
    match = CRITICAL.fullmatch(definition['query'])
    options = definition['options']
    before = options['thresholds']
    if not match or not before['critical']:
        raise ValueError('it compares no value with a threshold')
    is_milder: Callable[[float, float], bool] = lt if match['comparison'].startswith('>') else gt
    scaled = {name: _number(value * critical / before['critical']) for name, value in before.items()}
    kept = {name: value for name, value in scaled.items() if name != 'critical' and is_milder(value, critical)}
    query = f'{match["query"]}{match["comparison"]} {_number(critical)}'
    return {
        **definition,
        'query': query,
        'options': options | {'thresholds': {'critical': _number(critical), **kept}},
    }


def _number(value: float) -> float:
    """To 4 significant digits, and whole if it is."""
    short = float(f'{value:.4g}')
    return int(short) if short.is_integer() else short
