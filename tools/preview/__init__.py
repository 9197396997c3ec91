# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""One page that draws the dashboards and monitors from a recording.

For tests and tools/demo. Of the other rooms it imports tools/datadog alone.
"""
