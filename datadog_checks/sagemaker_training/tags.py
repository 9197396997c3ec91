# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The tags of a training job: tables of tag name and reader; an absent value is no tag."""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from .job import TrainingJob

type Reader = Callable[[TrainingJob], str | None]

# Beside these stand `job_family`, see families.py, and `instance_type`: the job's own, or that of each group of its
# instances where these are counted.
GROUP_TAGS: dict[str, Reader] = {
    'managed_spot': lambda job: None if job.managed_spot is None else str(job.managed_spot).lower(),
    'algorithm': lambda job: job.algorithm,
    'training_input_mode': lambda job: job.input_mode,
    'role_name': lambda job: job.role_name,
    'experiment_name': lambda job: job.experiment_name,
    'training_plan': lambda job: job.training_plan,
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
OWN_TAGS = {'aws_account', 'region', 'job_family', *GROUP_TAGS, *STATUS_TAGS, *JOB_TAGS, *SAMPLE_TAGS}
# Reserved by Datadog: https://docs.datadoghq.com/getting_started/tagging/#overview. A value of AWS under these names
# would show the series as that of a host, device or source which it is not of; so they become `aws_host` ...
ATTRIBUTING = {'host', 'device', 'source'}
# These are what users expect, unless the instance says otherwise: one value, its own.
UNIFIED = {'env', 'service', 'version'}

# How the keys begin that AWS and its tools set, often with a value for each run; and what a glob for them begins with.
TOOL_PREFIXES = tuple(
    (re.compile(pattern), prefix)
    for pattern, prefix in (
        ('aws:', 'aws:'),  # reserved: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
        ('sagemaker:', 'sagemaker:'),  # Pipelines: sagemaker:pipeline-execution-arn; Studio: sagemaker:domain-arn
        ('sagemaker-[^:]*:', 'sagemaker-'),  # ModelTrainer: sagemaker-studio:jumpstart-model-id; sagemaker-sdk:bedrock
        ('aws-jumpstart-', 'aws-jumpstart-'),  # JumpStart: aws-jumpstart-training-model-uri
        ('sm-jumpstart-', 'sm-jumpstart-'),  # and its later ones: sm-jumpstart-id
        ('services.k8s.aws/', 'services.k8s.aws/'),  # ACK, the controllers for Kubernetes: .../controller-version
    )
)


def tags(job: TrainingJob, table: Mapping[str, Reader]) -> list[str]:
    """`name:value` for each row of the table that has a value."""
    return [f'{name}:{value}' for name, reader in table.items() if (value := reader(job))]


def instance_names(own_tags: Iterable[str], service: str | None) -> frozenset[str]:
    """The names of `UNIFIED` that an instance sets itself, by its `tags` or its `service`."""
    own = {_as_kept(tag.partition(':')[0]) for tag in own_tags}
    return frozenset(UNIFIED & (own | {'service'} if service else own))


def metric_tags(
    resource_tags: Mapping[str, str], globs: Iterable[str], own_names: frozenset[str] = frozenset()
) -> list[str]:
    """The AWS resource tags that a glob asks for, and that have no name of `own_names`.

    Those that AWS and its tools set (`TOOL_PREFIXES`) are asked for only by a glob that begins as they do.
    """
    globs = tuple(globs)
    return [
        f'{name}:{value}'
        for key, value in sorted(resource_tags.items())
        if value and (name := _metric_tag(key, globs)) and _as_kept(name) not in own_names
    ]


@lru_cache(4096)
def _metric_tag(key: str, globs: tuple[str, ...]) -> str | None:
    """The name of the metric tag that the AWS tag becomes; None if it becomes none."""
    prefix = next((prefix for pattern, prefix in TOOL_PREFIXES if pattern.match(key)), '')
    if not any(glob.startswith(prefix) and fnmatchcase(key, glob) for glob in globs):
        return None
    kept = _as_kept(key)
    if kept in OWN_TAGS:
        return None
    return f'aws_{kept}' if kept in ATTRIBUTING else key


@lru_cache(1024)
def _as_kept(key: str) -> str:
    """By Datadog: https://docs.datadoghq.com/getting_started/tagging/#define-tags."""
    return re.sub(r'[^\w\-:./]', '_', key.lower())
