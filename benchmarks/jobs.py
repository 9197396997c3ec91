# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The training jobs that the benchmarks poll: those of the demo's teams, with as much in them as real jobs have."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tools.aws.fleet import Job, Step
from tools.aws.scenario import ACCOUNTS, MESSAGES, REGIONS, living_fleet, quiet_history
from tools.aws.workloads import VPC

from .polls import NOW

ACCOUNT, REGION = ACCOUNTS[0], REGIONS[0]
# Jobs that ended within `job_metrics_hours` have gauges as open ones have; that is the rate of jobs, not their history.
QUIET_SINCE = NOW - timedelta(hours=2)
JOBS_A_DAY = 400  # of the demo's fleet, at least

# What the SageMaker SDK and the common training scripts add to the few settings of a demo job.
HYPERPARAMETERS = {
    'sagemaker_program': '"train.py"',
    'sagemaker_region': '"us-east-1"',
    'sagemaker_job_name': '"{name}"',
    'sagemaker_submit_directory': '"s3://sagemaker-us-east-1-123456789012/{name}/source/sourcedir.tar.gz"',
    'sagemaker_container_log_level': '20',
    'batch_size': '64',
    'optimizer': 'adamw_torch',
    'weight_decay': '0.01',
    'warmup_steps': '500',
    'lr_scheduler_type': 'cosine',
    'seed': '{seed}',
}
ENVIRONMENT = {
    'NCCL_DEBUG': 'WARN',
    'OMP_NUM_THREADS': '8',
    'TOKENIZERS_PARALLELISM': 'false',
    'MLFLOW_TRACKING_URI': 'https://mlflow.internal:5000/{seed}',
}
METRICS = {'train:loss': 'loss: ([0-9.]+)', 'train:throughput': 'samples/s: ([0-9.]+)', 'eval:loss': 'eval: ([0-9.]+)'}
VALIDATION_CHANNEL = {
    'ChannelName': 'validation',
    'DataSource': {
        'S3DataSource': {
            'S3DataType': 'S3Prefix',
            'S3Uri': 's3://sagemaker-us-east-1-123456789012/datasets/validation',
            'S3DataDistributionType': 'FullyReplicated',
        }
    },
    'ContentType': 'application/x-parquet',
    'CompressionType': 'None',
}


def open_jobs(count: int) -> list[Job]:
    """So many jobs of different names that are open NOW, created up to some days before."""
    rng = random.Random(2026)
    fleet = living_fleet(NOW, 24 * (count / JOBS_A_DAY + 1), [ACCOUNT], [REGION])
    by_name = {job.name: job for job in fleet}
    return [_moved(_filled_up(job, rng), rng) for job in list(by_name.values())[:count]]


def finished_jobs(count: int) -> list[Job]:
    """So many jobs that ended 2 hours to 29 days before NOW, evenly spread."""
    return quiet_history(QUIET_SINCE, count, account=ACCOUNT, region=REGION, days=29)


def _moved(job: Job, rng: random.Random) -> Job:
    """The job, moved in time so that it is in one of its later phases NOW."""
    phase = rng.randrange(len(job.steps) // 2, len(job.steps) - 1)
    start, end = (step.start for step in job.steps[phase : phase + 2])
    shift = NOW - (start + (end - start) * rng.random())
    return replace(
        job,
        steps=tuple(replace(step, start=step.start + shift) for step in job.steps),
        rules=tuple(replace(rule, decided=rule.decided + shift) for rule in job.rules),
        warm_pool=None,
    )


def _filled_up(job: Job, rng: random.Random) -> Job:
    own = job.fields
    first, second = job.steps[:2]
    pending = Step('Pending', first.start + (second.start - first.start) / 2, MESSAGES['Pending'])
    context = {'name': job.name, 'seed': rng.randrange(100_000)}
    algorithm = own.get('AlgorithmSpecification')
    metrics = [{'Name': name, 'Regex': regex} for name, regex in METRICS.items()]
    fields = {
        **VPC,
        **own,
        'InputDataConfig': [*own['InputDataConfig'], VALIDATION_CHANNEL],
        'HyperParameters': _some(HYPERPARAMETERS, rng.randint(4, 8), context, rng) | own['HyperParameters'],
        'Environment': _some(ENVIRONMENT, rng.randint(1, 4), context, rng) | own.get('Environment', {}),
        **({'AlgorithmSpecification': {'MetricDefinitions': metrics, **algorithm}} if algorithm else {}),
    }
    tags = {'cost-center': f'cc-{rng.randrange(40):03d}', 'owner': f'user-{rng.randrange(200)}'}
    return replace(job, steps=(first, pending, *job.steps[1:]), fields=fields, tags={**job.tags, **tags})


def _some(settings: Mapping[str, str], count: int, context: Mapping[str, Any], rng: random.Random) -> dict[str, str]:
    return {name: settings[name].format_map(context) for name in rng.sample(list(settings), count)}
