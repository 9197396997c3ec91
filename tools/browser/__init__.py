# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The preview's page in a browser of this machine: served while it goes on, and in pictures.

For the demo, `make screenshots` and the tests of the page; it takes the page as it is, and knows nothing of dashboards.
"""
