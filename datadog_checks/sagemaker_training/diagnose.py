# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What `agent diagnose` tells: one call of each kind that polls make, so that each permission has its own answer."""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from datadog_checks.base import ConfigurationError

from .aws import Account, Region
from .aws.errors import PROVIDE_CREDENTIALS, AwsError, Denied, RoleNotAssumed
from .config_models.instance import InstanceConfig
from .job import TrainingJob
from .pricelist import read_list
from .prices import SET_OWN_PRICE
from .reading import from_summary


class Finding(NamedTuple):
    """One diagnosis; `verdict` names the method of the base class's Diagnosis that takes it."""

    verdict: Literal['success', 'warning', 'fail']
    name: str
    diagnosis: str
    description: str
    remediation: str = ''


class Question(NamedTuple):
    """What to ask AWS about one job; `otherwise` is what to do instead of what the error says, if it is denied."""

    name: str
    description: str
    ask: Callable[[Region, TrainingJob], object]
    otherwise: str = ''


LIST = 'ListTrainingJobs'
LIST_DESCRIPTION = 'Lists the newest training jobs, as every poll does.'
DESCRIBE = Question(
    'DescribeTrainingJob',
    'Describes the newest training job, as polls do with each job that is new or has changed.',
    lambda region, job: region.describe_training_job(job.name),
)
TAGS = Question(
    'resource tags',
    'Reads the AWS resource tags of the newest training job, by GetResources or, where denied or with FIPS, ListTags.',
    lambda region, job: _tags(region, job),
    'Better allow `tag:GetResources`, one call for many jobs. Without both, set `collect_resource_tags: false`.',
)

PRICES = 'prices'
PRICES_DESCRIPTION = "Reads AWS's list prices of the region, and looks which of the instance types in use have one."
OWN_PRICES_DESCRIPTION = 'Looks which of the instance types in use have a price in `instance_prices`.'


def unconnected(error: AwsError | ConfigurationError) -> Finding:
    """Why there is no account to ask."""
    if isinstance(error, AwsError):
        remediation = f'{error.remedy} {PROVIDE_CREDENTIALS}'
        return Finding('fail', 'credentials', error.reason, 'Looks for AWS credentials.', remediation)
    return Finding(
        'fail',
        'configuration',
        str(error),
        'Reads the options of the instance.',
        'Correct the options named above in the configuration file of this check, then restart the Agent.',
    )


def diagnoses(
    account: Account,
    config: InstanceConfig,
    is_included: Callable[[str], bool],
    unpriced: Mapping[str, Collection[str]],
) -> Iterator[Finding]:
    """Whose the credentials are, and what they may read in each region. A failure hides nothing but what needs it.

    Only jobs that `is_included` by name are asked about: the IAM policy may allow no others. `unpriced` are, by region,
    the instance types that had no price at the last poll, if there was one.
    """
    role = config.assume_role_arn
    name = f'role {role}' if role else 'credentials'
    description = f'{"Assumes the role, and asks" if role else "Asks"} AWS whose credentials these are.'
    prefix = ''
    try:
        caller = account.caller_arn()
    except AwsError as e:
        yield _failed(name, description, e)
        if isinstance(e, RoleNotAssumed):
            regions = ', '.join(region.name for region in account.regions)
            yield _not_tried('regions', 'Asks each region.', f'all of {regions} need the role.')
            return
    else:
        yield Finding('success', name, f'To AWS, the Agent is {caller}.', description)
        prefix = f'{caller.split(":")[4]} '
    questions = (DESCRIBE, TAGS) if config.collect_resource_tags else (DESCRIBE,)

    def ask(region: Region) -> list[Finding]:
        findings = _ask_region(region, questions, is_included)
        return [*findings, *_price_findings(region, config, unpriced.get(region.name, ()))]

    # In parallel, as regions that cannot be reached take their time.
    with ThreadPoolExecutor(min(len(account.regions), config.max_concurrency), 'sagemaker_training') as executor:
        for region, findings in zip(account.regions, executor.map(ask, account.regions), strict=True):
            for finding in findings:
                yield finding._replace(name=f'{prefix}{region.name}: {finding.name}')


def _ask_region(region: Region, questions: tuple[Question, ...], is_included: Callable[[str], bool]) -> list[Finding]:
    try:
        summaries = [each for each in next(region.list_training_jobs()).summaries if isinstance(each, dict)]
    except AwsError as e:
        listing, job, why = _failed(LIST, LIST_DESCRIPTION, e), None, 'the jobs could not be listed.'
    else:
        listing = Finding('success', LIST, f'Newest jobs listed: {len(summaries)}.', LIST_DESCRIPTION)
        job = next((job for job in map(from_summary, summaries) if is_included(job.name)), None)
        why = 'no job was listed that this instance follows.'
    if job is None:
        return [listing, *(_not_tried(question.name, question.description, why) for question in questions)]
    return [listing, *(_ask_about(job, region, question) for question in questions)]


def _price_findings(region: Region, config: InstanceConfig, unpriced: Collection[str]) -> Iterator[Finding]:
    own = config.instance_prices or {}
    told, hours, description = f'Types in `instance_prices`: {len(own)}.', dict(own), OWN_PRICES_DESCRIPTION
    if config.estimate_cost:
        description = PRICES_DESCRIPTION
        try:
            listed = read_list(region).hours
        except AwsError as e:
            yield _failed(PRICES, description, e)
            return
        told, hours = f'Types that AWS lists: {len(listed)}. {told}', {**listed, **own}
    elif not own:
        return
    if missing := sorted(set(unpriced) - hours.keys()):
        yield Finding('warning', PRICES, f'{told} Without a price: {", ".join(missing)}. {SET_OWN_PRICE}', description)
    else:
        yield Finding('success', PRICES, told, description)


def _ask_about(job: TrainingJob, region: Region, question: Question) -> Finding:
    name, description, ask, otherwise = question
    try:
        ask(region, job)
    except Denied as e:
        return _failed(name, description, e, otherwise)
    except AwsError as e:
        return _failed(name, description, e)
    return Finding('success', name, f'AWS has answered for {job.name}.', description)


def _failed(name: str, description: str, error: AwsError, otherwise: str = '') -> Finding:
    return Finding('fail', name, error.reason, description, f'{error.remedy} {otherwise}'.strip())


def _not_tried(name: str, description: str, why: str) -> Finding:
    return Finding('warning', name, f'Not tried: {why}', description)


def _tags(region: Region, job: TrainingJob) -> None:
    for tags in region.tags([job.arn], out_of_time=lambda: False).values():
        if isinstance(tags, AwsError):
            raise tags
