# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What kind of failure a reason tells of."""

import re

from .aws import snake_case

# The prefixes of a reason: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
_FAILURE_TYPES = ('AlgorithmError', 'CapacityError', 'ClientError', 'InternalServerError')
# What stands in reasons that have none of them; the first that is found tells.
_FAILURE_WORDS = {
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    'InsufficientInstanceCapacity': 'capacity_error',
    'InsufficientCapacity': 'capacity_error',
    'InternalFailure': 'internal_server_error',
    'ServiceUnavailable': 'internal_server_error',
    # Behind `CapacityError:`, as in https://github.com/DIAGNijmegen/rse-grand-challenge/issues/2631
    'Unable to provision requested ML compute capacity': 'capacity_error',
    # Behind `InternalServerError:`
    'We encountered an internal error': 'internal_server_error',
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html#API_CreateTrainingJob_Errors
    # and CommonErrors.html: HTTP 400, for the caller to mend
    'ResourceLimitExceeded': 'client_error',
    'ResourceNotFound': 'client_error',
    'ResourceInUse': 'client_error',
    'ValidationException': 'client_error',
    'AccessDenied': 'client_error',
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    'NoSuchBucket': 'client_error',
    'NoSuchKey': 'client_error',
    # What the containers write: https://github.com/aws/sagemaker-training-toolkit, src/sagemaker_training/errors.py
    'ExecuteUserScriptError': 'algorithm_error',
    **{prefix: snake_case(prefix) for prefix in _FAILURE_TYPES},
}
_FAILURE_WORD = re.compile(rf'\b(?:{"|".join(_FAILURE_WORDS)})')


def failure_type(reason: str) -> str:
    """By the words of AWS in it, the first that is found; `other` if there are none."""
    word = _FAILURE_WORD.search(reason)
    return _FAILURE_WORDS[word[0]] if word else 'other'
