# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What can go wrong between the check and AWS: each kind with a name, and with what to do about it."""


class AwsError(Exception):
    """AWS did not answer; `str()` is the reason, with operation and code, and the remedy: what to do about it."""

    outcome = 'error'
    remedy = 'The next poll tries again.'

    def __init__(self, operation: str, code: str, message: str) -> None:
        self.code = code
        self.reason = f'{operation}: {code}: {message.rstrip(". ")}.'
        self.remedy = self.remedy.format(action=_ACTIONS.get(operation, operation))
        super().__init__(f'{self.reason} {self.remedy}'.rstrip())


class Throttled(AwsError):
    outcome = 'throttled'
    remedy = (
        'Other clients of this account use up its rate, which AWS counts per account and region: lower '
        '`list_requests_per_second` or `describe_requests_per_second`, or poll less often; the next poll goes on.'
    )


class Denied(AwsError):
    outcome = 'denied'
    remedy = 'Allow `{action}` in the IAM policy of these credentials.'


class Missing(AwsError):
    remedy = 'The job was deleted.'


class Unavailable(AwsError):
    remedy = 'Check the network, proxy and endpoint between the Agent and AWS, and the AWS Health Dashboard.'


class NoAnswer(Unavailable):
    """The network, or whatever is between, has swallowed the call."""


class Malformed(AwsError):
    """What AWS has answered about one job is not what its service model promises. It says nothing of other jobs."""

    remedy = 'Nothing else waits for it, and the next polls try again; if it lasts, show this message to AWS support.'

    def __init__(self, operation: str, message: str) -> None:
        super().__init__(operation, 'MalformedAnswer', message)


class BadCredentials(AwsError):
    outcome = 'denied'
    remedy = (
        'Check that the credentials of this instance exist and are current, that the clock of this machine is right, '
        'and that the region is enabled in the account.'
    )


class RoleNotAssumed(BadCredentials):
    remedy = (
        "Check `assume_role_arn` and `assume_role_external_id`, that the trust policy of the role names the Agent's "
        'credentials, and that these allow `{action}`.'
    )


class IdentityNotTrusted(RoleNotAssumed):
    remedy = (
        'Check that the role exists and that its trust policy allows `sts:AssumeRoleWithWebIdentity` to the identity '
        "provider of the cluster and to the Agent's service account."
    )


# Of an instance for which the environment has none.
PROVIDE_CREDENTIALS = 'Set `aws_profile`, or `aws_access_key_id` and `aws_secret_access_key`, or give the Agent a role.'

_ACTIONS = {
    'AssumeRole': 'sts:AssumeRole',
    'DescribeTrainingJob': 'sagemaker:DescribeTrainingJob',
    'GetResources': 'tag:GetResources',
    'ListTags': 'sagemaker:ListTags',
    'ListTrainingJobs': 'sagemaker:ListTrainingJobs',
}
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
_BY_CODE: dict[str, type[AwsError]] = {
    **dict.fromkeys(
        ('Throttling', 'ThrottlingException', 'ThrottledException', 'RequestLimitExceeded', 'TooManyRequestsException'),
        Throttled,
    ),
    **dict.fromkeys(('AccessDenied', 'AccessDeniedException', 'NotAuthorized', 'UnauthorizedOperation'), Denied),
    **dict.fromkeys(('ResourceNotFound', 'ResourceNotFoundException'), Missing),
    **dict.fromkeys(
        (
            'ExpiredToken',
            'ExpiredTokenException',
            'IncompleteSignature',
            'InvalidClientTokenId',
            'InvalidSignatureException',
            'MissingAuthenticationToken',
            'MissingAuthenticationTokenException',
            'NotSignedUp',
            'OptInRequired',
            'RequestExpired',
            'SignatureDoesNotMatch',
            'UnrecognizedClientException',
        ),
        BadCredentials,
    ),
    **dict.fromkeys(('InternalFailure', 'InternalServerError', 'InternalError', 'ServiceUnavailable'), Unavailable),
}
_BY_OPERATION: dict[str, type[BadCredentials]] = {
    'AssumeRole': RoleNotAssumed,
    'AssumeRoleWithWebIdentity': IdentityNotTrusted,
}


def error_class(code: str, message: str) -> type[AwsError]:
    """The kind of an error that AWS answered with."""
    if code == 'ValidationException' and 'not found' in message:
        return Missing
    if code.isdigit() and int(code) >= 500:
        return Unavailable
    return _BY_CODE.get(code, AwsError)


def authentication_error_class(operation: str) -> type[BadCredentials]:
    """The kind of any error that AWS answered with to a call that gets credentials."""
    return _BY_OPERATION.get(operation, BadCredentials)
