# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The tags of a training job: tables of tag name and reader; an absent value is no tag."""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from .job import TrainingJob

_PIPELINE_STEP = re.compile(r'^pipelines-[a-z0-9]{12}-(.+)-[A-Za-z0-9]{10}$')
_RUN_SUFFIX = re.compile(
    '(?:^|-)(?:'
    r'\d{4}-\d\d-\d\d[Tt-]\d\d-\d\d(?:-\d\d)?(?:-\d{3})?Z?'  # the SageMaker SDK: 2026-11-23-18-12-00-123
    r'|\d{6}-\d{4}'  # its short form: 261123-1812
    r'|\d{4}-\d\d-\d\d|\d{8}(?:-?[Tt]?\d{4,6}[Zz]?(?:-[0-9a-f]{4,7})?)?'
    r'|\d{10}-[0-9a-f]{4}'  # and its unique form: 1795457520-1f2e
    r'|\d{3}-[0-9a-f]{8}'  # a tuning job's counter: 003-1f2e3d4c
    r'|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
    r'|(?=[a-f]*\d)[0-9a-f]{8,}|(?=[A-F]*\d)[0-9A-F]{8,}|[0-9a-f]{12,}'
    r'|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7}'  # a short commit id
    ')$'
)

type Reader = Callable[[TrainingJob], str | None]

# Beside these stands `instance_type`: the job's own, or that of each group of its instances where these are counted.
GROUP_TAGS: dict[str, Reader] = {
    'managed_spot': lambda job: None if job.managed_spot is None else str(job.managed_spot).lower(),
    'algorithm': lambda job: job.algorithm,
    'training_input_mode': lambda job: job.input_mode,
    'role_name': lambda job: job.role_name,
    'experiment_name': lambda job: job.experiment_name,
    'training_plan': lambda job: job.training_plan,
    'job_family': lambda job: job_family(job.name),
}
STATUS_TAGS: dict[str, Reader] = {
    'training_job_status': lambda job: job.status,
    'secondary_status': lambda job: job.secondary_status,
    'warm_pool_status': lambda job: job.warm_pool.status if job.warm_pool else None,
}
JOB_TAGS: dict[str, Reader] = {
    'instance_type': lambda job: job.instance_type,
    'training_job_name': lambda job: job.name,
    'tuning_job_name': lambda job: job.tuning_job_name,
    'auto_ml_job_name': lambda job: job.auto_ml_job_name,
    'labeling_job_name': lambda job: job.labeling_job_name,
    'trial_name': lambda job: job.trial_name,
    'run_name': lambda job: job.run_name,
    'failure_type': lambda job: job.failure_type,
}


SAMPLE_TAGS = {'phase', 'metric_name', 'rule_kind', 'rule_name', 'rule_status'}
# Names that would have two values if users' tags could have them too.
OWN_TAGS = {'aws_account', 'region', *GROUP_TAGS, *STATUS_TAGS, *JOB_TAGS, *SAMPLE_TAGS}


def tags(job: TrainingJob, table: Mapping[str, Reader]) -> list[str]:
    """`name:value` for each row of the table that has a value."""
    return [f'{name}:{value}' for name, reader in table.items() if (value := reader(job))]


def metric_tags(resource_tags: Mapping[str, str], globs: Iterable[str]) -> list[str]:
    """The AWS resource tags that a glob asks for; those of AWS itself (`aws:...`) only if one asks for them by name."""
    globs = tuple(globs)
    return [
        f'{key}:{value}'
        for key, value in sorted(resource_tags.items())
        if value
        and _as_kept(key) not in OWN_TAGS
        and any(fnmatchcase(key, glob) and key.startswith('aws:') <= glob.startswith('aws:') for glob in globs)
    ]


@lru_cache(1024)
def _as_kept(key: str) -> str:
    """By Datadog: https://docs.datadoghq.com/getting_started/tagging/#define-tags."""
    return re.sub(r'[^\w\-:./]', '_', key.lower())


def job_family(name: str) -> str:
    """The job's name without what makes one run unique; empty if nothing else is in it.

    >>> job_family('churn-xgb-2026-11-23-18-12-00-123')
    'churn-xgb'
    """
    if step := _PIPELINE_STEP.match(name):
        name = step[1].rstrip('-')
    while run := _RUN_SUFFIX.search(name):
        name = name[: run.start()].rstrip('-')
    return name
