# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
import pytest

# They assert for the tests, and are no tests by their names.
pytest.register_assert_rewrite('tests.lives', 'tests.machine')
