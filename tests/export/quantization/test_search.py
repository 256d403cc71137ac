"""Clipping is tried where answers would change, and kept where it is the more faithful. Outliers are planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ackd_deploy.export.quantization import search
from ackd_deploy.export.quantization.search import Calibration, Search

WORDS, WIDTH, LOUD = 50, 64, 50
# Shares of answers to keep: any will do, some may change, none may.
ANY, MOST, ALL = 0.0, 0.9, 1.0


@pytest.fixture(scope="module")
def graph() -> Any:
    """Words' vectors, two products, the mean over the text. One word is 300 times louder than all others.

    It is loud in all channels, so that SmoothQuant, which moves channels, can do nothing about it. Its entries are of
    one size, so that none of them is cut unless all are.
    """
    generator = np.random.default_rng(0)
    table = generator.normal(size=(WORDS + 1, WIDTH)).astype(np.float32)
    table[LOUD] = 300.0 * np.sign(table[LOUD])
    arrays = {
        "table": table,
        "first": generator.normal(size=(WIDTH, WIDTH)).astype(np.float32) / 8,
        "second": generator.normal(size=(WIDTH, 2)).astype(np.float32) / 8,
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"], name="words"),
        helper.make_node("MatMul", ["words", "first"], ["hidden"], name="first"),
        helper.make_node("Relu", ["hidden"], ["positive"], name="positive"),
        helper.make_node("MatMul", ["positive", "second"], ["votes"], name="second"),
        helper.make_node("ReduceMean", ["votes"], ["logits"], name="mean", axes=[1], keepdims=0),
    ]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    return helper.make_model(
        helper.make_graph(nodes, "toy", [ids], [logits], constants),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def texts(count: int, *, loud: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Texts of 10 to 29 words; the loud word stands once in the first ``loud`` of them."""
    generator = np.random.default_rng(seed)
    made = []
    for row in range(count):
        ids = generator.integers(0, WORDS, size=(1, 10 + row % 20))
        if row < loud:
            ids[0, 3] = LOUD
        made.append({"input_ids": ids})
    return made


def find(graph: Any, folder: Path, *, loud: int, min_agreement: float) -> search.Trial:
    """Search with one loud word in 96 texts to fit ranges, and ``loud`` of them in 64 texts to choose by."""
    calibration = Calibration(fit=texts(96, loud=1, seed=1), choose=texts(64, loud=loud, seed=2))
    return Search(graph, folder, calibration, reduced=False, min_agreement=min_agreement).static()


def first_scale(path: Path) -> float:
    """Scale of the words' vectors, the input of the first product."""
    model = onnx.load(path)
    node = next(n for n in model.graph.node if n.op_type == "QuantizeLinear" and "words" in n.input[0])
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    return float(arrays[node.input[1]])


def test_a_rare_outlier_is_cut_off(graph: Any, tmp_path: Path) -> None:
    full = find(graph, tmp_path, loud=0, min_agreement=ANY)
    clipped = find(graph, tmp_path, loud=0, min_agreement=MOST)
    assert "ranges of 99.9 % of the values" in clipped.note
    assert clipped.error < 0.5 * full.error
    assert first_scale(clipped.path) < 0.2 * first_scale(full.path)


def test_an_outlier_that_texts_need_stays(graph: Any, tmp_path: Path) -> None:
    found = find(graph, tmp_path, loud=8, min_agreement=MOST)
    assert "full ranges" in found.note
    assert "99." not in found.note


def test_nothing_is_tried_where_answers_stay(graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "clipped_ranges", None)
    found = find(graph, tmp_path, loud=0, min_agreement=ANY)
    assert "ranges" not in found.note


def test_products_are_left_in_float_on_top_of_clipping(graph: Any, tmp_path: Path) -> None:
    found = find(graph, tmp_path, loud=0, min_agreement=ALL)
    assert "99.9 %" in found.note
    assert found.note.endswith("products left in float")
