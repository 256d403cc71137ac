"""Texts that no classifier reads are refused before they are tokenized; long lists of labels are read in one pass."""

import json
from pathlib import Path

import pytest

from ackd_deploy.data.source import load_rows
from ackd_deploy.data.texts import MAX_CHARACTERS, text_problem
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data


def test_a_text_without_end():
    assert text_problem("a" * MAX_CHARACTERS, "text") is None
    kind, hint = text_problem("a" * (MAX_CHARACTERS + 1), "text") or ("", "")
    assert "more than 1,000,000 characters" in kind
    assert "cut it" in hint


@pytest.mark.timeout(20)
def test_lists_of_many_labels(tmp_path: Path):
    # Counting each label of a row by itself took minutes for 100,000.
    path = tmp_path / "a.jsonl"
    rows = [{"text": "a", "label": [f"x{i}" for i in range(100_000)] + ["x0"]}, {"text": "b", "label": ["x1"]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = Data(train=str(path), validation=str(path), problem_type="multi_label_classification")
    with pytest.raises(DataError, match=r"label 'x0' twice"):
        load_rows(str(path), data, None)
