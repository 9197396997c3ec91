# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The dashboards and monitors, pushed into an organisation of Datadog: `make push-assets`.

A command, imported by tests alone. Imports the thresholds of tools/datadog.
"""
