# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""botocore says nothing of what it carries."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Iterable, Iterator

import botocore


def _modules(paths: Iterable[str], package: str) -> Iterator[str]:
    yield package
    for module in pkgutil.iter_modules(paths):
        name = f'{package}.{module.name}'
        yield from _modules([f'{path}/{module.name}' for path in paths], name) if module.ispkg else [name]


def keep_quiet() -> None:
    """botocore's debug log prints whole answers, and with them the passwords in job descriptions.

    The level saves it the work. It is a filter that holds, whatever level others set later; one on a parent does not
    see what its children log, so each module has it, also those that are imported later.
    """
    log = logging.getLogger('botocore')
    log.setLevel(max(log.getEffectiveLevel(), logging.INFO))
    for module in _modules(list(botocore.__path__), 'botocore'):
        logging.getLogger(module).addFilter(_is_no_debug)


def _is_no_debug(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO
