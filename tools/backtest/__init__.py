# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The last days of an account: read with the check's own calls, kept in a file, and judged by the shipped monitors.

For tools/demo, which plays them. Imports the check, tools/aws and tools/datadog.
"""
