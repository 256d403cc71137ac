from collections import Counter

import numpy as np
import onnx
import pytest

from ackd_deploy.export.fusion import fuse
from ackd_deploy.export.quantization.quantize import (
    needs_reduced_range,
    quantize_dynamic,
    quantize_static,
    quantize_weights,
    weight_products,
)
from tests.export.quantization.test_smooth import feeds, logits


@pytest.fixture
def bert(graphs):
    _, graph = graphs["bert"]
    return graph, onnx.load(graph.path)


def operators(path):
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def error(path, model, inputs):
    return max(np.abs(logits(onnx.load(path), feed) - logits(model, feed)).max() for feed in feeds(inputs))


def test_dynamic_quantizes_every_product_with_a_weight(bert, tmp_path):
    graph, model = bert
    quantize_dynamic(model, tmp_path / "q.onnx", reduce_range=False)
    # Six products a layer: query, key, value, attention's output, and the two of the feed-forward part.
    assert len(weight_products(model)) == 6 * graph.layers
    assert operators(tmp_path / "q.onnx")["MatMulInteger"] == 6 * graph.layers
    assert error(tmp_path / "q.onnx", model, graph.inputs) < 0.1


def test_dynamic_works_on_a_fused_graph(bert, tmp_path):
    graph, model = bert
    fuse(graph, tmp_path / "fused.onnx", embeddings=False)
    quantize_dynamic(onnx.load(tmp_path / "fused.onnx"), tmp_path / "q.onnx", reduce_range=False)
    assert operators(tmp_path / "q.onnx")["QAttention"] == graph.layers
    assert error(tmp_path / "q.onnx", model, graph.inputs) < 0.1


def test_dynamic_leaves_alone_what_is_excluded(bert, tmp_path):
    graph, model = bert
    kept = weight_products(model)[:3]
    quantize_dynamic(model, tmp_path / "q.onnx", reduce_range=False, exclude=kept)
    names = {node.name for node in onnx.load(tmp_path / "q.onnx").graph.node if node.op_type == "MatMul"}
    assert set(kept) <= names
    assert operators(tmp_path / "q.onnx")["MatMulInteger"] == 6 * graph.layers - 3


def test_static_quantizes_activations_too(bert, tmp_path):
    # ONNX Runtime drops activations whose type it cannot infer, silently; then only the weights would be int8.
    graph, model = bert
    quantize_static(model, tmp_path / "q.onnx", feeds(graph.inputs), reduce_range=False)
    quantized = onnx.load(tmp_path / "q.onnx")
    makers = {name: node.op_type for node in quantized.graph.node for name in node.output}
    products = [node for node in quantized.graph.node if node.name in weight_products(model)]
    assert len(products) == 6 * graph.layers
    assert all(makers[name] == "DequantizeLinear" for node in products for name in node.input)
    assert error(tmp_path / "q.onnx", model, graph.inputs) < 0.1


def test_static_does_not_depend_on_the_batch_and_dynamic_does(bert, tmp_path):
    graph, model = bert
    rows = feeds(graph.inputs, 1) * 2
    other = {name: np.repeat(array, 3, axis=0) for name, array in rows[0].items()}
    other["input_ids"] = other["input_ids"].copy()
    other["input_ids"][1:] = [[7, 9, 90, 91], [88, 87, 5, 6]]
    quantize_static(model, tmp_path / "s.onnx", feeds(graph.inputs), reduce_range=False)
    quantize_dynamic(model, tmp_path / "d.onnx", reduce_range=False)
    change = {}
    for name in ("s", "d"):
        quantized = onnx.load(tmp_path / f"{name}.onnx")
        change[name] = np.abs(logits(quantized, other)[0] - logits(quantized, rows[0])[0]).max()
    assert change["s"] < 1e-6
    assert change["d"] > 1e-5


def test_weights_alone_become_blocks_of_8_bits(bert, tmp_path):
    graph, model = bert
    quantize_weights(model, tmp_path / "q.onnx")
    assert operators(tmp_path / "q.onnx")["MatMulNBits"] == 6 * graph.layers
    assert error(tmp_path / "q.onnx", model, graph.inputs) < 0.05


def test_quantizing_leaves_the_model_as_it_was(bert, tmp_path):
    graph, model = bert
    before = model.SerializeToString(deterministic=True)
    quantize_dynamic(model, tmp_path / "d.onnx", reduce_range=False)
    quantize_weights(model, tmp_path / "w.onnx")
    quantize_static(model, tmp_path / "s.onnx", feeds(graph.inputs), reduce_range=False)
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("features", "reduced"),
    [
        ({"avx2", "fma"}, True),
        ({"avx2", "avx512f"}, True),
        ({"avx2", "avx512f", "avx512_vnni", "vnni"}, False),
        ({"asimd", "asimddp"}, False),
        (set(), False),
    ],
)
def test_reduced_range_follows_the_processor(features, reduced):
    assert needs_reduced_range(features) is reduced
