# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What the check writes into the Agent's log."""

import logging
import traceback
from collections.abc import Callable
from typing import Any


class CleanLog(logging.LoggerAdapter[Any]):
    """A check's log whose every line passes `clean`, also those of the base class and of tracebacks.

    The Agent's own way, a handler that `register_secret` sets up, is not asked by the loggers of checks.
    """

    def __init__(self, log: Any, clean: Callable[[str], str]) -> None:
        super().__init__(log)
        self._clean = clean

    def __getattr__(self, name: str) -> Any:
        """What else the base class wants of its log."""
        return getattr(self.logger, name)

    def log(
        self, level: int, msg: object, *args: object, exc_info: object = None, stacklevel: int = 1, **kwargs: Any
    ) -> None:
        if self.isEnabledFor(level):
            line = str(msg) % args if args else str(msg)
            if exc_info:
                line = f'{line}\n{traceback.format_exc()}'
            # The line is the caller's, not this one.
            self.logger.log(level, '%s', self._clean(line), stacklevel=stacklevel + 1, **kwargs)
