"""Figures of labeled rows, worked out by scikit-learn; labels are read by name, as the artifact's own were."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score, precision_recall_fscore_support

from ackd_deploy.artifact import Manifest
from ackd_deploy.bulk.columns import TextColumns
from ackd_deploy.bulk.evaluate import answered, evaluate
from ackd_deploy.bulk.labeled import LabeledRows, read_labeled
from ackd_deploy.cli import cli
from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.runtime import Classifier
from ackd_deploy.tasks.intervals import wilson_interval
from tests.artifact_builder import SENTENCES

PLAIN = {
    "name": "n", "created": "2026-11-22", "problem_type": "single_label_classification", "labels": ["no", "yes"],
    "max_length": 16, "inputs": ["input_ids"], "chosen": "fp32",
    "variants": [{"name": "fp32", "file": "model.onnx", "precision": "fp32"}],
}  # fmt: skip
QUALITY = {"metric": "accuracy", "value": 0.9, "interval": [0.86, 0.93], "rows": 300}
TEXT = TextColumns("text", None)


def manifest(**changes):
    return Manifest.model_validate({**PLAIN, **changes})


def rows(labels, groups=None):
    return LabeledRows(["a"] * len(labels), labels, groups)


def judged(logits, truth, **changes):
    return evaluate(manifest(**changes), rows(truth), logits, [4] * len(truth), variant="fp32")


@pytest.fixture(scope="module")
def single():
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 400)
    return (generator.normal(size=(400, 2)) + 1.2 * np.eye(2)[labels]).astype(np.float32), labels


def test_single_label(single):
    logits, labels = single
    found = judged(logits, labels)
    decisions = logits.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(labels, decisions)
    assert [(c.name, c.rows) for c in found.classes] == [("no", support[0]), ("yes", support[1])]
    assert [c.precision for c in found.classes] == pytest.approx(precision.tolist())
    assert [c.recall for c in found.classes] == pytest.approx(recall.tolist())
    assert [c.f1 for c in found.classes] == pytest.approx(f1.tolist())
    accuracy, macro = found.figures[:2]
    assert (accuracy.metric, macro.metric) == ("accuracy", "macro_f1")
    assert accuracy.value == (decisions == labels).mean()
    assert accuracy.interval == wilson_interval(int((decisions == labels).sum()), 400)
    assert macro.value == pytest.approx(f1_score(labels, decisions, average="macro"))
    assert macro.interval[0] < macro.value < macro.interval[1]
    assert (found.moved, found.verdict) == (None, "nothing to compare with")
    assert found.confidence is not None
    assert found.confidence.accuracy == accuracy.value


@pytest.mark.parametrize(("value", "verdict"), [(0.99, "worse"), (0.5, "better"), (0.8, "no difference shown")])
def test_against_the_artifacts_own_figure(single, value, verdict):
    logits, labels = single
    interval = wilson_interval(round(value * 1000), 1000)
    known = {**QUALITY, "value": value, "interval": list(interval), "rows": 1000}
    found = judged(logits, labels, quality=known)
    assert found.verdict == verdict
    assert found.moved.difference == pytest.approx(found.figures[0].value - value)
    assert (found.figures[0].artifact, found.artifact_rows) == (value, 1000)
    # A share's interval follows from its rows.
    without = judged(logits, labels, quality={**known, "interval": None})
    assert without.moved.interval == pytest.approx(found.moved.interval)


def test_the_artifacts_deciding_metric_decides(single):
    logits, labels = single
    classes = [
        {"name": "no", "precision": 1.0, "recall": 0.5, "f1": 0.6, "support": 100},
        {"name": "yes", "precision": 1.0, "recall": 0.0, "f1": 0.0, "support": 0},
    ]
    known = {"metric": "f1:yes", "value": 0.5, "interval": [0.4, 0.6], "rows": 400, "classes": classes}
    gate = {"gate": "ECE", "variant": "fp32", "figure": 0.25}
    found = judged(logits, labels, quality=known, gates=[{**gate, "variant": "int8", "figure": 1.0}, gate])
    assert found.metric == found.figures[0].metric == "f1:yes"
    assert found.figures[0].value == pytest.approx(f1_score(labels, logits.argmax(axis=1)))
    assert found.confidence.artifact_ece == 0.25
    assert [(c.artifact_recall, c.artifact_share) for c in found.classes] == [(0.5, 0.25), (None, 0.0)]


def test_what_an_artifact_that_abstains_accepts(single):
    logits, labels = single
    abstain = {
        "threshold": 0.9, "target": "coverage", "goal": 0.5, "rows": 100, "validation_rows": 100, "coverage": 0.5,
        "coverage_interval": [0.4, 0.6], "precision": 0.97, "precision_interval": [0.9, 0.99],
    }  # fmt: skip
    found = judged(logits, labels, decision={"abstain": abstain}).accepted
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sure = scores.max(axis=1) >= 0.9
    right = (logits.argmax(axis=1) == labels)[sure]
    assert found.coverage == sure.mean()
    assert found.precision == right.mean()
    assert found.precision_interval == wilson_interval(int(right.sum()), int(sure.sum()))
    assert (found.artifact_coverage, found.artifact_precision) == (0.5, 0.97)
    assert judged(logits, labels).accepted is None


def test_multi_label_and_regression():
    generator = np.random.default_rng(1)
    labels = (generator.random((200, 3)) < 0.3).astype(np.float32)
    logits = (generator.normal(size=(200, 3)) + 2 * labels - 1).astype(np.float32)
    several = {"problem_type": "multi_label_classification", "labels": ["a", "b", "c"]}
    found = judged(logits, labels, **several)
    assert found.figures[0].value == pytest.approx(f1_score(labels, logits >= 0, average="micro"))
    assert [c.rows for c in found.classes] == labels.sum(axis=0).tolist()
    assert found.confidence is None
    numbers = generator.normal(size=100).astype(np.float32)
    found = judged(numbers[:, None] * 2 + 1, numbers, problem_type="regression", labels=["score"])
    assert found.figures[0].value == pytest.approx(1.0)
    assert found.classes == []


def test_labels_are_read_by_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label,source\na,yes,x\nb,no,\nc,yes,x\n")
    found = read_labeled(path, manifest(), TEXT, slice_by="source")
    assert (found.texts, found.labels.tolist(), found.groups) == (["a", "b", "c"], [1, 0, 1], ["x", "", "x"])
    # One class alone teaches nothing, and says enough here.
    path.write_text("text,gold\na,1\nb,1\n")
    kept = manifest(columns={"label": "gold", "label_names": {"0": "no", "1": "yes"}})
    assert read_labeled(path, kept, TEXT).labels.tolist() == [1, 1]
    with pytest.raises(DataError, match="which is none of no, yes"):
        read_labeled(path, manifest(), TEXT, label=["gold"])
    with pytest.raises(DataError) as caught:
        read_labeled(path, manifest(), TEXT)
    assert "--label-column" in caught.value.hint
    path.write_text("text,gold\n ,yes\nb,\n")
    with pytest.raises(DataError, match="2 lines cannot be used"):
        read_labeled(path, manifest(), TEXT, label=["gold"])


def test_labels_of_several_columns(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"q": "a", "p": "b", "no": 1, "yes": 0}\n{"q": "c", "p": "d", "no": 1, "yes": 1}\n')
    several = manifest(problem_type="multi_label_classification", text_pairs=True)
    found = read_labeled(path, several, TextColumns("q", "p"), label=["yes", "no"])
    assert found.texts == [("a", "b"), ("c", "d")]
    assert found.labels.tolist() == [[1, 0], [1, 1]]
    with pytest.raises(UsageError):
        read_labeled(path, manifest(), TextColumns("q", None), label=["yes", "no"])


@pytest.fixture
def labeled(tiny_artifact, tmp_path):
    """A file that the tiny artifact answers rightly but for one row in nine."""
    texts = [f"{text} {number}" for number in range(20) for text in SENTENCES]
    answers = [answer.label for answer in Classifier.load(tiny_artifact, threads=1).classify(texts)]
    other = {"negative": "positive", "positive": "negative"}
    given = [other[a] if number % 9 == 0 else a for number, a in enumerate(answers)]
    path = tmp_path / "labeled.jsonl"
    lines = ({"text": t, "label": g, "week": n % 2} for n, (t, g) in enumerate(zip(texts, given, strict=True)))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(artifact, path, *options):
    return CliRunner().invoke(cli, ["evaluate", str(artifact), str(path), "--threads", "1", *options])


def with_quality(artifact, folder, quality):
    """A copy of an artifact with these figures, or with none."""
    shutil.copytree(artifact, folder)
    content = json.loads((folder / "ackd.json").read_text())
    content.pop("quality", None)
    (folder / "ackd.json").write_text(json.dumps({**content, **({} if quality is None else {"quality": quality})}))
    return folder


def test_the_command(tiny_artifact, labeled, tmp_path):
    artifact = with_quality(tiny_artifact, tmp_path / "artifact", None)
    done = run(artifact, labeled, "--slice-by", "week")
    assert done.exit_code == 0, done.output
    for shown in ("accuracy, %", "ECE, %", "week = 0", "tokens", "the artifact holds no figures to compare with"):
        assert shown in done.stdout
    found = json.loads(run(artifact, labeled, "--json").stdout)
    assert found["figures"][0]["value"] == 1 - 18 / 160
    assert {entry["name"] for entry in found["classes"]} == {"negative", "positive"}
    assert run(artifact, labeled, "--fail-on-drop").exit_code == 2
    assert run(artifact, labeled, "--slice-by", "none").exit_code == 5


@pytest.mark.parametrize(("value", "code", "said"), [(0.999, 3, "worse than when"), (0.9, 0, "no difference shown")])
def test_a_drop_can_fail(tiny_artifact, labeled, tmp_path, value, code, said):

    known = {**QUALITY, "value": value, "interval": list(wilson_interval(round(value * 1000), 1000)), "rows": 1000}
    artifact = with_quality(tiny_artifact, tmp_path / "artifact", known)
    done = run(artifact, labeled, "--fail-on-drop")
    assert done.exit_code == code, done.output
    assert said in done.stdout
    assert "160 rows against 1,000" in done.stdout
    assert run(artifact, labeled).exit_code == 0


def test_logits_come_in_the_order_of_the_texts(tiny_artifact):
    classifier = Classifier.load(tiny_artifact, threads=1)
    logits, lengths = answered(classifier, SENTENCES, batch_size=3)
    assert np.allclose(logits, classifier.logits(SENTENCES), atol=1e-5)
    assert lengths == [answer.num_tokens for answer in classifier.classify(SENTENCES)]
