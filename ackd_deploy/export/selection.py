"""Which variants an artifact holds, and which one is served: the fastest that nothing refuses. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ackd_deploy.check.gates import failures
from ackd_deploy.check.latency import ratio_interval
from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.recipe import Recipe

__all__ = ["choose", "fallback", "kept"]

# Two variants closer than this are equally fast on any other day; then one whose gates could all decide wins,
# and of those the smaller.
_TIE = 0.03


def choose(reports: Sequence[VariantReport], recipe: Recipe, provider: str = "cpu") -> VariantReport | None:
    """Return the variant with the least time for the recipe's workload among those that pass, or None.

    Times are compared in pairs: the median, over the rounds of the measurement, of one round's ratio. A variant within
    3 % of the fastest is as fast; of several, one without open questions is taken, and then the smallest.

    None too where there is no `fallback`: a graph without it runs on processors like this one alone. On a CPU what is
    meant for GPUs is left out: it was judged there for its answers alone.
    """
    workload = recipe.export.workload
    passing = [
        found
        for found in reports
        if not found.refusals(recipe) and workload in found.timings and not found.reserved(provider)
    ]
    if not passing or fallback(reports, recipe) is None:
        return None
    fastest = min(passing, key=lambda found: found.timings[workload].seconds).timings[workload]
    near = [found for found in passing if ratio_interval(found.timings[workload], fastest)[0] <= 1.0 + _TIE]
    return min(near, key=lambda found: (bool(found.undecided()), found.size_bytes or 0))


def fallback(reports: Sequence[VariantReport], recipe: Recipe) -> VariantReport | None:
    """Return fp32 under ONNX Runtime, which runs on any processor, where its answers are right; None where not.

    It need not be fast or small: bounds on time and size decide what is served.
    """
    for report in reports:
        if report.name == "fp32" and report.built is not None and report.problem is None:
            failed = failures(report.results, recipe.gates.undecided)
            if all(result.gate.startswith(("latency ", "size ")) for result in failed):
                return report
    return None


def kept(reports: Sequence[VariantReport], recipe: Recipe) -> list[VariantReport]:
    """Return the variants that the artifact holds: those that pass, and the fallback."""
    spare = fallback(reports, recipe)
    return [report for report in reports if report.built and (report is spare or not report.refusals(recipe))]
