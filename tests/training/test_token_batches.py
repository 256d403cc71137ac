"""Batches gathered from a copy on the device are those of the mapped file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ackd_deploy.data.encode import encode_rows
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.training.token_batches import TokenBatches

TEXTS = ["a good film", "bad", "the plot is long and the film is bad", "good good", "a"]


@pytest.mark.parametrize("pairs", [None, ["bad", "the film is long", "a", "good", "plot"]])
@pytest.mark.parametrize("chosen", [[0], [4, 1], [3, 0, 2, 2, 4], [0, 1, 2, 3, 4]])
def test_resident_batches_are_the_same(
    tiny_teacher: Path, tmp_path: Path, pairs: list[str] | None, chosen: list[int]
) -> None:
    data = LabeledTexts(TEXTS, pairs, np.zeros(5, dtype=np.int64), ("a", "b"), "single_label_classification")
    encoded = encode_rows(data, tiny_teacher, 16, tmp_path)
    rows, cpu = np.array(chosen), torch.device("cpu")
    found = TokenBatches(encoded, cpu, resident=True).batch(rows)
    expected = encoded.batch(rows)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == torch.int64
        np.testing.assert_array_equal(found[name].numpy(), value)
    # On a CPU they come from the file.
    assert TokenBatches(encoded, cpu)._ids is None
    mapped = TokenBatches(encoded, cpu).batch(rows)
    assert {"input_ids", "attention_mask"} <= found.keys()
    assert all(torch.equal(mapped[name], found[name]) for name in found)
