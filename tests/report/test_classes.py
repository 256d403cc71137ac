"""Baselines, verdicts on models, classes and the names of figures: in table, page, JSON and comparison."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console

from ackd_deploy.check.accuracy import per_class_record
from ackd_deploy.check.finished import model_gates
from ackd_deploy.report.classes import metrics_table, per_class_tables
from ackd_deploy.report.compare import compare_runs, comparison_table
from ackd_deploy.report.html import render_report
from ackd_deploy.report.summary import summary_json, summary_rows, summary_table
from ackd_deploy.run import BASELINES, TEACHER, Run, student_stage
from ackd_deploy.run.predictions import read_predictions
from ackd_deploy.run.records import CONSTANT, BaselineRecord, BaselinesRecord
from tests.records import model_record, student_record
from tests.report.conftest import RECIPE, finish_model, save_predictions

MakeRun = Callable[..., Run]
NAMES = ("negative", "positive")


def printed(table: object, width: int = 110) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(table)
    return stream.getvalue()


def judged(run: Run) -> Run:
    """Give a run its constant answer, the gates of its models, and their classes."""
    constant = BaselineRecord(
        key=CONSTANT,
        name="always 'negative'",
        answer="negative",
        logits=(30.0, 0.0),
        metrics={"accuracy": 0.5},
        interval=(0.43, 0.57),
    )
    run.finish(BASELINES, BaselinesRecord(primary="accuracy", validation_rows=200, train_rows=640, models=[constant]))
    for stage in run.models().values():
        run.amend(stage, run.record(stage).model_copy(update={"label_names": NAMES}))
        saved, gates = read_predictions(run.predictions(stage)), model_gates(run, stage)
        classes = per_class_record(run.task, saved.logits, saved.labels, NAMES)
        update = {"gates": [gate.record() for gate in gates], "per_class": classes}
        run.amend(stage, run.record(stage).model_copy(update=update))
    return run


def test_the_constant_answer_stands_first_and_models_have_their_verdict(make_run: MakeRun, labels) -> None:
    run = make_run(with_export=False)
    finish_model(run, student_stage("kd"), range(104), labels)
    rows = summary_rows(judged(run))
    assert [(row.key, row.verdict) for row in rows] == [
        ("constant", None), ("teacher", "pass"), ("finetune", "pass"), ("kd", "fail"), ("ackd", "pass"),
    ]  # fmt: skip
    assert rows[3].reasons == ("drop from the teacher: 38 (bound 25)",)
    text = printed(summary_table(rows))
    assert "always 'negative'" in text
    content = summary_json(run)
    assert content["rows"][0]["role"] == "constant"
    assert content["rows"][1]["metrics"] == {"accuracy": 0.9, "macro_f1": 0.5}
    json.dumps(content)


def test_each_class_and_the_confusion_matrix(make_run: MakeRun) -> None:
    run = judged(make_run(with_export=False))
    content = summary_json(run)["per_class"]
    assert list(content) == ["teacher", "ackd"]
    # The teacher is right on rows 0 … 179 of labels 0, 1, 0, 1 …
    assert content["teacher"]["classes"][0] == {
        "label": "negative", "labeled": 100, "predicted": 100, "hits": 90, "precision": 0.9, "recall": 0.9, "f1": 0.9,
    }  # fmt: skip
    table = per_class_tables(run)[0]
    assert table.matrix == [("negative", [90, 10]), ("positive", [10, 90])]
    page = render_report(run)
    assert "Each class of: teacher" in page
    assert "All metrics" in page
    found = metrics_table(summary_rows(run))
    assert found is not None
    assert found.headings == ["accuracy, %", "macro F1, %"]
    assert found.models[0] == ("always 'negative'", ["50.0", "-"])


def test_better_than_a_reference_at_chance_is_said_to_be_that(make_run: MakeRun, labels) -> None:
    run = make_run(with_export=False)
    finish_model(run, TEACHER, range(101), labels)
    page = render_report(judged(run))
    assert "better. But the teacher itself is not shown to be above chance." in page
    first, second = compare_runs([f"{run.folder}:teacher", str(run.folder)])
    assert (first.above_chance, second.above_chance) == (False, True)
    assert "reference; not above chance" in " ".join(printed(comparison_table([first, second])).split())


@pytest.mark.parametrize(("metric", "caption"), [("pearson", "Pearson on"), ("mse", "MSE (less is better) on")])
def test_numbers_are_no_percents_and_have_no_mcnemar(make_run: MakeRun, metric: str, caption: str) -> None:
    keys = f"data: {{problem_type: regression, metric: {metric}, "
    run = make_run(recipe=RECIPE.replace("data: {", keys), with_export=False)
    rng = np.random.default_rng(3)
    truth = rng.normal(size=80).astype("f4")
    for key, noise in (("teacher", 0.1), ("ackd", 0.2), ("kd", 1.0), ("finetune", 1.5)):
        stage = TEACHER if key == "teacher" else student_stage(key)
        values = (truth + noise * rng.normal(size=80)).astype("f4")
        save_predictions(run, key, values[:, None], truth)
        value = run.task.score(values[:, None], truth)
        record = model_record(metrics={metric: value}, primary=metric, interval=(value - 0.01, value + 0.01))
        given = None if stage == TEACHER else student_record(key)
        run.finish(stage, record.model_copy(update={"student": given}))
    compared = compare_runs([f"{run.folder}:kd", str(run.folder)])
    assert compared[1].difference is not None
    assert compared[1].difference.verdict == "better"
    text = " ".join(printed(comparison_table(compared)).split())
    page = render_report(run)
    for shown in (text, page, printed(summary_table(summary_rows(run)))):
        assert "McNemar" not in shown
        assert f"{metric} in %" not in shown.lower()
    assert caption in text
    assert "%" not in printed(summary_table(summary_rows(run))).replace("95 %", "")
