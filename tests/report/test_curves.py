from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from ackd_deploy.report.curves import training_plots
from ackd_deploy.report.plots import Curve, Point, _side_by_side, _thin, curves_svg, scatter_svg


def parse(svg: str) -> ET.Element:
    # As part of HTML the prefix needs no declaration; an XML parser wants one.
    return ET.fromstring(svg.replace("<svg", '<svg xmlns:xlink="x"', 1))


def lines(**figures: Any) -> list[dict[str, Any]]:
    return [{"stage": "student-ackd", "step": step, **figures} for step in (20, 40, 60)]


def test_one_plot_a_figure_in_a_fixed_order() -> None:
    plots = training_plots(lines(own_figure=2.0, ce=0.3, loss=0.5, sar_correlation=0.7), {"student-ackd": "ACKD"})
    assert [plot.title for plot in plots] == [
        "Training loss",
        "Cross-entropy",
        "SAR: correlation of weight and loss",
        "own figure",
    ]


def test_nothing_to_draw_draws_nothing() -> None:
    assert training_plots([], {}) == []
    assert training_plots([{"stage": "teacher", "step": 1, "loss": 0.5}], {}) == []
    assert training_plots(lines(loss=None, ce="x", kd=0.0, epoch=1.0), {}) == []
    assert training_plots([{"loss": 1.0}, {"loss": 2.0}], {}) == []


def test_ids_do_not_clash_between_plots() -> None:
    plots = training_plots(lines(ce=0.3, loss=0.5), {"student-ackd": "ACKD"})
    ids = [element.get("id") for plot in plots for element in parse(plot.svg).iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_hostile_names_stay_text() -> None:
    name = "</svg><script>alert(1)</script> $\\frac$ &amp;"
    svg = curves_svg([Curve(name, [1, 2], [1, 2]), Curve("b", [1, 2], [2, 1])], title=name, x_label="step",
                     y_label=name, prefix="p")  # fmt: skip
    root = parse(svg)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert name in [(element.text or "") for element in root.iter() if element.tag == "text"]
    assert root.get("aria-label") == name


def test_colors_are_the_page_s_and_nothing_is_fetched() -> None:
    svg = curves_svg([Curve("a", [1, 2], [1, 2])], title="t", x_label="x", y_label="y", prefix="p", level=0.0)
    assert "var(--c0)" in svg
    assert "var(--ink)" in svg
    assert "#0102" not in svg
    assert "://" not in svg
    assert svg == curves_svg([Curve("a", [1, 2], [1, 2])], title="t", x_label="x", y_label="y", prefix="p", level=0.0)


def test_long_curves_are_thinned_by_means() -> None:
    thin = _thin(np.arange(1000.0), points=10)
    assert thin == pytest.approx([49.5 + 100 * i for i in range(10)])
    assert len(_thin(np.arange(5.0))) == 5


def test_points_of_one_place_move_apart() -> None:
    shown = _side_by_side([60.5, 90.0, 60.5])
    assert shown[1] == 90.0
    assert shown[0] < 60.5 < shown[2]
    assert shown[0] * shown[2] == pytest.approx(60.5**2)
    assert _side_by_side([]) == []


def test_scatter_takes_one_or_many_points() -> None:
    one = [Point("a", 1.0, 80.0)]
    many = [Point(str(i), 10.0**i, 80.0 + i, (79.0, 90.0), i) for i in range(8)]
    for points in (one, many):
        assert parse(scatter_svg(points, title="t", x_label="MB", y_label="%", prefix="p")).tag == "svg"
