"""Gates that a tiny random model would miss, turned off openly and in one place.

Tests train models that learn little or nothing, since they are about something else. Those about what was learned, and
the story on real weights, keep the defaults.
"""

from __future__ import annotations

from typing import Any

__all__ = ["UNJUDGED", "UNJUDGED_KEYS"]

UNJUDGED: dict[str, Any] = {"above_chance": False, "max_drop_from_teacher": None, "min_per_class": None}
"""For a recipe's section gates."""

UNJUDGED_KEYS = "above_chance: false, max_drop_from_teacher: null, min_per_class: null"
"""The same as YAML."""
