# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The calls to one region: what is asked of AWS, and in how many calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import batched
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.client import BaseClient

from datadog_checks.base import ConfigurationError

from .answers import job_misfit, job_name
from .border import answered_at, call, list_of, member, pages_of, tags_of
from .errors import AwsError, Denied, Malformed, Missing, NoAnswer, NoPriceList, Unavailable

snake_case = xform_name

PAGE_SIZE = 100  # the most that ListTrainingJobs and GetProducts answer, and that GetResources takes

# So many calls in a row that get no answer, or none of use, are not about the jobs that they ask for.
MOST_UNANSWERED = 3


class Page(NamedTuple):
    """A page of a listing, in its order, and when AWS answered by its own clock.

    In the place of a summary that cannot be read stands why.
    """

    summaries: list[dict[str, Any] | Malformed]
    answered_at: datetime | None


class Region:
    """The calls to one region of an account."""

    def __init__(
        self,
        name: str,
        sagemaker: BaseClient,
        tagging: Callable[[], BaseClient],
        pricing: Callable[[], BaseClient],
        rate: Callable[[str], float],
    ) -> None:
        self.name = name
        self.rate = rate  # of an operation: how many calls a second AWS takes without refusing any, as far as known
        self._sagemaker = sagemaker
        self._tagging = tagging  # makes the client when it is first needed, and then gives the same
        self._pricing = pricing  # makes a client each time, as that is once a day
        model = sagemaker.meta.service_model
        self._description_shape = model.operation_model('DescribeTrainingJob').output_shape
        self._summary_shape = (
            model.operation_model('ListTrainingJobs').output_shape.members['TrainingJobSummaries'].member
        )

    def list_training_jobs(self, after: datetime | None = None, before: datetime | None = None) -> Iterator[Page]:
        """Pages of job summaries, the newest job first, created between `after` and `before`.

        No other filter: AWS applies those after it has cut the page. Only a missing NextToken ends the listing.
        """
        bounds = {'CreationTimeAfter': after, 'CreationTimeBefore': before}
        pages = self._sagemaker.get_paginator('list_training_jobs').paginate(
            SortBy='CreationTime',
            SortOrder='Descending',
            PaginationConfig={'PageSize': PAGE_SIZE},
            **{name: bound for name, bound in bounds.items() if bound},
        )
        for page in pages_of('ListTrainingJobs', pages):
            summaries, now = list_of(page, 'TrainingJobSummaries', 'ListTrainingJobs'), answered_at(page)
            yield Page([self._summary(summary, now) for summary in summaries], now)

    def describe_training_job(self, name: str) -> dict[str, Any]:
        """The whole answer.

        Raises:
            Missing: the job was deleted
            Malformed: the answer does not describe this job
        """
        answer = call('DescribeTrainingJob', lambda: self._sagemaker.describe_training_job(TrainingJobName=name))
        member(answer, 'TrainingJobArn', 'DescribeTrainingJob')
        misfit = job_misfit(answer, self._description_shape, answered_at(answer))
        if not misfit and answer['TrainingJobName'] != name:
            misfit = 'TrainingJobName is that of another job'
        if not misfit and answer.keys().isdisjoint(('ResourceConfig', 'ServerlessJobConfig')):
            misfit = 'it has no ResourceConfig'
        if misfit:
            raise Malformed('DescribeTrainingJob', 'MalformedAnswer', f'job {name}: {misfit}')
        return answer

    def _summary(self, summary: Any, now: datetime | None) -> dict[str, Any] | Malformed:
        if misfit := job_misfit(summary, self._summary_shape, now):
            return Malformed('ListTrainingJobs', 'MalformedAnswer', f'job {job_name(summary)}: {misfit}')
        return summary

    def tags(self, arns: Iterable[str], out_of_time: Callable[[], bool]) -> dict[str, dict[str, str] | AwsError]:
        """The tags of each job, by ARN: one call for 100 jobs, or one for each job where only ListTags will do.

        Jobs whose own tags are denied, or that there was no time for, are left out. In the place of tags that cannot
        be read stands why.

        Raises:
            Denied: neither call is allowed
        """
        arns = list(arns)
        try:
            tagging = self._tagging()
        except ConfigurationError as e:  # of an endpoint for this service alone, which the jobs do not need
            raise Unavailable('GetResources', 'ConfigurationError', str(e)) from None
        # Where FIPS endpoints are asked for, botocore makes up a name for this one, which AWS has nowhere.
        if '//tagging-fips.' not in tagging.meta.endpoint_url:
            with suppress(Denied):
                return self._tags_in_batches(arns)
        return self._tags_one_by_one(arns, out_of_time)

    def price_rows(self) -> Iterator[Any]:
        """The rows of AWS's Price List for training instances in this region, each a JSON text. Up to 3 calls.

        Raises:
            NoPriceList: the partition has none, or FIPS endpoints are asked for, which it is not behind
        """
        try:
            client = self._pricing()
        except ConfigurationError as e:
            raise Unavailable('GetProducts', 'ConfigurationError', str(e)) from None
        if '-fips.' in client.meta.endpoint_url:  # which botocore makes up
            raise NoPriceList('GetProducts', 'NoEndpoint', 'AWS tells its prices by no FIPS endpoint')
        pages = client.get_paginator('get_products').paginate(
            ServiceCode='AmazonSageMaker',
            Filters=[
                {'Type': 'TERM_MATCH', 'Field': 'regionCode', 'Value': self.name},
                {'Type': 'TERM_MATCH', 'Field': 'component', 'Value': 'Training'},
            ],
            PaginationConfig={'PageSize': PAGE_SIZE},
        )
        for page in pages_of('GetProducts', pages):
            yield from list_of(page, 'PriceList', 'GetProducts')

    def _tags_in_batches(self, arns: list[str]) -> dict[str, dict[str, str] | AwsError]:
        tags: dict[str, dict[str, str] | AwsError] = {}
        for batch in batched(arns, PAGE_SIZE):
            get_resources = functools.partial(self._tagging().get_resources, ResourceARNList=list(batch))
            found = list_of(call('GetResources', get_resources), 'ResourceTagMappingList', 'GetResources')
            legible = [each for each in found if isinstance(each, dict) and isinstance(each.get('ResourceARN'), str)]
            by_arn = {each['ResourceARN']: each for each in legible}
            # A job that is not in the answer has no tags, unless it may be what could not be read.
            absent = {'Tags': ()} if len(by_arn) == len(found) else {}
            for arn in batch:
                tags[arn] = tags_of(by_arn.get(arn, absent).get('Tags'), arn, 'GetResources')
        return tags

    def _tags_one_by_one(
        self, arns: list[str], out_of_time: Callable[[], bool]
    ) -> dict[str, dict[str, str] | AwsError]:
        tags: dict[str, dict[str, str] | AwsError] = {}
        denied: Denied | None = None
        unanswered = 0
        for arn in arns:
            if out_of_time():
                break
            try:
                pages = pages_of('ListTags', self._sagemaker.get_paginator('list_tags').paginate(ResourceArn=arn))
                found = [tag for page in pages for tag in list_of(page, 'Tags', 'ListTags')]
                tags[arn] = tags_of(found, arn, 'ListTags')
                unanswered = 0
            except Missing:
                tags[arn] = {}
            except Denied as e:
                if denied and not tags:
                    raise  # two of two: it is not about the job
                denied = e
            except NoAnswer:
                raise
            except Unavailable as e:
                tags[arn] = e
                unanswered += 1
                if unanswered == MOST_UNANSWERED:
                    raise
        if denied and not tags:
            raise denied
        return tags
