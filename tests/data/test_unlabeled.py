"""Rows without labels: read without a label column, marked, and put behind the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ackd_deploy.data import LabeledTexts, load_texts
from ackd_deploy.data.unlabeled import has_label, joined, without_labels
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data

SINGLE = LabeledTexts(["a", "b"], None, np.array([1, 0]), ("no", "yes"), "single_label_classification")


def data_of(**keys: str) -> Data:
    return Data(train="t.csv", validation="v.csv", **keys)  # type: ignore[arg-type]


def test_a_label_column_is_ignored_and_said_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "with.csv").write_text("text,label\na,anything\nb,\n")
    (tmp_path / "without.csv").write_text("id,text\n1,a\n")
    assert load_texts(str(tmp_path / "with.csv"), data_of()) == (["a", "b"], None, ())
    assert "with.csv is data.unlabeled: its column 'label' is ignored" in capfd.readouterr().err
    assert load_texts(str(tmp_path / "without.csv"), data_of()) == (["a"], None, ())
    assert "ignored" not in capfd.readouterr().err


def test_pairs_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "other": "b"}\n')
    assert load_texts(str(tmp_path / "a.jsonl"), data_of(text_pair="other")) == (["a"], ["b"], ())


def test_texts_are_checked_as_labeled_ones_are(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\na\n" "\n')
    with pytest.raises(DataError, match=r"empty text in column 'text': line 3"):
        load_texts(str(tmp_path / "a.csv"), data_of())
    (tmp_path / "b.csv").write_text("text\n")
    with pytest.raises(DataError, match="no rows"):
        load_texts(str(tmp_path / "b.csv"), data_of())


@pytest.mark.parametrize(
    "labels",
    [np.array([1, 0]), np.array([0.5, -1.0], np.float32), np.array([[0, 1, 0], [0, 0, 0]], np.float32)],
    ids=["single", "regression", "multi"],
)
def test_rows_without_labels_come_after_the_others(labels: np.ndarray) -> None:
    rows = LabeledTexts(["a", "b"], None, labels, ("x",), "any")
    both = joined(rows, without_labels(["c", "d", "e"], None, like=rows))
    assert both.texts == ["a", "b", "c", "d", "e"]
    assert has_label(both.labels).tolist() == [True, True, False, False, False]
    assert np.array_equal(both.labels[:2], labels)
    assert both.labels.dtype == labels.dtype
    assert both.fingerprint != rows.fingerprint


def test_rows_of_another_kind_are_not_joined() -> None:
    with pytest.raises(ValueError, match="pairs"):
        joined(SINGLE, without_labels(["c"], ["d"], like=SINGLE))
