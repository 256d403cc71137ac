"""Fixtures; the helpers behind them stand in conftest_serving.py, which tests import."""

from __future__ import annotations

from conftest_serving import client, service
from kserve_environment import kserve_python

__all__ = ["client", "kserve_python", "service"]
