# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The service models that clients are built from: botocore's own, without what is never called.

Of SageMaker's 400 operations 3 are used. A client has a method for each, and the whole model takes 18 MB.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from botocore.loaders import Loader

# By service, as botocore names it. All others are left as they are.
OPERATIONS: dict[str, Collection[str]] = {
    'resourcegroupstaggingapi': {'GetResources'},
    'sagemaker': {'DescribeTrainingJob', 'ListTags', 'ListTrainingJobs'},
    'sts': {'AssumeRole', 'AssumeRoleWithWebIdentity', 'GetCallerIdentity'},
}


class TrimmedLoader(Loader):
    """botocore's loader, but for the models of these services."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._trimmed: dict[tuple[str, str | None], dict[str, Any]] = {}

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Mapping[str, Any]:
        """As the base class, whose documentation has the errors."""
        if type_name != 'service-2' or service_name not in OPERATIONS:
            return super().load_service_model(service_name, type_name, api_version)
        key = service_name, api_version
        if key not in self._trimmed:
            # By a loader of its own, which keeps the whole model no longer than this takes.
            loader = Loader(list(self.search_paths), self.file_loader, include_default_search_paths=False)
            model = loader.load_service_model(service_name, type_name, api_version)
            self._trimmed[key] = trimmed(model, OPERATIONS[service_name])
        return self._trimmed[key]


def trimmed(model: dict[str, Any], operations: Collection[str]) -> dict[str, Any]:
    """The model with these operations and the shapes they reach; as it is, if it lacks an operation."""
    if not set(operations) <= model.get('operations', {}).keys():
        return model
    kept = {name: model['operations'][name] for name in operations}
    shapes: dict[str, Any] = {}
    waiting = [name for operation in kept.values() for name in _shapes_in(operation)]
    while waiting:
        name = waiting.pop()
        if name in model['shapes'] and name not in shapes:
            shapes[name] = model['shapes'][name]
            waiting += _shapes_in(shapes[name])
    return model | {'operations': _plain(kept), 'shapes': _plain(shapes)}


def _plain(value: Any) -> Any:
    """Without words, and in common dicts: of each member that an answer has, each client keeps a copy."""
    if isinstance(value, dict):
        kept = ((key, part) for key, part in value.items() if not (key == 'documentation' and isinstance(part, str)))
        return {key: _plain(part) for key, part in kept}
    return list(map(_plain, value)) if isinstance(value, list) else value


def _shapes_in(value: Any) -> Iterator[str]:
    """The names of the shapes that a part of a model refers to."""
    if isinstance(value, dict):
        if isinstance(value.get('shape'), str):
            yield value['shape']
        for part in value.values():
            yield from _shapes_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _shapes_in(part)
