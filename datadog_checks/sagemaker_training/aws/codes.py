# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The kind of an error by the code that AWS answers with."""

from __future__ import annotations

from .errors import (
    AwsError,
    BadCredentials,
    CredentialsThrottled,
    CredentialsUnavailable,
    Denied,
    IdentityNotTrusted,
    IdentityProviderUnreachable,
    IdentityTokenRejected,
    Missing,
    RoleNotAssumed,
    SessionTooLarge,
    StsDisabled,
    Throttled,
    Unavailable,
)

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
_BY_CODE: dict[str, type[AwsError]] = {
    **dict.fromkeys(
        (
            '429',
            'RequestLimitExceeded',
            'RequestThrottled',
            'RequestThrottledException',
            'SlowDown',
            'ThrottledException',
            'Throttling',
            'ThrottlingException',
            'TooManyRequestsException',
        ),
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
    **dict.fromkeys(
        (
            'InternalError',
            'InternalFailure',
            'InternalServerError',
            'InternalServerException',
            'RequestTimeout',
            'RequestTimeoutException',
            'ServiceUnavailable',
            'ServiceUnavailableException',
        ),
        Unavailable,
    ),
}

# Of calls that get credentials. What passes by itself is no refusal, and bad keys are not the role's fault.
_OF_CREDENTIALS: dict[type[AwsError], type[AwsError]] = {
    Throttled: CredentialsThrottled,
    Unavailable: CredentialsUnavailable,
    BadCredentials: BadCredentials,
}
_ROLE, _WEB_IDENTITY = 'AssumeRole', 'AssumeRoleWithWebIdentity'
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
_OF_STS: dict[tuple[str, str], type[AwsError]] = {
    (_ROLE, 'RegionDisabledException'): StsDisabled,
    (_WEB_IDENTITY, 'RegionDisabledException'): StsDisabled,
    (_ROLE, 'PackedPolicyTooLarge'): SessionTooLarge,
    (_WEB_IDENTITY, 'PackedPolicyTooLarge'): SessionTooLarge,
    (_WEB_IDENTITY, 'ExpiredTokenException'): IdentityTokenRejected,
    (_WEB_IDENTITY, 'InvalidIdentityToken'): IdentityTokenRejected,
    (_WEB_IDENTITY, 'IDPRejectedClaim'): IdentityTokenRejected,
    (_WEB_IDENTITY, 'IDPCommunicationError'): IdentityProviderUnreachable,
}
_BY_OPERATION: dict[str, type[BadCredentials]] = {_ROLE: RoleNotAssumed, _WEB_IDENTITY: IdentityNotTrusted}


def error_class(code: str, message: str) -> type[AwsError]:
    """The kind of an error that AWS answered with."""
    if code == 'ValidationException' and 'not found' in message:
        return Missing
    if code.isdigit() and int(code) >= 500:
        return Unavailable
    return _BY_CODE.get(code, AwsError)


def authentication_error_class(operation: str, code: str, message: str) -> type[AwsError]:
    """The kind of an error that AWS answered with to a call that gets credentials.

    What is neither known of the operation nor passing is a refusal: of the role, or of the credentials.
    """
    return (
        _OF_STS.get((operation, code))
        or _OF_CREDENTIALS.get(error_class(code, message))
        or _BY_OPERATION.get(operation, BadCredentials)
    )
