"""A gate compares one figure with one bound and says pass, fail, undecided or info. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from ackd_deploy.run.records import GateRecord

__all__ = ["GateResult", "Verdict", "at_least", "at_most", "failures", "inform", "passes"]

Verdict = Literal["pass", "fail", "undecided", "info"]


@dataclass(frozen=True)
class GateResult:
    """One figure of one variant or model against its bound.

    ``undecided`` means: the figure keeps the bound, its 95 % interval does not, so ``n`` rows cannot tell.
    ``info`` means: measured and shown, with no bound to keep.
    """

    gate: str
    variant: str
    verdict: Verdict
    figure: float
    bound: float | None = None
    n: int | None = None
    interval: tuple[float, float] | None = None
    detail: str = ""

    def record(self) -> GateRecord:
        """Return it as run.json holds it: without infinities, which JSON does not have."""
        interval = None if self.interval is None else (_finite(self.interval[0]), _finite(self.interval[1]))
        return GateRecord(**{**asdict(self), "figure": _finite(self.figure), "interval": interval})

    def reason(self) -> str:
        """One phrase for the table of variants."""
        sign = "" if self.bound is None else f" (bound {self.bound:g})"
        tail = f": {self.detail}" if self.detail else ""
        return f"{self.gate} {self.figure:.4g}{sign}{tail}"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def at_most(
    gate: str,
    variant: str,
    figure: float,
    bound: float | None,
    *,
    n: int | None = None,
    interval: tuple[float, float] | None = None,
    detail: str = "",
) -> GateResult:
    """A figure that must not exceed ``bound``; without a bound it only informs. NaN never passes."""
    verdict: Verdict
    if bound is None:
        verdict = "info"
    elif not figure <= bound:
        verdict = "fail"
    elif interval is not None and not interval[1] <= bound:
        verdict = "undecided"
    else:
        verdict = "pass"
    return GateResult(gate, variant, verdict, figure, bound, n, interval, detail)


def at_least(
    gate: str,
    variant: str,
    figure: float,
    bound: float | None,
    *,
    n: int | None = None,
    interval: tuple[float, float] | None = None,
    detail: str = "",
) -> GateResult:
    """A figure that must not fall below ``bound``; without a bound it only informs. NaN never passes."""
    verdict: Verdict = "pass"
    if bound is None:
        verdict = "info"
    elif not figure >= bound:
        verdict = "fail"
    elif interval is not None and not interval[0] >= bound:
        verdict = "undecided"
    return GateResult(gate, variant, verdict, figure, bound, n, interval, detail)


def inform(gate: str, variant: str, figure: float, *, n: int | None = None, detail: str = "") -> GateResult:
    """A figure that is shown and decides nothing."""
    return GateResult(gate, variant, "info", figure, None, n, None, detail)


def failures(results: Iterable[GateResult], undecided: Literal["pass", "fail"]) -> list[GateResult]:
    """The results that refuse a variant, given what the recipe makes of an undecided one."""
    refusing = {"fail"} if undecided == "pass" else {"fail", "undecided"}
    return [result for result in results if result.verdict in refusing]


def passes(results: Iterable[GateResult], undecided: Literal["pass", "fail"]) -> bool:
    """True where nothing refuses."""
    return not failures(results, undecided)
