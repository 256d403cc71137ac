"""A whole distillation with texts that have no labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd_deploy.distill import distill_run
from ackd_deploy.errors import RunMismatch
from ackd_deploy.files import sha256_file
from ackd_deploy.run import BANK, TEACHER, Run, student_stage
from tests.conftest import SENTENCES
from tests.training_fixtures import distill_in_pieces


@pytest.fixture
def unlabeled(tmp_path: Path) -> Path:
    """Two files of 40 texts together, one with a column of labels."""
    for name, rows in (("first", range(24)), ("second", range(24, 40))):
        head, tail = ("text,label", ",?") if name == "first" else ("text", "")
        lines = [f"more {row} {SENTENCES[row % len(SENTENCES)][0]}{tail}" for row in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n")
    return tmp_path


def sources(folder: Path) -> str:
    return f"data.unlabeled=[{folder}/first.csv, {folder}/second.csv]"


def test_the_student_trains_on_both_and_the_others_on_labels_alone(new_run, unlabeled: Path) -> None:
    run: Run = new_run(sources(unlabeled), "data.train_rows=64", "distill.baselines=[finetune, kd]")
    distill_run(run, device="cpu")
    teacher, finetune, kd, ackd = (run.record(s) for s in (TEACHER, *map(student_stage, ("finetune", "kd", "ackd"))))
    # Two epochs: of the 64 labeled rows that train_rows draws, or of these and the 40 others.
    for record, rows in ((teacher, 64), (finetune, 64), (kd, 104), (ackd, 104)):
        assert record.training is not None
        assert record.training.samples == 2 * rows
        assert record.training.steps == 2 * -(-rows // 16)
    assert [r.unlabeled_rows for r in (teacher, finetune, kd, ackd)] == [None, None, 40, 40]
    assert {r.train_rows for r in (teacher, finetune, kd, ackd)} == {64}
    assert teacher.data_fingerprint == finetune.data_fingerprint != kd.data_fingerprint
    assert run.record(BANK).key["rows"] == 104
    assert ackd.student is not None
    hardest = ackd.student.hardest or []
    without = [row for row in hardest if row.label is None]
    assert without
    assert all((row.row >= 64) == (row.label is None) == row.text.startswith("more ") for row in hardest)
    assert all(row.likely_label_error is None for row in without)
    assert all(row.label is not None for row in ackd.student.label_errors or [])


@pytest.mark.parametrize(
    ("kind", "columns", "positive", "negative"),
    [("multi_label_classification", "[pos, neg]", ",1,0", ",0,1"), ("regression", "score", ",1.5", ",-0.5")],
)
def test_other_tasks(
    kind: str, columns: str, positive: str, negative: str, new_run, tmp_path: Path, tiny_data: Path, unlabeled: Path
) -> None:
    for name in ("train", "validation"):
        text = (tiny_data / f"{name}.csv").read_text().replace("text,label", f"text,{columns.strip('[]')}")
        text = text.replace(", ", ",").replace(",positive", positive).replace(",negative", negative)
        (tmp_path / f"{name}.csv").write_text(text)
    run = new_run(
        sources(unlabeled), f"data.train={tmp_path}/train.csv", f"data.validation={tmp_path}/validation.csv",
        f"data.problem_type={kind}", f"data.label={columns}", "distill.baselines=[]", "distill.epochs=1",
    )  # fmt: skip
    distill_run(run, device="cpu")
    assert run.record(run.student).unlabeled_rows == 40


def test_stopped_and_resumed_it_ends_with_the_same_weights(new_run, unlabeled: Path) -> None:
    overrides = (sources(unlabeled), "distill.baselines=[]")
    whole = new_run(*overrides, name="whole")
    distill_run(whole, device="cpu")
    parts, _ = distill_in_pieces(lambda: new_run(*overrides, name="parts"), after=4, most=30)
    names = ("teacher", "student")
    assert [sha256_file(whole.path(n, "model.safetensors")) for n in names] == [
        sha256_file(parts.path(n, "model.safetensors")) for n in names
    ]


def test_a_finished_run_notices_that_the_texts_changed(new_run, unlabeled: Path, capfd) -> None:
    overrides = (sources(unlabeled), "distill.baselines=[]", "distill.epochs=1")
    distill_run(new_run(*overrides), device="cpu")
    distill_run(new_run(*overrides), device="cpu")
    assert "already distilled" in capfd.readouterr().err
    with (unlabeled / "second.csv").open("a") as stream:
        stream.write("one more text\n")
    with pytest.raises(RunMismatch, match=r"data\.unlabeled"):
        distill_run(new_run(*overrides), device="cpu")


def test_validation_texts_among_them_are_told(new_run, tiny_data: Path, tmp_path: Path, capfd) -> None:
    (tmp_path / "leak.csv").write_text((tiny_data / "validation.csv").read_text())
    run = new_run(f"data.unlabeled={tmp_path}/leak.csv", "distill.method=finetune", "distill.baselines=[]")
    distill_run(run, device="cpu")
    said = " ".join(capfd.readouterr().err.split())
    assert "32 of 32 validation rows are in the unlabeled texts too" in said
    assert "none of the methods finetune looks at the teacher: data.unlabeled is not used" in said
    assert "its column 'label' is ignored" in said


def test_tuning_rows_are_not_trained_on_as_unlabeled_ones(new_run, tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text((tiny_data / "train.csv").read_text())
    overrides = ("data.tuning_rows=16", "distill.baselines=[]", "distill.epochs=1")
    run: Run = new_run(f"data.unlabeled={tmp_path}/all.csv", *overrides)
    distill_run(run, device="cpu")
    record = run.record(run.student)
    assert (record.train_rows, record.unlabeled_rows) == (80, 80)


def test_they_help_where_the_labels_are_few(new_run, tiny_data: Path, tmp_path: Path) -> None:
    lines = (tiny_data / "train.csv").read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join([lines[0], *(line for n, line in enumerate(lines[1:]) if n % 8 < 2)]))
    teacher: Run = new_run(
        "distill.method=finetune",
        "distill.baselines=[]",
        "teacher.finetune.epochs=12",
        "teacher.finetune.learning_rate=3e-3",
        "distill.epochs=1",
        name="t",
    )
    distill_run(teacher, device="cpu")
    assert teacher.record(TEACHER).value == 1.0
    found = {}
    # Two of the eight sentences are labeled. The same updates in both: 24 rows 48 times, or 120 rows 12 times.
    for name, texts, epochs in (("without", "null", 48), ("with", f"{tiny_data}/train.csv", 12)):
        run: Run = new_run(
            f"teacher.model={teacher.path('teacher')}", "teacher.finetune=null", "student.init=random",
            f"data.train={tmp_path}/few.csv", f"data.unlabeled={texts}", "distill.method=kd", "distill.baselines=[]",
            f"distill.epochs={epochs}", "distill.learning_rate=3e-3", "distill.checkpoint_steps=1000", name=name,
        )  # fmt: skip
        distill_run(run, device="cpu")
        found[name] = run.record(run.student)
    assert [found[name].training.steps for name in ("without", "with")] == [96, 96]
    assert found["with"].value >= found["without"].value + 0.2
