"""Methods over seeds: fair, resumable, and honest about noise."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from ackd_deploy.check.quality import Against
from ackd_deploy.cli import cli
from ackd_deploy.errors import UsageError
from ackd_deploy.experiments.ablation import check_methods
from ackd_deploy.experiments.comparison import Series, compare_series, difference, summary
from ackd_deploy.recipe import load_recipe
from ackd_deploy.tasks import SINGLE_LABEL, task_of
from ackd_deploy.tasks.constant import best_constant


def series(method: str, right: np.ndarray) -> Series:
    """A method with given right answers, [S, N] booleans, where every label is 1."""
    labels = np.ones(right.shape[1], dtype=np.int64)
    logits = [np.stack([~row, row], axis=1).astype(np.float32) for row in right]
    found = [SINGLE_LABEL.metrics(each, labels) for each in logits]
    return Series(method, list(range(len(right))), found, logits, labels, [1.0] * len(right))


def test_mean_and_deviation_by_hand() -> None:
    right = np.zeros((3, 10), dtype=bool)
    right[0, :5] = right[1, :6] = right[2, :7] = True
    # 0.5, 0.6, 0.7
    assert summary(series("a", right), SINGLE_LABEL) == pytest.approx((0.6, 0.1))
    assert summary(series("a", right[:1]), SINGLE_LABEL) == (0.5, None)


def test_equal_methods_differ_by_nothing() -> None:
    right = np.random.default_rng(0).random((3, 50)) < 0.8
    gap = difference(SINGLE_LABEL, series("a", right), series("b", right))
    assert (gap.difference, gap.interval, gap.is_shown) == (0.0, (0.0, 0.0), False)


def test_a_large_difference_is_shown_and_a_small_one_is_not() -> None:
    rng = np.random.default_rng(1)
    base = rng.random((5, 400)) < 0.7
    much = base | (rng.random(base.shape) < 0.4)
    gap = difference(SINGLE_LABEL, series("a", much), series("b", base))
    assert gap.difference == pytest.approx(much.mean() - base.mean())
    assert gap.interval[0] < gap.difference < gap.interval[1]
    assert gap.is_shown
    noise = rng.random((5, 400)) < 0.7
    assert not difference(SINGLE_LABEL, series("a", noise), series("b", base)).is_shown


def test_one_lucky_seed_does_not_make_a_difference() -> None:
    base = np.zeros((5, 200), dtype=bool)
    base[:, :140] = True
    lucky = base.copy()
    lucky[0, :180] = True
    # Row by row this looks certain; over seeds it doesn't.
    assert not difference(SINGLE_LABEL, series("a", lucky), series("b", base)).is_shown


def test_other_seeds_or_rows_are_refused() -> None:
    right = np.ones((2, 10), dtype=bool)
    with pytest.raises(ValueError, match="same seeds"):
        difference(SINGLE_LABEL, series("a", right), series("b", right[:1]))


@pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification"])
def test_other_problem_types(problem_type: str) -> None:
    rng, task = np.random.default_rng(2), task_of(problem_type)
    labels = rng.normal(size=60) if problem_type == "regression" else rng.integers(0, 2, (60, 3)).astype(float)

    def trained(method: str, noise: float) -> Series:
        truth = labels.reshape(60, -1) - (0.0 if problem_type == "regression" else 0.5)
        logits = [truth + noise * rng.normal(size=truth.shape) for _ in range(3)]
        return Series(method, [0, 1, 2], [task.metrics(x, labels) for x in logits], logits, labels, [1.0] * 3)

    gap = difference(task, trained("a", 0.1), trained("b", 2.0))
    assert gap.difference > 0.1
    assert gap.is_shown


def test_rows_for_the_table() -> None:
    right = np.ones((2, 10), dtype=bool)
    rows = compare_series(SINGLE_LABEL, [series(name, right) for name in ("finetune", "kd", "ackd")])
    assert [sorted(row.differences) for row in rows] == [["kd"], ["finetune"], ["finetune", "kd"]]


def test_a_method_that_is_not_above_chance_in_each_training_is_marked() -> None:
    labels = np.arange(400) % 2
    wrong_in_one_of_ten = np.where(np.arange(400) % 10, labels, 1 - labels)

    def trained(method: str, *answers: np.ndarray) -> Series:
        logits = [np.eye(2)[answer] for answer in answers]
        metrics = [SINGLE_LABEL.metrics(each, labels) for each in logits]
        return Series(method, [0, 1], metrics, logits, labels, [1.0, 1.0])

    methods = [trained("kd", wrong_in_one_of_ten, labels), trained("ackd", labels, np.zeros(400, dtype=int))]
    against = Against(best_constant(SINGLE_LABEL, labels, 2), "always 'a'")
    assert [row.above_chance for row in compare_series(SINGLE_LABEL, methods, against)] == [True, False]
    assert [row.above_chance for row in compare_series(SINGLE_LABEL, methods)] == [None, None]


def test_unknown_methods() -> None:
    assert check_methods(["kd", "ackd", "kd"]) == ["kd", "ackd"]
    for wrong in (["kd", "magic"], []):
        with pytest.raises(UsageError, match="no method"):
            check_methods(wrong)


@pytest.mark.slow
def test_the_command_resumes_and_grows(tiny_recipe: Path, tmp_path: Path) -> None:
    def ablate(*arguments: str) -> Any:
        command = [
            "ablate",
            str(tiny_recipe),
            "--runs",
            str(tmp_path / "runs"),
            "--device",
            "cpu",
            "--json",
            *arguments,
        ]
        result = CliRunner().invoke(cli, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    data = tiny_recipe.parent / "further.csv"
    source = load_recipe(tiny_recipe).data.validation
    assert isinstance(source, str)
    # The test rows are the first validation rows, so their figures can be worked out from the saved logits.
    data.write_text("".join(Path(source).read_text().splitlines(keepends=True)[:21]))

    first = ablate("--methods", "kd,ackd", "--seeds", "2", "--set", f"data.test={data}")
    folder = tmp_path / "runs" / "tiny-ablation"
    rows = first["validation"]
    assert [row["method"] for row in rows] == ["kd", "ackd"]
    assert [row["seeds"] for row in rows] == [[42, 43], [42, 43]]
    assert set(rows[1]["differences"]) == {"kd"}
    assert rows[1]["differences"]["kd"]["low"] <= rows[1]["differences"]["kd"]["high"]
    saved = load_file(folder / "predictions" / "ackd-seed43.safetensors")
    right = saved["logits"][:20].argmax(axis=1) == saved["labels"][:20]
    assert first["test"][1]["values"][1] == pytest.approx(right.mean())
    assert first["test_rows"] == 20

    bank = (folder / "bank" / "logits.bin").stat().st_mtime_ns
    done = {file: file.stat().st_mtime_ns for file in (folder / "predictions").iterdir()}
    second = ablate("--methods", "finetune,kd,codir,ackd", "--seeds", "2", "--set", f"data.test={data}")
    assert [row["method"] for row in second["validation"]] == ["finetune", "kd", "codir", "ackd"]
    # What was there is not trained again, and the bank already serves the new methods.
    assert {file: file.stat().st_mtime_ns for file in done} == done
    assert (folder / "bank" / "logits.bin").stat().st_mtime_ns == bank
    assert second["validation"][1]["values"] == rows[0]["values"]
    with (folder / "ablation" / "results.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 2 * 8
    assert {line["method"] for line in lines} == {"finetune", "kd", "codir", "ackd"}
    assert {line["rows"] for line in lines} == {"validation", "test"}
    assert "<svg" in (folder / "ablation" / "results.svg").read_text()
    assert json.loads((folder / "ablation" / "results.json").read_text())["test"] == second["test"]


def test_a_recipe_without_a_student_is_refused(tiny_recipe: Path, tmp_path: Path) -> None:
    plain = ("--set", "distill.method=none", "--set", "distill.baselines=[]", "--runs", str(tmp_path))
    refused = CliRunner().invoke(cli, ["ablate", str(tiny_recipe), *plain])
    assert refused.exit_code == 2
    assert "it trains no student to compare" in refused.stderr
