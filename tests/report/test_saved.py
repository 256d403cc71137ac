from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ackd_deploy.errors import ArtifactError
from ackd_deploy.report.saved import finite, metric_interval, read_metrics, read_predictions
from tests.report.conftest import logits_with


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


def test_accuracy_s_interval_is_wilson_s(tmp_path: Path) -> None:
    labels = np.arange(10, dtype=np.int64) % 2
    path = tmp_path / "kd.safetensors"
    save_file({"logits": logits_with(range(8), labels), "labels": labels}, path)
    # 8 of 10 by hand: center (0.8 + 0.19207) / 1.38415, half width 1.95996 / 1.38415 · sqrt(0.016 + 0.0096036).
    low, high = metric_interval("single_label_classification", read_predictions(path))
    assert (low, high) == pytest.approx((0.490, 0.943), abs=5e-4)


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf"), [1]])
def test_only_finite_numbers_count(value: object) -> None:
    assert finite(value) is None


def test_numbers_pass() -> None:
    assert finite(3) == 3.0
    assert finite(0.25) == 0.25
