from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ackd_deploy.errors import ArtifactError
from ackd_deploy.report.saved import Predictions, finite, read_metrics, read_predictions


def test_cut_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"stage": "teacher", "step": 1, "loss": 0.5}\n\n[1]\n"x"\n\xff\xfe\n{"stage": "teach')
    assert read_metrics(path) == [{"stage": "teacher", "step": 1, "loss": 0.5}]
    assert read_metrics(tmp_path / "none.jsonl") == []


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as stream:
        stream.write(content)
        stream.flush()
        assert all(isinstance(line, dict) for line in read_metrics(Path(stream.name)))


def test_damaged_predictions_are_said(tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    with pytest.raises(ArtifactError, match="missing"):
        read_predictions(path)
    path.write_bytes(b"not tensors at all")
    with pytest.raises(ArtifactError, match="damaged"):
        read_predictions(path)
    save_file({"logits": np.zeros((3, 2)), "labels": np.zeros(2)}, path)
    with pytest.raises(ArtifactError, match="same rows"):
        read_predictions(path)


def test_rows_are_the_same_where_the_labels_are() -> None:
    one = Predictions(np.zeros((3, 2)), np.array([0, 1, 1]))
    assert one.same_rows(Predictions(np.ones((3, 2)), np.array([0, 1, 1])))
    assert not one.same_rows(Predictions(np.zeros((3, 2)), np.array([0, 1, 0])))
    assert not one.same_rows(Predictions(np.zeros((2, 2)), np.array([0, 1])))


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf"), [1]])
def test_only_finite_numbers_count(value: object) -> None:
    assert finite(value) is None


def test_numbers_pass() -> None:
    assert finite(3) == 3.0
    assert finite(0.25) == 0.25
