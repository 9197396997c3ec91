# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The yardstick: the same calls by boto3 and nothing else, in as many threads as the check uses by default."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import batched, islice
from typing import Any

import boto3
from botocore.config import Config

THREADS = 8
PAGE_SIZE = 100


class BareLoop:
    """Lists the newest pages, describes each job on them, reads the tags of 100 at once; drops all answers."""

    def __init__(self, url: str) -> None:
        session = boto3.Session('bare', 'bare', region_name='us-east-1')
        config = Config(max_pool_connections=THREADS, proxies={})
        self._sagemaker = session.client('sagemaker', endpoint_url=url, config=config)
        self._tagging = session.client('resourcegroupstaggingapi', endpoint_url=url, config=config)

    def __call__(self, calls: Counter[str]) -> None:
        """Make the calls, which are those of a whole poll: so many pages, and of the other kinds all or none."""
        pages = self._sagemaker.get_paginator('list_training_jobs').paginate(
            SortBy='CreationTime', SortOrder='Descending', PaginationConfig={'PageSize': PAGE_SIZE}
        )
        listed = islice(pages, calls['ListTrainingJobs'])
        jobs = [job for page in listed for job in page['TrainingJobSummaries']]
        with ThreadPoolExecutor(THREADS) as executor:
            for batch in batched(jobs, PAGE_SIZE):
                if calls['DescribeTrainingJob']:
                    for _ in executor.map(self._describe, batch):
                        pass
                if calls['GetResources']:
                    self._tagging.get_resources(ResourceARNList=[job['TrainingJobArn'] for job in batch])

    def _describe(self, job: dict[str, Any]) -> dict[str, Any]:
        return self._sagemaker.describe_training_job(TrainingJobName=job['TrainingJobName'])
