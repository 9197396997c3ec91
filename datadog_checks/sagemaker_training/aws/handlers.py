# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What botocore does beside calling, but for services that are never called: each client keeps a copy of it all."""

from __future__ import annotations

from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST
from botocore.hooks import BaseEventHooks

# As events name them; with those that botocore's own providers of credentials call.
SERVICES = {'*', 'resource-groups-tagging-api', 'sagemaker', 'signin', 'sso', 'sso-oidc', 'sts'}


def register_handlers(events: BaseEventHooks) -> None:
    """As a Session does with all of them, which are 126, and a copy 0.1 MB."""
    register = {REGISTER_FIRST: events.register_first, REGISTER_LAST: events.register_last}
    for name, handler, *order in BUILTIN_HANDLERS:
        if is_used(name):
            register.get(order[0], events.register)(name, handler) if order else events.register(name, handler)


def is_used(event: str) -> bool:
    """Whether it is of all services or of one that is called; nobody asks for the documentation of a client."""
    kind, *service = event.split('.')[:2]
    return kind != 'docs' and SERVICES.issuperset(service)
