# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import csv
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import pytest
from botocore import xform_name
from botocore.model import Shape

from datadog_checks.sagemaker_training.resources import resource_fields
from datadog_checks.sagemaker_training.scrub import REDACTED, Scrubber

from .builders import ACCOUNT, REGION, answer, full_answer, operation_model

with files('datadog_checks.sagemaker_training').joinpath('resource_schema.csv').open(encoding='utf-8') as rows:
    SCHEMA = list(csv.DictReader(rows))
SHAPES = {
    'BOOLEAN': 'boolean',
    'FLOAT': 'float',
    'INT32': 'integer',
    'INT64': 'long',
    'MAP_STRING_STRING': 'map',
    'STRING': 'string',
    'STRUCT': 'structure',
    'TIMESTAMP': 'timestamp',
    'UNORDERED_LIST_STRING': 'list',
    'UNORDERED_LIST_STRUCT': 'list',
}


def fields(answer: Mapping[str, Any], tags: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
    return resource_fields(
        answer,
        account_id=ACCOUNT,
        region=REGION,
        tags=tags or {},
        scrubber=Scrubber(),
        **{'collect_environment_values': False} | options,
    )


def paths(value: Any, path: str, maps: set[str]) -> Iterator[str]:
    """The paths of a resource as the schema writes them; `maps` are leaves, their keys are the user's."""
    if path:
        yield path
    if isinstance(value, dict) and path not in maps:
        for name, member in value.items():
            yield from paths(member, f'{path}.{name}' if path else name, maps)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from (inner for inner in paths(item, f'{path}[]', maps) if inner != f'{path}[]')


def test_a_full_answer_gives_every_path_of_the_schema_and_no_other() -> None:
    maps = {row['path'] for row in SCHEMA if row['type'] == 'MAP_STRING_STRING'}
    catalogued = {row['path'] for row in SCHEMA if row['source'] == 'catalog'}
    shipped = set(paths(fields(full_answer(), {'team': 'nlp'}), '', maps))
    assert (len(SCHEMA), len(catalogued)) == (194, 155)
    assert shipped == {row['path'] for row in SCHEMA} | {'region'}


@pytest.mark.parametrize('row', [row for row in SCHEMA if row['provider_path']], ids=lambda row: row['path'])
def test_the_schema_names_what_aws_answers(row: dict[str, str]) -> None:
    shape: Shape = operation_model('DescribeTrainingJob').output_shape
    for name in row['provider_path'].split('.'):
        shape = shape.members[name.removesuffix('[]')]
        if name.endswith('[]'):
            shape = shape.member
    assert shape.type_name == SHAPES[row['type']]
    assert row['path'] == '.'.join(xform_name(name) for name in row['provider_path'].split('.'))


def test_what_aws_left_out_is_left_out() -> None:
    assert fields(answer()) == {
        'account_id': ACCOUNT,
        'region': REGION,
        'tags': [],
        'training_job_name': 'job',
        'training_job_arn': 'arn:aws:sagemaker:us-east-1:123456789012:training-job/job',
        'training_job_status': 'InProgress',
        'secondary_status': 'Training',
        'creation_time': '2026-11-23T11:00:00Z',
        'training_start_time': '2026-11-23T11:10:00Z',
        'last_modified_time': '2026-11-23T11:10:00Z',
        'resource_config': {'instance_type': 'ml.p5.48xlarge', 'instance_count': 2, 'volume_size_in_gb': 30},
    }


def test_a_field_aws_adds_does_not_ship() -> None:
    added = answer(NewField={'A': 1}, ResourceConfig={'InstanceCount': 2, 'NewMember': 'x'})
    assert fields(added)['resource_config'] == {'instance_count': 2}
    assert 'new_field' not in fields(added)


def test_tags_are_sorted_and_never_empty() -> None:
    assert fields(answer(), {'team': 'nlp', 'env': 'prod', 'gpu': ''})['tags'] == ['env:prod', 'team:nlp']


def test_values_without_json_are_left_out() -> None:
    metrics = [{'MetricName': 'loss', 'Value': float('nan')}, {'MetricName': 'f1', 'Value': 0.5}]
    assert fields(answer(FinalMetricDataList=metrics))['final_metric_data_list'] == [
        {'metric_name': 'loss'},
        {'metric_name': 'f1', 'value': 0.5},
    ]


def test_environment_ships_its_values_only_if_asked_and_scrubbed_even_then() -> None:
    environment = {'Environment': {'MODE': 'fast', 'DB_PASSWORD': 'hunter2'}}
    assert fields(answer(**environment))['environment'] == {'MODE': REDACTED, 'DB_PASSWORD': REDACTED}
    asked = fields(answer(**environment), collect_environment_values=True)
    assert asked['environment'] == {'MODE': 'fast', 'DB_PASSWORD': REDACTED}


def test_map_keys_stay_as_the_user_wrote_them() -> None:
    hyper_parameters = {'HyperParameters': {'learningRate': '0.1', 'max_tokens': '5', 'Password': 'x'}}
    assert fields(answer(**hyper_parameters))['hyper_parameters'] == {
        'learningRate': '0.1',
        'max_tokens': '5',
        'Password': REDACTED,
    }


def test_every_string_of_a_resource_is_scrubbed() -> None:
    """Whatever the field, a telling value in it does not ship."""
    secret = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'

    def plant(value: Any) -> Any:
        match value:
            case dict():
                return {name: plant(member) for name, member in value.items()}
            case list():
                return [plant(item) for item in value]
            case str():
                return f'{value} {secret}'
        return value

    planted = plant(full_answer()) | {'TrainingJobName': 'job', 'TrainingJobArn': 'arn'}
    assert secret in str(planted)
    assert secret not in str(fields(planted, collect_environment_values=True))


def test_what_a_resource_is_known_by_is_not_changed() -> None:
    name = 'sk-abcdefghijklmnopqrstuvwx'
    assert fields(answer(name))['training_job_name'] == name
    assert fields(answer(name))['training_job_arn'].endswith(name)


def test_entrypoint_and_arguments_are_one_command_line() -> None:
    command = {'ContainerEntrypoint': ['train.py', '--password'], 'ContainerArguments': ['hunter2', '--epochs', '3']}
    assert fields(answer(AlgorithmSpecification=command))['algorithm_specification'] == {
        'container_entrypoint': ['train.py', '--password'],
        'container_arguments': [REDACTED, '--epochs', '3'],
    }


def test_the_whole_entrypoint_is_the_beginning_of_the_line() -> None:
    command = {'ContainerEntrypoint': ['wandb', 'login'], 'ContainerArguments': ['a1b2c3d4', '--relogin']}
    shown = fields(answer(AlgorithmSpecification=command))['algorithm_specification']
    assert shown['container_arguments'] == [REDACTED, '--relogin']


@pytest.mark.parametrize(
    ('glob', 'without'),
    [
        ('environment', {'environment'}),
        ('resource_config.*', {'resource_config'}),
        ('resource_config.volume*', {'resource_config.volume_size_in_gb', 'resource_config.volume_kms_key_id'}),
        ('input_data_config[].channel_name', {'input_data_config[].channel_name'}),
        ('*.container_arguments', {'algorithm_specification.container_arguments'}),
        ('tags', {'tags'}),
        ('region', {'region'}),
    ],
)
def test_what_is_excluded_is_left_out_and_nothing_else(glob: str, without: set[str]) -> None:
    maps = {row['path'] for row in SCHEMA if row['type'] == 'MAP_STRING_STRING'}
    everything = set(paths(fields(full_answer()), '', maps))
    shown = set(paths(fields(full_answer(), exclude=[glob]), '', maps))
    within = {path for path in everything for excluded in without if path.startswith((f'{excluded}.', f'{excluded}['))}
    assert everything - shown == without | within


def test_keys_of_the_user_are_excluded_by_a_glob() -> None:
    hyper_parameters = {'HyperParameters': {'db_host': 'a', 'db_user': 'b', 'epochs': '3'}}
    some, all_ = (fields(answer(**hyper_parameters), exclude=[f'hyper_parameters.{glob}']) for glob in ('db_*', '*'))
    assert some['hyper_parameters'] == {'epochs': '3'}
    assert 'hyper_parameters' not in all_
