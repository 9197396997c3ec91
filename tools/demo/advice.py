# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What goes wrong in the first minutes, as somebody at a terminal is told it: without the options of an instance."""

import os
import re

from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader
from botocore.session import Session

from datadog_checks.sagemaker_training.aws.errors import (
    PROVIDE_CREDENTIALS,
    REMEDIES,
    BadCredentials,
    NoPriceList,
    RoleNotAssumed,
    StsDisabled,
    Throttled,
    Unavailable,
)
from datadog_checks.sagemaker_training.aws.regions import known_regions
from datadog_checks.sagemaker_training.config_models.names import closest_to

MOST_PROFILES = 10
_CHOOSE = "choose another profile with AWS_PROFILE or `--profile NAME` (make: ARGS='--profile NAME'){profiles}"
# What the check says to do, by what to do here. {login} is the profile for `aws`, {action} stays what it was.
_HERE = {
    f' {PROVIDE_CREDENTIALS}': '',
    BadCredentials.remedy: (
        f'Log in with `aws sso login{{login}}`, `aws login{{login}}` or `aws configure`, or {_CHOOSE}. If they are '
        'current, check the clock of this machine, and that the region is enabled in the account.'
    ),
    REMEDIES['SSOTokenLoadError']: f'Log in with `aws sso login{{login}}`, or {_CHOOSE}.',
    REMEDIES['LoginError']: f'Log in with `aws login{{login}}`, or {_CHOOSE}.',
    RoleNotAssumed.remedy: (
        'Check `role_arn` and `external_id` of the profile, that the trust policy of the role names the credentials '
        'behind it, and that these allow `{action}`.'
    ),
    NoPriceList.remedy: 'What runs there is told in hours alone.',
    StsDisabled.remedy: "Activate STS for this region in the role's account (IAM console, Account settings).",
    Throttled.remedy: 'Other clients of this account use up its rate, which AWS counts per region: try again later.',
    Unavailable.remedy: (
        'Check the network between this machine and AWS: a VPN, a proxy (HTTPS_PROXY), AWS_ENDPOINT_URL; and the AWS '
        'Health Dashboard.'
    ),
    REMEDIES['SSLError']: (
        'This machine does not trust the certificate it was shown: a proxy that inspects TLS? Name the CA bundle of '
        'your company, a PEM file: AWS_CA_BUNDLE=/path/to/bundle.pem, or `ca_bundle` in the AWS profile.'
    ),
    REMEDIES['ProxyConnectionError']: 'Check the proxy that HTTPS_PROXY names, or take it away.',
    '`aws_profile`, or the AWS configuration files: ': 'The AWS profile or configuration files: ',
    '`boto_config`, or the AWS settings of the environment: ': 'The AWS settings of the environment: ',
}
# Of the AWS SDK, which says no more.
_NO_PROFILE = re.compile(r'The config profile \(.*\) could not be found$')


def at_a_terminal(text: str, profile: str | None = None) -> str:
    """An error of the check, which names what an Agent's instance needs, with what to do in a shell instead.

    `profile` is the one that was asked for, if that was not by AWS_PROFILE.
    """
    chosen = profile or os.environ.get('AWS_PROFILE')
    names = {'login': f' --profile {chosen}' if chosen else '', 'profiles': _profiles()}
    for remedy, here in _HERE.items():
        before, _, after = map(re.escape, remedy.partition('{action}'))
        pattern = f'{before}(?P<action>[^`]*){after}' if after else before
        if match := re.search(pattern, text):
            told = here.format(**names, **match.groupdict(''))
            text = text[: match.start()] + told + text[match.end() :]
    if _NO_PROFILE.search(text):
        text = f'{text}: {_CHOOSE.format(**names)}, or make it with `aws configure sso`.'
    return text


def unknown_region(name: str) -> str | None:
    """A sentence about what is no region of the AWS SDK, with the nearest that is one; None if all is well."""
    known = known_regions(Loader().load_data('endpoints'))
    if name in known:
        return None
    # By its name, or by its place: `Frankfurt` of `Europe (Frankfurt)`.
    places = {described.partition('(')[2].rstrip(')').lower(): region for region, described in known.items()}
    names = places | {region: region for region in known}
    closest = closest_to(name.lower(), names)
    hint = f'Do you mean {names[closest]}?' if closest else 'It is a name such as us-east-1.'
    return f'The AWS SDK knows no region {name!r}. {hint}'


def _profiles() -> str:
    """Those that are on this machine, as far as a line goes."""
    try:
        found = Session(profile='default').available_profiles
    except BotoCoreError:  # the files cannot be read, of which the error tells
        return ''
    more = ' ...' if len(found) > MOST_PROFILES else ''
    return f'; here are {", ".join(found[:MOST_PROFILES])}{more}' if found else ''
