# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What can go wrong between the check and AWS: each kind with a name, and with what to do about it."""

from typing import NamedTuple


class Problem(NamedTuple):
    """What a person is told: what failed, what to do about it, and what AWS says, which may be long."""

    what: str
    remedy: str
    words: str

    def __str__(self) -> str:
        return f'{self.what}: {self.words} {self.remedy}'.rstrip()


class AwsError(Exception):
    """AWS did not answer; `str()` is the reason, with operation and code, and the remedy: what to do about it."""

    outcome = 'error'
    remedy = 'The next poll tries again.'

    def __init__(self, operation: str, code: str, message: str) -> None:
        self.code = code
        self.remedy = REMEDIES.get(code, self.remedy).format(action=_ACTIONS.get(operation, operation))
        self.problem = Problem(f'{operation}: {code}', self.remedy, f'{message.rstrip(". ")}.')
        self.reason = f'{self.problem.what}: {self.problem.words}'
        super().__init__(str(self.problem))


class Throttled(AwsError):
    outcome = 'throttled'
    remedy = (
        'Other clients of this account use up its rate, which AWS counts per account and region: lower '
        '`list_requests_per_second` or `describe_requests_per_second`, or poll less often; the next poll goes on.'
    )


class Denied(AwsError):
    outcome = 'denied'
    remedy = 'Allow `{action}` in the IAM policy of these credentials.'


class NoPriceList(AwsError):
    """There is nothing to ask, or nothing that can be used in the answer."""

    remedy = 'Give the prices in `instance_prices`, and leave `estimate_cost` out.'


class Missing(AwsError):
    remedy = 'The job was deleted.'


class Unavailable(AwsError):
    remedy = 'Check the network, proxy and endpoint between the Agent and AWS, and the AWS Health Dashboard.'


class NoAnswer(Unavailable):
    """The network, or whatever is between, has swallowed the call."""


class CredentialsThrottled(Throttled):
    remedy = (
        'AWS STS or IAM Identity Center, which gives these credentials, gets too many requests from the account: '
        'the next poll tries again. If it lasts, CloudTrail tells who calls `{action}` so often.'
    )


class CredentialsUnavailable(Unavailable):
    remedy = (
        'AWS STS or IAM Identity Center, which gives these credentials, fails for the moment: the next poll tries '
        'again. If it lasts, see the AWS Health Dashboard.'
    )


class IdentityProviderUnreachable(CredentialsUnavailable):
    remedy = (
        'AWS STS could not reach the identity provider of the cluster, which often passes: the next poll tries again. '
        'If it lasts, check that the issuer URL of the provider can be reached from the internet.'
    )


class Malformed(AwsError):
    """What AWS has answered about one job is not what its service model promises. It says nothing of other jobs."""

    remedy = 'Nothing else waits for it, and the next polls try again; if it lasts, show this message to AWS support.'


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


class IdentityTokenRejected(IdentityNotTrusted):
    remedy = (
        'Check that Kubernetes renews the token in the file AWS_WEB_IDENTITY_TOKEN_FILE, that its audience is '
        "sts.amazonaws.com, and that IAM, in the role's account, has the identity provider of the cluster."
    )


class StsDisabled(RoleNotAssumed):
    remedy = (
        "Activate STS for this region in the role's account (IAM console, Account settings), or put another region "
        'first in `regions`: the role is assumed there.'
    )


class SessionTooLarge(RoleNotAssumed):
    remedy = 'Pass fewer or shorter session tags on: those of the credentials that call `{action}` count as well.'


# Of an instance for which the environment has none.
PROVIDE_CREDENTIALS = 'Set `aws_profile`, or `aws_access_key_id` and `aws_secret_access_key`, or give the Agent a role.'

_SSO_LOGIN = (
    'Nobody is logged in to IAM Identity Center, or no longer: `aws sso login` with the profile, as the user that the '
    'Agent runs as, helps until the session ends. Keys, or the role of an instance, do not end with a session.'
)
_CONSOLE_LOGIN = _SSO_LOGIN.replace('IAM Identity Center', 'AWS').replace('aws sso login', 'aws login')

# Where the code, which is botocore's here, tells more than the kind.
REMEDIES = {
    **dict.fromkeys(('SSOTokenLoadError', 'TokenRetrievalError', 'UnauthorizedSSOTokenError'), _SSO_LOGIN),
    **dict.fromkeys(('LoginError', 'LoginRefreshRequired', 'LoginTokenLoadError'), _CONSOLE_LOGIN),
    'SSLError': (
        'The Agent does not trust the certificate it was shown: a proxy that inspects TLS, or an endpoint of your own? '
        'Name the CA bundle (a PEM file that the Agent can read) in AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE in its '
        'environment, or as `ca_bundle` in the AWS profile.'
    ),
    'ProxyConnectionError': (
        "Check the proxy: `proxies` in `boto_config`, else the Agent's own `proxy` setting. If its URL is https, name "
        'its CA bundle in `boto_config`, as `proxy_ca_bundle` in `proxies_config`.'
    ),
}
_ACTIONS = {
    'AssumeRole': 'sts:AssumeRole',
    'DescribeTrainingJob': 'sagemaker:DescribeTrainingJob',
    'GetProducts': 'pricing:GetProducts',
    'GetResources': 'tag:GetResources',
    'ListTags': 'sagemaker:ListTags',
    'ListTrainingJobs': 'sagemaker:ListTrainingJobs',
}
