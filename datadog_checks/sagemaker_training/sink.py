# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What everything is sent through."""

from __future__ import annotations

from typing import Any, Protocol


class Sink(Protocol):
    """The methods of an AgentCheck that are needed to send."""

    OK: Any
    WARNING: Any
    CRITICAL: Any
    log: Any

    def gauge(self, name: str, value: float, tags: list[str]) -> None: ...
    def count(self, name: str, value: float, tags: list[str]) -> None: ...
    def event(self, event: dict[str, Any]) -> None: ...
    def service_check(self, name: str, status: Any, tags: list[str], message: str) -> None: ...
    def send_log(self, data: dict[str, Any], cursor: dict[str, Any], stream: str) -> None: ...
    def submit_generic_resource(self, **resource: Any) -> None: ...
