"""What metrics are called, how their figures are written, and which way is better: the one place that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CLASS_F1", "MetricName", "metric_name"]

CLASS_F1 = "f1:"
"""Before the name of a class: F1 of that class alone, such as ``f1:spam``."""

_SHARES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "exact_match": "exact match",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "samples_f1": "samples F1",
    "weighted_f1": "weighted F1",
    "recall": "recall",
}
_CORRELATIONS = {"mcc": "MCC", "pearson": "Pearson", "spearman": "Spearman"}
_ERRORS = {"mse": "MSE", "rmse": "RMSE", "mae": "MAE"}
# The sign that is as wide as a plus.
_MINUS = "−"


@dataclass(frozen=True)
class MetricName:
    """A metric by name, for tables and sentences.

    Attributes:
        name: as recipes and records have it.
        title: for people.
        kind: a share (0 to 1, shown in %), a correlation (-1 to 1, shown as it is) or an error (0 or more, in the
            labels' own unit or its square).
    """

    name: str
    title: str
    kind: Literal["share", "correlation", "error"]

    @property
    def lower_is_better(self) -> bool:
        """Whether the smaller of two values is the better one."""
        return self.kind == "error"

    @property
    def heading(self) -> str:
        """The title with the unit of what `show` returns."""
        return f"{self.title}, %" if self.kind == "share" else self.title

    @property
    def described(self) -> str:
        """The title with what a reader of figures needs: "accuracy in %", "MSE (less is better)"."""
        suffix = {"share": " in %", "correlation": "", "error": " (less is better)"}
        return f"{self.title}{suffix[self.kind]}"

    @property
    def unit(self) -> str:
        """What follows a value in a sentence: " %" for shares."""
        return " %" if self.kind == "share" else ""

    @property
    def difference_unit(self) -> str:
        """What follows a difference in a sentence: " points" for shares, which are subtracted in %."""
        return " points" if self.kind == "share" else ""

    def show(self, value: float | None, digits: int = 1, *, missing: str = "-") -> str:
        """Return a value as text: a share as 87.1 (in %), a correlation as 0.871, an error with four digits.

        Args:
            value: as records hold it; None where it was not measured.
            digits: after the point of a percentage; the other kinds get as many more as they need to say as much.
            missing: what stands for None.
        """
        if value is None:
            return missing
        if self.kind == "share":
            return f"{100 * value:.{digits}f}"
        return f"{value:.{digits + 2}f}" if self.kind == "correlation" else f"{value:.{digits + 3}g}"

    def show_difference(self, difference: float, digits: int = 1) -> str:
        """Return a difference of two values as text, with its sign: in points for shares."""
        shown = self.show(abs(difference), digits)
        return f"{_MINUS if difference < 0 else '+'}{shown}"


def metric_name(name: str) -> MetricName:
    """Return what is known of a metric by its name in a record; an unknown one is taken for a share.

    >>> metric_name("macro_f1").show(0.8712), metric_name("pearson").show(0.8712), metric_name("mse").show(0.8712)
    ('87.1', '0.871', '0.8712')
    """
    if name in _CORRELATIONS:
        return MetricName(name, _CORRELATIONS[name], "correlation")
    if name in _ERRORS:
        return MetricName(name, _ERRORS[name], "error")
    if name.startswith(CLASS_F1):
        return MetricName(name, f"F1 of {name.removeprefix(CLASS_F1)}", "share")
    return MetricName(name, _SHARES.get(name, name.replace("_", " ")), "share")
