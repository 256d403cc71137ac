"""Which variant is served: the fastest that nothing refuses. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.recipe import Recipe

__all__ = ["choose"]

# Two variants closer than this are equally fast on any other day; then one whose gates could all decide wins,
# and of those the smaller.
_TIE = 0.03


def choose(reports: Sequence[VariantReport], recipe: Recipe, provider: str = "cpu") -> VariantReport | None:
    """Return the variant with the least time for the recipe's workload among those that pass, or None.

    On a CPU what is meant for GPUs is left out: it was judged there for its answers alone.
    """
    workload = recipe.export.workload
    passing = [
        found
        for found in reports
        if not found.refusals(recipe) and workload in found.timings and not found.reserved(provider)
    ]
    if not passing:
        return None
    fastest = min(found.timings[workload].seconds for found in passing)
    near = [found for found in passing if found.timings[workload].seconds <= (1.0 + _TIE) * fastest]
    return min(near, key=lambda found: (bool(found.undecided()), found.size_bytes or 0))
