# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""Everything between the check and AWS: credentials, calls, errors and rates. The only user of botocore."""

from .account import Account
from .calls import PAGE_SIZE, Page, Region, snake_case
from .quiet import keep_quiet

__all__ = ['PAGE_SIZE', 'Account', 'Page', 'Region', 'snake_case']

keep_quiet()
