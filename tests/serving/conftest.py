"""Fixtures; the helpers behind them stand in conftest_serving.py, which tests import."""

from __future__ import annotations

from tests.serving.kserve_environment import kserve_python
from tests.serving.running_service import client, service
from tests.serving.soaking import figures, soak_artifact, soak_texts

__all__ = ["client", "figures", "kserve_python", "service", "soak_artifact", "soak_texts"]
