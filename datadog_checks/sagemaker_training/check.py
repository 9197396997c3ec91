# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
from datadog_checks.base import AgentCheck

from .config_models import ConfigMixin


class SagemakerTrainingCheck(AgentCheck, ConfigMixin):
    __NAMESPACE__ = 'sagemaker_training'
