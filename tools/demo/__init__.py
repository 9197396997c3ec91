# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The check, run and shown: over a simulated day by `make demo`, once on a real account by `make dry-run`.

Commands, imported by tests alone. Imports every room but tools/push.
"""
