"""From the lines of metrics.jsonl to plots: one a logged figure, with a line for each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ackd_deploy.report.plots import SERIES, Curve, curves_svg
from ackd_deploy.report.saved import finite

__all__ = ["Plot", "training_plots"]

# In this order; a figure that is not here comes after, under its own name.
_TITLES = {
    "loss": ("Training loss", "the whole objective of each model; objectives differ, so heights do not compare"),
    "ce": ("Cross-entropy", "against the labels"),
    "kd": ("Distillation of the logits", "T² · KL against the teacher"),
    "cdl": ("Contrastive loss on hidden states", "weighted by SAR where SAR runs"),
    "pkd": ("PKD's feature loss", ""),
    "rkd": ("RKD's relations", ""),
    "codir": ("CoDIR's contrastive loss", ""),
    "sar_correlation": ("SAR: correlation of weight and loss", "above 0: the hard samples carry the weight"),
    "sar_effective_share": ("SAR: effective sample size", "(Σw)²/Σw² as a share of the rows; 1 = all weights equal"),
    "sar_largest": ("SAR: largest weight", "the mean weight is 1"),
    "grad_norm": ("Gradient norm", "before clipping"),
    "clip_rate": ("Gradient clipping", "share of the steps that were clipped"),
    "samples_per_second": ("Speed", "samples a second"),
    "learning_rate": ("Learning rate", ""),
}
# What a line is about, and what says nothing over steps.
_SKIPPED = {"step", "epoch", "steps", "seed", "time", "seconds", "rank", "stage", "sar_mean", "sar_effective"}
_LEVELS = {"sar_correlation": 0.0, "sar_effective_share": 1.0, "sar_largest": 1.0}
_ASIDE = {"grad_norm", "clip_rate", "samples_per_second", "learning_rate"}
_MAX_PLOTS = 14


@dataclass(frozen=True)
class Plot:
    """A drawn plot, ready for the page; ``aside`` ones are for those who look for trouble."""

    title: str
    note: str
    svg: str
    aside: bool = False


def training_plots(lines: Sequence[dict[str, Any]], names: dict[str, str]) -> list[Plot]:
    """Draw what was logged.

    Args:
        lines: of metrics.jsonl; each has ``stage``, ``step`` and any number of figures.
        names: stage -> what to call it; the order decides the colors.
    """
    stages = [*names, *sorted({str(line.get("stage")) for line in lines} - names.keys())]
    found = list(dict.fromkeys(name for line in lines for name in line if name not in _SKIPPED))
    order = [name for name in _TITLES if name in found] + [name for name in found if name not in _TITLES]
    plots: list[Plot] = []
    for name in order:
        curves = []
        for series, stage in enumerate(stages):
            points = [
                (x, y)
                for line in lines
                if line.get("stage") == stage
                and (x := finite(line.get("step"))) is not None
                and (y := finite(line.get(name))) is not None
            ]
            # One point draws no line, and a figure that is 0 or absent all along has nothing to show.
            if len(points) > 1 and any(y for _, y in points):
                x_values, y_values = zip(*points, strict=True)
                curves.append(Curve(names.get(stage, stage), x_values, y_values, series % SERIES))
        if curves and len(plots) < _MAX_PLOTS:
            title, note = _TITLES.get(name, (name.replace("_", " "), ""))
            svg = curves_svg(
                curves,
                title=title,
                x_label="step",
                y_label=name.replace("_", " "),
                prefix=f"t{len(plots)}",
                level=_LEVELS.get(name),
            )
            plots.append(Plot(title, note, svg, name in _ASIDE))
    return plots
