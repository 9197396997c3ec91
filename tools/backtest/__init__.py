# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The last days of an account: read with the check's own calls, and kept in a file.

For tools/demo, which plays them. Imports the check and tools/aws.
"""
