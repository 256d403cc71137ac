"""The classifier without a network, against scikit-learn called by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from ackd_deploy.data import LabeledTexts
from ackd_deploy.distill import distill_run, quality
from ackd_deploy.distill.tfidf import SEPARATOR, TFIDF, tfidf_logits
from ackd_deploy.report import summary_rows, write_report
from ackd_deploy.run import BASELINES, Run
from ackd_deploy.tasks.activations import sigmoid, softmax
from tests.conftest import SENTENCES

TEXTS = [text for text, _ in SENTENCES]
CLASSES = np.array([0, 1, 2, 1, 0, 1, 2, 1])


def rows(labels: Any, names: tuple[str, ...], problem: str = "single_label_classification") -> LabeledTexts:
    return LabeledTexts(list(TEXTS), None, labels, names, problem)


def by_hand(estimator: Any) -> Any:
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), estimator)


def test_classes_are_as_scikit_learn_has_them() -> None:
    # Class d occurs in no row.
    found = tfidf_logits(rows(CLASSES, ("a", "b", "c", "d")), TEXTS, seed=0)
    assert found is not None
    expected = by_hand(LogisticRegression()).fit(TEXTS, CLASSES).predict_proba(TEXTS)
    np.testing.assert_allclose(softmax(found)[:, :3], expected, atol=1e-4)
    assert softmax(found)[:, 3].max() < 1e-9


def test_labels_apart() -> None:
    labels = np.stack([CLASSES == 1, CLASSES == 2, CLASSES >= 0, CLASSES < 0], axis=1).astype(np.float32)
    found = tfidf_logits(rows(labels, ("b", "c", "all", "none"), "multi_label_classification"), TEXTS, seed=0)
    assert found is not None
    for label in (0, 1):
        expected = by_hand(LogisticRegression()).fit(TEXTS, labels[:, label]).predict_proba(TEXTS)[:, 1]
        np.testing.assert_allclose(sigmoid(found[:, label]), expected, atol=1e-4)
    assert (found[:, 2] > 20).all()
    assert (found[:, 3] < -20).all()


def test_numbers_by_ridge() -> None:
    targets = np.linspace(-1, 3, len(TEXTS)).astype(np.float32)
    found = tfidf_logits(rows(targets, ("score",), "regression"), TEXTS, seed=0)
    assert found is not None
    np.testing.assert_allclose(found[:, 0], by_hand(Ridge()).fit(TEXTS, targets).predict(TEXTS), atol=1e-5)


def test_no_pair_of_words_runs_from_one_text_into_the_other() -> None:
    pairs = list(reversed(TEXTS))
    data = LabeledTexts(list(TEXTS), pairs, CLASSES % 2, ("no", "yes"), "single_label_classification")
    found = tfidf_logits(data, data.items, seed=0)
    joined = [f"{one} {SEPARATOR} {other}" for one, other in zip(TEXTS, pairs, strict=True)]
    expected = by_hand(LogisticRegression()).fit(joined, CLASSES % 2).predict_proba(joined)
    assert found is not None
    np.testing.assert_allclose(softmax(found), expected, atol=1e-4)


@pytest.mark.parametrize("spoiled", ["one class", "no words"])
def test_nothing_to_fit(spoiled: str) -> None:
    data = rows(np.zeros(8, dtype=np.int64) if spoiled == "one class" else CLASSES, ("a", "b", "c"))
    if spoiled == "no words":
        data = LabeledTexts(["!", "?"] * 4, None, CLASSES, ("a", "b", "c"), "single_label_classification")
    assert tfidf_logits(data, ["text"], seed=0) is None


def test_it_is_a_line_of_the_table_and_of_the_report(new_run: Any) -> None:
    run: Run = new_run("distill.baselines=[]", "distill.method=kd", "distill.epochs=1", "teacher.finetune.epochs=1")
    distill_run(run, device="cpu")
    record = run.record(BASELINES).find(TFIDF)
    assert record is not None
    saved = load_file(run.path("predictions", f"{TFIDF}.safetensors"))
    right = float((saved["logits"].argmax(axis=1) == saved["labels"]).mean())
    # The tiny data repeats its sentences, which words alone tell apart.
    assert record.metrics["accuracy"] == right == 1.0
    assert record.seconds is not None
    row = next(row for row in summary_rows(run) if row.key == TFIDF)
    assert (row.name, row.value, row.rows) == ("TF-IDF, logistic regression", 1.0, 32)
    page = write_report(run).read_text()
    assert "against TF-IDF, logistic regression, without a network" in page
    assert json.loads(run.path("run.json").read_text())["stages"]["baselines"]["record"]["models"][1]["key"] == TFIDF


def test_it_is_left_out_without_scikit_learn_or_where_the_recipe_says_so(
    new_run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("distill.baselines=[]", "distill.method=finetune", "distill.epochs=1", "teacher.finetune.epochs=1")
    off: Run = new_run(*small, "distill.tfidf=false", name="off")
    distill_run(off, device="cpu")
    assert off.record(BASELINES).find(TFIDF) is None
    monkeypatch.setattr(quality.importlib.util, "find_spec", lambda name: None)
    without: Run = new_run(*small, name="without")
    distill_run(without, device="cpu")
    assert without.record(BASELINES).find(TFIDF) is None
    assert "scikit-learn is not installed" in capsys.readouterr().err
