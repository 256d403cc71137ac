"""Fixtures; the helpers behind them stand in conftest_serving.py, which tests import."""

from __future__ import annotations

from conftest_serving import client, service

__all__ = ["client", "service"]
