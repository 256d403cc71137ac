"""Shares are shown in %, correlations and errors as they are; less is better for errors alone."""

from __future__ import annotations

import pytest

from ackd_deploy.tasks import TASKS
from ackd_deploy.tasks.metric_names import metric_name


@pytest.mark.parametrize(
    ("name", "heading", "shown", "difference"),
    [
        ("accuracy", "accuracy, %", "87.1", "+87.1"),
        ("f1:not a dup", "F1 of not a dup, %", "87.1", "+87.1"),
        ("mcc", "MCC", "0.871", "+0.871"),
        ("pearson", "Pearson", "0.871", "+0.871"),
        ("rmse", "RMSE", "0.8712", "+0.8712"),
    ],
)
def test_how_a_figure_is_written(name: str, heading: str, shown: str, difference: str) -> None:
    found = metric_name(name)
    assert (found.heading, found.show(0.8712), found.show_difference(0.8712)) == (heading, shown, difference)
    assert found.show_difference(-0.8712).startswith("−")
    assert found.show(None) == "-"


def test_errors_alone_are_better_when_they_are_lower() -> None:
    lower = {name for task in TASKS.values() for name in task.deciding if metric_name(name).lower_is_better}
    assert lower == {"mse", "rmse", "mae"}


def test_digits_say_as_much_of_each_kind() -> None:
    assert metric_name("accuracy").show(0.87123, 2) == "87.12"
    assert metric_name("mcc").show(0.87123, 2) == "0.8712"
    assert metric_name("mse").show(1234.5678, 2) == "1234.6"
