"""Plots as SVG that takes its colors from the page: one drawing for light, dark and paper."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SERIES", "Curve", "Point", "curves_svg", "reliability_svg", "scatter_svg"]

# Matplotlib draws with these marker colors, and each becomes the page's variable of that name afterwards.
_INK, _RULE = "#010203", "#010204"
SERIES = 6
_LINES = [f"#0102{10 + i:02d}" for i in range(SERIES)]
_VARIABLES = {_INK: "var(--ink)", _RULE: "var(--rule)", **{c: f"var(--c{i})" for i, c in enumerate(_LINES)}}
_MARKERS = "oDs^"
_WIDTH, _HEIGHT = 4.8, 3.1


@dataclass(frozen=True)
class Curve:
    """One line: ``x`` [N], ``y`` [N]; ``series`` picks the color, the same for a model in every plot."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    series: int = 0


@dataclass(frozen=True)
class Point:
    """One model at (x, y), with the interval of y; ``series`` picks color and, past the colors, the mark."""

    label: str
    x: float
    y: float
    interval: tuple[float, float] | None = None
    series: int = 0


def _figure(x_label: str, y_label: str) -> tuple[Any, Any]:
    # The object interface: pyplot would keep global state and look for a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label, parse_math=False)
    axes.set_ylabel(y_label, parse_math=False)
    axes.grid(color=_RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _svg(figure: Any, axes: Any, title: str, prefix: str, *, legend: bool) -> str:
    import matplotlib as mpl
    from matplotlib.text import Text

    if legend:
        # Above the axes: inside them it would hide points sooner or later.
        figure.legend(
            frameon=False, fontsize=8.5, handlelength=1.2, loc="outside upper left", ncols=2, columnspacing=1.2
        )
    for text in figure.findobj(Text):
        text.set_color(_INK)
        text.set_parse_math(False)
    for side in axes.spines.values():
        side.set_edgecolor(_RULE)
    axes.tick_params(color=_RULE)
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix, "font.size": 9.5}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(buffer.getvalue(), title, prefix)


def _inline(svg: str, title: str, prefix: str) -> str:
    """Make a stand-alone SVG part of an HTML page: no prologue, no addresses, ids of its own, the page's colors."""
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = svg.replace('href="#', f'href="#{prefix}-').replace("url(#", f"url(#{prefix}-")
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 var(--sans)", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    svg = re.sub(r'<svg width="[^"]*" height="[^"]*"', "<svg", svg, count=1)
    svg = re.sub(r'<svg height="[^"]*"', "<svg", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    label = escape(title)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def curves_svg(
    curves: Sequence[Curve], *, title: str, x_label: str, y_label: str, prefix: str, level: float | None = None
) -> str:
    """Lines over steps or epochs; long ones are thinned to some 400 points, each the mean of its stretch."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(x_label, y_label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    if level is not None:
        axes.axhline(level, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for curve in curves:
        x, y = _thin(np.asarray(curve.x, dtype=float)), _thin(np.asarray(curve.y, dtype=float))
        marker = "o" if len(x) <= 12 else ""
        axes.plot(
            x, y, color=_LINES[curve.series % SERIES], linewidth=1.6, marker=marker, markersize=3.5, label=curve.label
        )
    return _svg(figure, axes, title, prefix, legend=len(curves) > 1)


def _thin(values: NDArray[np.float64], points: int = 400) -> NDArray[np.float64]:
    if len(values) <= points:
        return values
    return np.array([part.mean() for part in np.array_split(values, points)])


def scatter_svg(
    points: Sequence[Point],
    *,
    title: str,
    x_label: str,
    y_label: str,
    prefix: str,
) -> str:
    """Named points over a logarithmic x: small or fast lies left, good lies high."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure, axes = _figure(x_label, y_label)
    for point, x in zip(points, _side_by_side([point.x for point in points]), strict=True):
        color, marker = _LINES[point.series % SERIES], _MARKERS[point.series // SERIES % len(_MARKERS)]
        if point.interval is not None:
            axes.plot([x, x], point.interval, color=color, linewidth=1.2, alpha=0.55)
        axes.plot([x], [point.y], color=color, marker=marker, markersize=6, linestyle="none", label=point.label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.12)
    if points:
        low, high = min(p.x for p in points), max(p.x for p in points)
        if high / low < 8:
            # Within one decade the powers of ten say too little: mark a few round values.
            axes.set_xticks(np.unique([float(f"{v:.2g}") for v in np.geomspace(low, high, 4)]))
            axes.minorticks_off()
    return _svg(figure, axes, title, prefix, legend=True)


def _side_by_side(values: Sequence[float]) -> list[float]:
    """Move values within 2 % of each other apart, by a sixtieth of the axis each, so that none hides another."""
    if not values:
        return []
    step = max(np.log(max(values) / min(values)), 0.5) / 60
    shown = []
    for index, value in enumerate(values):
        group = [i for i, other in enumerate(values) if abs(np.log(other / value)) < 0.02]
        shown.append(value * float(np.exp(step * (group.index(index) - (len(group) - 1) / 2))))
    return shown


def reliability_svg(
    models: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]], *, title: str, prefix: str
) -> str:
    """Accuracy over confidence, a line a model (confidence [B], accuracy [B] in %); the diagonal is perfect."""
    figure, axes = _figure("confidence, %", "accuracy, %")
    low = min([100.0, *(float(min(c.min(), a.min())) for c, a in models.values() if len(c))])
    axes.plot([low, 100], [low, 100], color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for index, (name, (confidence, accuracy)) in enumerate(models.items()):
        color = _LINES[index % SERIES]
        axes.plot(confidence, accuracy, color=color, linewidth=1.6, marker="o", markersize=3.5, label=name)
    return _svg(figure, axes, title, prefix, legend=True)
