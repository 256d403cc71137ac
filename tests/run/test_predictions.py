from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ackd_deploy.errors import ArtifactError
from ackd_deploy.run.predictions import Predictions, read_predictions


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
