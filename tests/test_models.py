# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import gc
from typing import Any

import pytest
from botocore.handlers import BUILTIN_HANDLERS
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.session import Session

from datadog_checks.sagemaker_training.aws.handlers import SERVICES, is_used
from datadog_checks.sagemaker_training.aws.models import OPERATIONS, TrimmedLoader, trimmed

from .builders import REGION


def model_of(loader: Loader, service: str) -> ServiceModel:
    return ServiceModel(loader.load_service_model(service, 'service-2'), service)


def described(shape: Any, above: tuple[str, ...] = ()) -> Any:
    """The shape and all that is in it, as values."""
    if shape is None or shape.name in above:
        return shape and shape.name
    above += (shape.name,)
    match shape.type_name:
        case 'structure':
            parts = {name: described(member, above) for name, member in shape.members.items()}
        case 'list':
            parts = described(shape.member, above)
        case 'map':
            parts = described(shape.key, above), described(shape.value, above)
        case _:
            parts = getattr(shape, 'enum', None)
    return shape.name, shape.type_name, shape.serialization, shape.metadata, parts


def whole_models() -> int:
    """Those of SageMaker in this process, which other tests may have loaded."""
    gc.collect()
    return sum(isinstance(each, dict) and 'CreateTrainingJobRequest' in each for each in gc.get_objects())


@pytest.mark.parametrize('service', OPERATIONS)
def test_what_is_left_of_a_model_is_what_is_used_and_all_of_it(service: str) -> None:
    whole, left = model_of(Loader(), service), model_of(TrimmedLoader(), service)
    assert set(left.operation_names) == set(OPERATIONS[service])
    for name in left.operation_names:
        before, after = whole.operation_model(name), left.operation_model(name)
        assert described(after.input_shape) == described(before.input_shape)
        assert described(after.output_shape) == described(before.output_shape)
        assert list(map(described, after.error_shapes)) == list(map(described, before.error_shapes))
    assert left.metadata == whole.metadata


def test_a_model_is_trimmed_once_and_the_whole_one_is_not_kept() -> None:
    before = whole_models()
    loader = TrimmedLoader()
    searched = list(loader.search_paths)
    assert loader.load_service_model('sagemaker', 'service-2') is loader.load_service_model('sagemaker', 'service-2')
    assert whole_models() <= before
    assert loader.search_paths == searched


def test_other_models_and_those_that_lack_something_stay_as_they_are() -> None:
    loader = TrimmedLoader()
    assert len(model_of(loader, 'sso').operation_names) > 1
    assert 'pagination' in loader.load_service_model('sagemaker', 'paginators-1')
    older: dict[str, Any] = {'operations': {'ListTrainingJobs': {}}, 'shapes': {}}
    assert trimmed(older, OPERATIONS['sagemaker']) is older
    odd = {'operations': {name: {'input': {'shape': 'Nowhere'}} for name in OPERATIONS['sagemaker']}, 'shapes': {}}
    assert trimmed(odd, OPERATIONS['sagemaker']) == odd


def test_a_client_has_only_what_is_used_and_pages_it() -> None:
    session = Session()
    session.register_component('data_loader', TrimmedLoader())
    for service, operations in OPERATIONS.items():
        client = session.create_client(
            service, region_name=REGION, aws_access_key_id='test', aws_secret_access_key='test'
        )
        assert set(client.meta.method_to_api_mapping.values()) == operations
        paged = {name for name in client.meta.method_to_api_mapping if client.can_paginate(name)}
        assert paged == {'sagemaker': {'list_tags', 'list_training_jobs'}, 'sts': set()}.get(service, {'get_resources'})


@pytest.mark.parametrize('service', [*OPERATIONS, 'signin', 'sso', 'sso-oidc'])
def test_what_botocore_does_for_a_service_in_use_it_still_does(service: str) -> None:
    """The last three are called by its own providers of credentials."""
    name = model_of(Loader(), service).service_id.hyphenize()
    assert name in SERVICES
    events = [event for event, *_ in BUILTIN_HANDLERS if not event.startswith('docs.')]
    general = [event for event in events if '.' not in event or event.split('.')[1] in ('*', name)]
    assert general
    assert all(map(is_used, general))


def test_what_botocore_does_for_other_services_no_client_has_a_copy_of() -> None:
    left = [event for event, *_ in BUILTIN_HANDLERS if is_used(event)]
    assert len(left) < len(BUILTIN_HANDLERS) / 4
    assert not [event for event in left if '.s3' in event or 'docs' in event]
