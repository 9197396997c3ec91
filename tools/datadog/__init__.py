# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""What Datadog would answer: what the check has sent, and what the queries of dashboards and monitors make of it.

For tests, tools/preview and tools/demo. Imports no other room.
"""
