from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from click.testing import CliRunner

from ackd_deploy.cli.compare import command as compare_command
from ackd_deploy.cli.report import command as report_command
from ackd_deploy.errors import ArtifactError, DataError, UsageError
from ackd_deploy.report.compare import compare_runs
from ackd_deploy.run import Run, student_stage
from tests.report.conftest import RECIPE, finish_model, save_predictions

MakeRun = Callable[..., Run]


def test_methods_of_one_run(make_run: MakeRun) -> None:
    folder = str(make_run().folder)
    first, second, third = compare_runs([f"{folder}:finetune", folder, f"{folder}:teacher"])
    assert first.difference is None
    assert (first.value, second.value, third.value) == (0.85, 0.88, 0.9)
    assert second.difference is not None
    # finetune is right on rows 0 … 169, ackd on 0 … 175: six rows, p = 2 / 2^6.
    assert (second.difference.only_first, second.difference.only_second) == (0, 6)
    assert second.difference.p_value == pytest.approx(2 / 64)
    assert second.difference.difference == pytest.approx(0.03)
    assert second.name == "sample:ackd"
    assert third.size_mb == 90.0


def test_two_runs_as_a_table_and_as_json(make_run: MakeRun, labels) -> None:
    one, two = make_run("one"), make_run("two")
    finish_model(two, student_stage("ackd"), range(150), labels)
    result = CliRunner().invoke(compare_command, [str(one.folder), str(two.folder)], catch_exceptions=False)
    assert "one:ackd" in result.output
    assert "−13.0" in result.output
    assert "worse" in result.output
    result = CliRunner().invoke(compare_command, [str(one.folder), str(two.folder), "--json"], catch_exceptions=False)
    content = json.loads(result.stdout)
    assert content["reference"] == "one:ackd"
    assert content["models"][0]["difference"] is None
    assert content["models"][1]["difference"]["verdict"] == "worse"


def test_mistakes_have_one_message(make_run: MakeRun, tmp_path, labels) -> None:
    run = make_run()
    folder = str(run.folder)
    with pytest.raises(UsageError, match="two or more"):
        compare_runs([folder])
    with pytest.raises(UsageError, match="no finished model 'pkd'") as caught:
        compare_runs([folder, f"{folder}:pkd"])
    assert "finetune" in (caught.value.hint or "")
    with pytest.raises(UsageError, match="there is no run"):
        compare_runs([folder, str(tmp_path / "nowhere")])
    save_predictions(run, "kd", np.zeros((9, 2), dtype=np.float32), labels[:9])
    with pytest.raises(DataError, match="differ"):
        compare_runs([folder, f"{folder}:kd"])
    run.path("predictions", "kd.safetensors").unlink()
    with pytest.raises(ArtifactError, match="missing"):
        compare_runs([folder, f"{folder}:kd"])
    other = make_run("score", recipe=RECIPE.replace("data: {", "data: {problem_type: regression, "))
    with pytest.raises(DataError, match="regression"):
        compare_runs([folder, str(other.folder)])


def test_report_command(make_run: MakeRun) -> None:
    run = make_run()
    result = CliRunner().invoke(report_command, ["--run", str(run.folder)], catch_exceptions=False)
    assert "student, ACKD" in result.output
    assert str(run.path("report", "index.html")) in result.output
    result = CliRunner().invoke(report_command, ["--runs", str(run.folder.parent), "--json"], catch_exceptions=False)
    content = json.loads(result.stdout)
    assert content["report"] == str(run.path("report", "index.html"))
    assert len(content["rows"]) == 6


def test_importing_the_commands_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, ackd_deploy.cli.report, ackd_deploy.cli.compare\n"
    code += "print([m for m in ('torch', 'matplotlib', 'scipy', 'jinja2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
