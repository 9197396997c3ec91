# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The one way user text leaves the check: what looks like a secret becomes `<redacted>`.

Whatever is written by users passes a `Scrubber`; nothing else of this package is for others.
"""

from .scrubber import Scrubber
from .values import REDACTED

__all__ = ['REDACTED', 'Scrubber']
