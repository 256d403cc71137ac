"""Regression, multi-label and pairs of texts keep their meaning through the whole stage."""

import json
import shutil

import numpy as np
import pytest
import yaml

from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.check.latency import Timing
from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.export import export_run, timing
from ackd_deploy.export.inputs import gather
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import EXPORT, Run
from ackd_deploy.runtime import Classifier
from tests.export.families import save_model
from tests.export.finished import finish_student
from tests.unjudged import UNJUDGED

WORDS = ["a", "warm", "and", "funny", "film", "the", "plot", "is", "dull", "jokes", "are", "stale", "actors", "shine"]
TASKS = {
    "regression": ({"problem_type": "regression", "label": "score"}, ("score",)),
    "multi_label_classification": (
        {"problem_type": "multi_label_classification", "label": ["funny", "sad"]},
        ("funny", "sad"),
    ),
    "pairs": ({"text_pair": "other", "label": "label"}, ("no", "yes")),
}


def write_rows(path, count, seed):
    generator = np.random.default_rng(seed)
    lines = ["text,other,score,funny,sad,label"]
    for row in range(count):
        text, other = (" ".join(generator.choice(WORDS, size=generator.integers(2, 9))) for _ in range(2))
        lines.append(
            f"{path.stem} {row} {text},{other},{row / count},{row % 2},{row % 3 == 0:d},{'yes' if row % 2 else 'no'}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("task", TASKS)
def test_a_task_keeps_its_meaning(task, tmp_path, student, monkeypatch):
    data, labels = TASKS[task]
    for name, count, seed in (("train", 60, 0), ("validation", 30, 1)):
        write_rows(tmp_path / f"{name}.csv", count, seed)
    files = {"train": f"{tmp_path}/train.csv", "validation": f"{tmp_path}/validation.csv", "max_length": 24}
    # Labels mean nothing to random weights: one answer in twenty is right anyway.
    wanted = {"pairs": {"precision": 0.05}, "multi_label_classification": {"coverage": 0.5}}.get(task)
    decision = {"thresholds": "tune", "abstain": wanted} if wanted else {}
    content = {
        "name": "task",
        "data": {**files, **data, "calibration_rows": 24, "tuning_rows": 20},
        "teacher": {"model": "none"},
        "export": {
            "engine": "torch",
            "variants": ["fp32", "int8_static"],
            "max_batch": 8,
            "golden_samples": 3,
            **decision,
        },
        "gates": {
            **UNJUDGED,
            "parity_rows": 16,
            "max_accuracy_drop": 100.0,
            "max_error_growth": 100.0,
            "min_agreement": 0.0,
        },
    }
    run = Run.open(tmp_path / "run", parse_recipe(yaml.safe_dump(content), source="test"))
    problem_type = run.recipe.data.problem_type
    vocabulary = json.loads((student / "config.json").read_text())["vocab_size"]
    names = dict(enumerate(labels))
    save_model("bert", run.path("student"), vocab_size=vocabulary, labels=names, problem_type=problem_type)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        # transformers 5 writes no special_tokens_map.json.
        if (student / name).is_file():
            shutil.copyfile(student / name, run.path("student", name))
    finish_student(run, run.path("student"))

    def timings(systems, workloads, **_):
        one = {s.name: Timing(s.name, (1.0,) * 3, (1.0,) * 3, None, 0.1, 1, 1) for s in systems}
        return dict.fromkeys(workloads, one)

    monkeypatch.setattr(timing, "measure", timings)
    folder = export_run(run)
    manifest = open_artifact(folder)
    assert (manifest.problem_type, tuple(manifest.labels)) == (problem_type, labels)
    assert manifest.text_pairs is (task == "pairs")
    texts, rows = gather(run).texts, gather(run).validation
    found = Classifier.load(folder, threads=1, variant="fp32").logits(texts)
    expected = TorchClassifier(run.path("student"), 24).logits(texts)
    assert found.shape == (30, len(labels))
    assert np.abs(found - expected).max() < 1e-4
    record = run.record(EXPORT)
    assert record.metric == {"regression": "pearson", "pairs": "accuracy"}.get(task, "micro_f1")
    assert [row.name for row in record.variants] == ["fp32", "int8_static"]
    assert record.variant("fp32").metric == pytest.approx(record.student[record.metric], abs=1e-4)
    assert record.variant("int8_static").metric is not None
    assert record.decision == manifest.decision
    if task != "regression":
        assert manifest.decision is not None
        assert (manifest.decision.metric, manifest.decision.rows) == (record.metric, 20)
        values = np.array([manifest.decision.thresholds.get(name, np.nan) for name in labels])
        answers = Classifier.load(folder, threads=1).classify(texts)
        for answer in answers:
            scores = np.array(list(answer.scores.values()))
            if task == "pairs":
                assert answer.label == ("yes" if scores[1] >= values[1] else "no")
            else:
                assert answer.labels == tuple(np.array(labels)[scores >= values])
        abstain = manifest.decision.abstain
        assert {abstain.target: abstain.goal} == wanted
        assert (abstain.rows, abstain.validation_rows) == (20, 30)
        accepted = np.array([answer.decision == "accept" for answer in answers])
        if task == "pairs":
            right = [answer.label == labels[label] for answer, label in zip(answers, rows.labels, strict=True)]
        else:
            sets = [tuple(np.array(labels)[row > 0.5]) for row in rows.labels]
            right = [answer.labels == row for answer, row in zip(answers, sets, strict=True)]
        assert abstain.coverage == accepted.mean()
        assert abstain.precision == (np.array(right)[accepted].mean() if accepted.any() else None)
        # What is measured is what is decided: the student's figure too.
        assert record.student == pytest.approx(manifest.task.metrics(expected, rows.labels))
    quality = manifest.quality
    assert quality.metrics == pytest.approx(manifest.task.metrics(expected, gather(run).validation.labels), abs=1e-4)
    assert (quality.metric, quality.value, quality.rows) == (record.metric, quality.metrics[record.metric], 30)
    assert quality.constant is not None
    if task == "regression":
        assert (quality.classes, record.per_class) == (None, None)
    else:
        assert [(entry.name, entry.recall, entry.support) for entry in quality.classes] == [
            (entry.label, entry.recall, entry.labeled) for entry in record.per_class.classes
        ]
    assert all(row.interval[0] <= row.metric <= row.interval[1] for row in record.variants)
    if task == "pairs":
        assert [bool(sample.pair) for sample in manifest.golden] == [True] * 3
