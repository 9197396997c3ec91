# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""AWS on this machine: a server that real boto3 clients talk to, and the fleets of training jobs that it tells of.

For tests, benchmarks and tools/demo. Imports no other room, and nothing of the check.
"""
