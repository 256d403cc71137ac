"""Fixtures; the helpers behind them stand in conftest_serving.py, which tests import."""

from __future__ import annotations

from conftest_serving import client, service
from kserve_environment import kserve_python
from soaking import figures, soak_artifact, soak_texts

__all__ = ["client", "figures", "kserve_python", "service", "soak_artifact", "soak_texts"]
