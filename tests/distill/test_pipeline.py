"""A whole distillation of the tiny teacher: what it writes and records, for every method, mode and problem type."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ackd_deploy.distill import distill_run
from ackd_deploy.distill.pipeline import student_folders
from ackd_deploy.errors import DataError, HubUnreachable, RecipeError, TrainingDiverged, UsageError
from ackd_deploy.export.inputs import gather
from ackd_deploy.report.evaluation import evaluate_run
from ackd_deploy.run import BANK, BASELINES, TEACHER, Run, student_stage

ALL = ("finetune", "kd", "pkd", "rkd", "codir", "cdl")


def found(run: Run) -> dict[str, Any]:
    """What the run's own student recorded beside its metrics, as plain data."""
    student = run.record(run.student).student
    assert student is not None
    return student.model_dump(mode="json")


def test_the_whole_story(new_run: Any) -> None:
    run: Run = new_run(f"distill.baselines=[{', '.join(ALL)}]")
    distill_run(run, device="cpu")
    stages = [student_stage(method) for method in (*ALL, "ackd")]
    assert run.stages() == [BASELINES, TEACHER, BANK, *stages]
    # What was written is read back as it was.
    assert [Run.load(run.folder).record(stage) for stage in run.stages()] == [run.record(s) for s in run.stages()]
    teacher, ackd = run.record(TEACHER), run.record(run.student)
    assert teacher.training is not None
    assert teacher.student is None
    own = load_file(run.path("predictions", "ackd.safetensors"))
    right = int((own["logits"].argmax(axis=1) == own["labels"]).sum())
    assert (ackd.primary, ackd.validation_rows) == ("accuracy", 32)
    assert ackd.value == pytest.approx(right / 32)
    assert ackd.interval is not None
    # Wilson's ends are the shares from which 1.96 standard errors of their own reach what was found.
    for end in ackd.interval:
        assert abs(right / 32 - end) == pytest.approx(1.959964 * (end * (1 - end) / 32) ** 0.5, abs=1e-6)
    assert ackd.parameters < teacher.parameters
    assert ackd.size_bytes == run.path("student", "model.safetensors").stat().st_size
    assert ackd.cpu.cores >= 1
    student, training = ackd.student, ackd.training
    assert student is not None
    assert training is not None
    assert student.layer_map == (2, 4)
    assert student.seed == 42
    assert (training.steps, training.samples) == (12, 192)
    assert 0 <= training.clip_rate <= 1
    assert student.sar is not None
    assert student.sar["mean"] == pytest.approx(1.0)
    assert student.sar["without_negative"] == 0
    weights = [row.weight for row in student.hardest or []]
    assert len(weights) == 50
    assert weights == sorted(weights, reverse=True)
    cdl = run.record(student_stage("cdl")).student
    assert cdl is not None
    assert cdl.hardest is None
    for name in ("teacher", *ALL, "ackd"):
        saved = load_file(run.path("predictions", f"{name}.safetensors"))
        assert saved["logits"].shape == (32, 2)
        assert saved["labels"].tolist() == [1, 0] * 16
    for folder in (run.path("teacher"), *student_folders(run).values()):
        config = json.loads((folder / "config.json").read_text())
        assert config["id2label"] == {"0": "negative", "1": "positive"}
        assert config["problem_type"] == "single_label_classification"
    assert not list(run.path("checkpoints").iterdir())


def test_tuning_rows_are_not_trained_on(new_run: Any) -> None:
    run: Run = new_run("distill.method=finetune", "distill.baselines=[]", "data.tuning_rows=16")
    distill_run(run, device="cpu")
    assert run.record(TEACHER).train_rows == run.record(run.student).train_rows == 96 - 16
    inputs = gather(run)
    assert inputs.tuning is not None
    assert len(inputs.tuning) == 16
    assert not set(inputs.tuning.texts) & set(inputs.calibration.texts)


def test_metrics_are_logged(new_run: Any) -> None:
    run: Run = new_run("distill.baselines=[]")
    distill_run(run, device="cpu")
    lines = [json.loads(line) for line in run.path("metrics.jsonl").read_text().splitlines()]
    ackd = [line for line in lines if line["stage"] == "student-ackd"]
    assert [line["step"] for line in ackd] == [2, 4, 6, 8, 10, 12]
    expected = {"loss", "ce", "kd", "cdl", "grad_norm", "clip_rate", "learning_rate", "samples_per_second", "epoch"}
    assert expected | {"sar_mean", "sar_correlation", "sar_effective", "sar_without_negative"} <= set(ackd[0])
    # 0.5 CE + 0.5 KD + 0.5 CDL, as the recipe's defaults say.
    for line in ackd:
        assert line["loss"] == pytest.approx(0.5 * (line["ce"] + line["kd"] + line["cdl"]), rel=1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(new_run: Any) -> None:
    weights = []
    for name, seed in (("a", 42), ("b", 42), ("c", 43)):
        run = new_run("distill.baselines=[]", f"seed={seed}", name=name)
        distill_run(run, device="cpu")
        weights.append(run.path("student", "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


@pytest.mark.parametrize("mode", ["margin", "exponential", "focal", "uniform", "shuffled"])
def test_every_sar_mode(mode: str, new_run: Any) -> None:
    run = new_run("distill.baselines=[]", f"distill.sar.mode={mode}", "distill.epochs=1")
    distill_run(run, device="cpu")
    assert found(run)["sar"]["mean"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    "override",
    [
        "distill.cdl.negatives.source=batch",
        "distill.cdl.negatives.rule=all",
        "distill.cdl.pooling=cls",
        "distill.cdl.projection=true",
        "distill.cdl.layer_weights=[0.25, 1.0]",
        "student.layer_map=last",
        "student.layer_map=[1, 1]",
        "distill.precision=bf16",
        "data.train_rows=40",
    ],
)
def test_every_switch_of_the_method(override: str, new_run: Any) -> None:
    run = new_run("distill.baselines=[]", override, "distill.epochs=1", "teacher.finetune.epochs=1")
    distill_run(run, device="cpu")
    assert run.is_done(run.student)


def test_a_narrower_student_learns_through_a_projection(new_run: Any) -> None:
    overrides = ["student.init=random", "student.hidden_size=16", "student.attention_heads=2"]
    run = new_run(*overrides, "distill.baselines=[pkd, rkd, codir]")
    distill_run(run, device="cpu")
    config = json.loads(run.path("student", "config.json").read_text())
    assert config["hidden_size"] == 16
    # Thrown away after training.
    assert not [name for name in load_file(run.path("student", "model.safetensors")) if "projection" in name]


def test_a_teacher_that_is_used_as_it_is(new_run: Any, tiny_teacher: Path) -> None:
    run = new_run("distill.baselines=[]", "teacher.finetune=null")
    distill_run(run, device="cpu")
    ours, theirs = load_file(run.path("teacher", "model.safetensors")), load_file(tiny_teacher / "model.safetensors")
    assert len(theirs) > 50
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert run.record(TEACHER).training is None


def test_labels_are_aligned_by_name(new_run: Any, tiny_data: Path, tmp_path: Path) -> None:
    # The data shows positive first and spells it otherwise; the teacher's order stays.
    for name in ("train", "validation"):
        lines = (tiny_data / f"{name}.csv").read_text().replace(",positive", ",Positive").splitlines()
        (tmp_path / f"{name}.csv").write_text("\n".join([lines[0], *lines[1:]]) + "\n")
    files = [f"data.train={tmp_path}/train.csv", f"data.validation={tmp_path}/validation.csv"]
    run = new_run("distill.baselines=[]", *files)
    distill_run(run, device="cpu")
    config = json.loads(run.path("student", "config.json").read_text())
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    assert load_file(run.path("predictions", "ackd.safetensors"))["labels"].tolist() == [1, 0] * 16


def test_regression(new_run: Any, tmp_path: Path) -> None:
    for name, count in (("train", 48), ("validation", 16)):
        lines = ["text,label", *(f"a film of {i % 7} stars {i},{i % 7 / 2}" for i in range(count))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    run = new_run(
        f"data.train={tmp_path}/train.csv",
        f"data.validation={tmp_path}/validation.csv",
        "data.problem_type=regression",
        "distill.baselines=[kd, pkd, codir]",
        "distill.cdl.negatives.regression_gap=0.5",
    )
    distill_run(run, device="cpu")
    facts = run.record(run.student)
    assert facts.primary == "pearson"
    assert set(facts.metrics) == {"pearson", "spearman", "mse", "mae"}
    assert found(run)["label_errors"] == []
    assert load_file(run.path("predictions", "ackd.safetensors"))["logits"].shape == (16, 1)


def test_multi_label(new_run: Any, tmp_path: Path) -> None:
    for name, count in (("train", 48), ("validation", 16)):
        lines = ["text,funny,sad", *(f"film {i} of kind {i % 4},{i % 2},{i // 2 % 2}" for i in range(count))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    run = new_run(
        f"data.train={tmp_path}/train.csv",
        f"data.validation={tmp_path}/validation.csv",
        "data.problem_type=multi_label_classification",
        "data.label=[funny, sad]",
        "data.metric=f1:sad",
        "distill.baselines=[kd]",
    )
    distill_run(run, device="cpu")
    facts = run.record(run.student)
    assert facts.primary == "f1:sad"
    assert list(facts.metrics) == ["micro_f1", "macro_f1", "exact_match", "f1:sad"]
    # What comes later finds the class by the names that were recorded.
    evaluation = evaluate_run(run)["ackd"]
    assert (evaluation.metric, evaluation.value) == ("f1:sad", facts.value)
    assert json.loads(run.path("student", "config.json").read_text())["id2label"] == {"0": "funny", "1": "sad"}
    assert isinstance(found(run)["hardest"][0]["label"], list)


def test_an_exploding_loss_stops_with_step_rows_and_rate(new_run: Any) -> None:
    run = new_run("teacher.finetune.learning_rate=1e30", "teacher.finetune.max_grad_norm=1e30")
    with pytest.raises(TrainingDiverged, match=r"at step \d+, learning rate .*, training rows \d+, \d+") as caught:
        distill_run(run, device="cpu")
    assert caught.value.exit_code == 5
    assert not run.is_done(TEACHER)
    assert not run.path("teacher").exists()


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["student.layers=5"], UsageError, "cannot choose 5"),
        (["student.layer_map=[1, 9]"], UsageError, "layer 9"),
        (["student.hidden_size=16"], UsageError, "need another student.init"),
        (["data.max_length=128"], DataError, "64 positions"),
        (["data.metric=f1:joyful"], RecipeError, "data.metric: there is no class 'joyful': the data has negative"),
        (["teacher.model=./nowhere"], DataError, "no such folder"),
        (["teacher.model=google-bert/no-such-model"], HubUnreachable, "hub cannot be reached"),
        (["student.init=./nowhere"], DataError, "student.init"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_trained(
    overrides: list[str], error: type[Exception], message: str, new_run: Any
) -> None:
    run = new_run(*overrides)
    with pytest.raises(error, match=message):
        distill_run(run, device="cpu")
    assert not run.path("teacher").exists()


def test_a_wrong_label_is_found(new_run: Any, tmp_path: Path, tiny_data: Path) -> None:
    lines = (tiny_data / "train.csv").read_text().splitlines()
    # Row 10 is as its fellows, with the other label.
    assert lines[11].endswith(",positive")
    lines[11] = lines[11].replace(",positive", ",negative")
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    run = new_run(
        f"data.train={tmp_path}/train.csv",
        "distill.baselines=[]",
        "teacher.finetune.epochs=10",
        "teacher.finetune.learning_rate=3e-3",
        "distill.epochs=4",
    )
    distill_run(run, device="cpu")
    assert [entry["row"] for entry in found(run)["label_errors"]] == [10]


class TestRefusedBeforeAnythingIsTrained:
    def test_a_teacher_whose_layers_share_their_weights(self, new_run: Any, tiny_teacher: Path, tmp_path: Path) -> None:
        from transformers import AlbertConfig, AlbertForSequenceClassification

        folder = shutil.copytree(tiny_teacher, tmp_path / "albert")
        config = AlbertConfig(
            vocab_size=200, embedding_size=8, hidden_size=16, num_attention_heads=2, intermediate_size=32
        )
        AlbertForSequenceClassification(config).save_pretrained(folder)
        self.refused(new_run(f"teacher.model={folder}"), "share their weights")

    def test_a_token_without_an_embedding_that_no_text_holds(
        self, new_run: Any, tiny_teacher: Path, tmp_path: Path
    ) -> None:
        from transformers import AutoTokenizer

        folder = shutil.copytree(tiny_teacher, tmp_path / "added")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.add_tokens(["zzunusedtoken"])
        tokenizer.save_pretrained(folder)
        self.refused(new_run(f"teacher.model={folder}"), "'zzunusedtoken'")

    @staticmethod
    def refused(run: Run, words: str) -> None:
        with pytest.raises(DataError, match=words):
            distill_run(run, device="cpu")
        assert not run.entries()
        assert not run.path("checkpoints").exists()


def test_a_given_teacher_without_finite_answers_is_refused(new_run: Any, tiny_teacher: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_teacher, broken)
    weights = load_file(broken / "model.safetensors")
    weights["classifier.bias"] = np.full_like(weights["classifier.bias"], np.nan)
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    run: Run = new_run(f"teacher.model={broken}", "teacher.finetune=null")
    with pytest.raises(DataError, match="teacher: the model's answers are not finite") as caught:
        distill_run(run, device="cpu")
    assert caught.value.exit_code == 5
    assert not run.is_done(TEACHER)
