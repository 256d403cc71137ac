"""fp16: what is converted, and an activation beyond 65,504 that is planted, found and left in 32 bits."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ackd_deploy.export.foreign import copy_model
from ackd_deploy.export.fusion import count_fused, fuse
from ackd_deploy.export.graph import export_graph
from ackd_deploy.export.quantization import fp16
from ackd_deploy.export.quantization.fp16 import convert, largest_values, overflowing_nodes, to_fp16
from tests.export.families import save_model


def feeds(count, seed=0):
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        ids = generator.integers(5, 110, (1, int(generator.integers(3, 20))))
        found.append({"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})
    return found


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    folder = save_model("bert", tmp_path_factory.mktemp("half"))
    fuse(export_graph(folder, folder / "raw.onnx", "torch"), folder / "fused.onnx")
    return onnx.load(folder / "fused.onnx")


def planted(model):
    """Scale the first layer's last product as far as its weight fits into fp16.

    The LayerNorm behind it hides that from the logits in float; the layer after it carries it into every row.
    """
    copy = copy_model(model)
    weight = next(item for item in copy.graph.initializer if list(item.dims) == [64, 32])
    name = weight.name
    array = numpy_helper.to_array(weight)
    weight.CopyFrom(numpy_helper.from_array(array * np.float32(60_000 / np.abs(array).max()), name))
    (node,) = [node for node in copy.graph.node if name in node.input]
    return copy, node


def types_of(model):
    return {item.name: item.data_type for item in model.graph.initializer}


def test_weights_are_in_16_bits_and_inputs_and_logits_as_they_were(fused, tmp_path):
    found = to_fp16(fused, feeds(6), feeds(6, 1), target=0.01)
    assert (found.nodes, found.types) == ((), ())
    floats = {name for name, kind in types_of(fused).items() if kind == TensorProto.FLOAT}
    assert floats
    assert {types_of(found.model)[name] for name in floats} == {TensorProto.FLOAT16}
    assert {value.type.tensor_type.elem_type for value in found.model.graph.input} == {TensorProto.INT64}
    assert [value.type.tensor_type.elem_type for value in found.model.graph.output] == [TensorProto.FLOAT]
    # The model that came in is as it was, and what was fused stays fused.
    assert TensorProto.FLOAT16 not in types_of(fused).values()
    onnx.save(found.model, tmp_path / "fp16.onnx")
    onnx.save(fused, tmp_path / "full.onnx")
    assert count_fused(tmp_path / "fp16.onnx") == count_fused(tmp_path / "full.onnx") != {}
    full, answer = fp16._logits(fused, feeds(8, 2)), fp16._logits(found.model, feeds(8, 2))
    # 11 bits: they differ, or nothing was converted, and by little.
    assert 0 < np.abs(full - answer).max() < 0.02 * np.abs(full).max()
    assert found.note() == "fused graph, in 32 bits: nothing"


def test_a_planted_overflow_is_found_and_cured(fused):
    model, node = planted(fused)
    (reader,) = [other for other in model.graph.node if node.output[0] in other.input]
    full = fp16._logits(model, feeds(8, 2))
    assert np.isfinite(full).all()
    prepared = fp16._prepared(model)
    largest = largest_values(prepared, feeds(8, 2))
    # The weight itself fits; what it makes of the activations does not.
    assert largest[node.input[1]] < 65504 < largest[node.output[0]]
    # Without a block list the logits are lost (a CPU alone would hide that) …
    assert not np.isfinite(fp16._rounded_logits(convert(prepared), feeds(8, 2))).all()
    # … with the node that overflows and the one that reads it they are there.
    found = to_fp16(model, feeds(6), feeds(6, 1), target=0.01)
    assert sorted(found.nodes) == sorted([node.name, reader.name])
    assert found.types == ()
    answer = fp16._rounded_logits(found.model, feeds(8, 2))
    assert np.abs(full - answer).max() < 0.02 * np.abs(full).max()
    assert found.note() == "fused graph, in 32 bits: 2 nodes against overflow"
    kinds = Counter(types_of(found.model).values())
    assert kinds[TensorProto.FLOAT16] > kinds[TensorProto.FLOAT] > 0


def test_a_weight_beyond_the_end_is_clamped_or_left():
    weight = np.array([[1e5, 1.0], [-1e9, 2.0]], dtype=np.float32)
    model = product(weight)
    prepared = fp16._prepared(model)
    clamped = numpy_helper.to_array(convert(prepared).graph.initializer[0])
    assert clamped.dtype == np.float16
    assert clamped.tolist() == [[65504.0, 1.0], [-65504.0, 2.0]]
    feed = [{"x": np.ones((1, 2), dtype=np.float32)}]
    assert overflowing_nodes(prepared, largest_values(prepared, feed)) == ["product"]
    left = convert(prepared, ["product"]).graph.initializer[0]
    assert numpy_helper.to_array(left).tolist() == weight.tolist()


def test_half_of_the_range_is_kept_free_for_texts_that_were_not_seen():
    prepared = fp16._prepared(product(np.eye(2, dtype=np.float32)))
    for value, expected in ((32_000.0, []), (33_000.0, ["product"])):
        feed = [{"x": np.full((1, 2), value, dtype=np.float32)}]
        assert overflowing_nodes(prepared, largest_values(prepared, feed)) == expected


def test_a_mask_of_minus_infinity_is_no_overflow():
    smallest = np.array([np.finfo(np.float32).min, 1.0], dtype=np.float32)
    prepared = fp16._prepared(product(np.stack([smallest, smallest])))
    assert numpy_helper.to_array(prepared.graph.initializer[0]).tolist() == [[-1e4, 1.0], [-1e4, 1.0]]


def test_neighbors_in_32_bits_hand_on_what_16_bits_cannot_hold():
    nodes = [
        helper.make_node("Mul", ["x", "large"], ["big"], name="up"),
        helper.make_node("Div", ["big", "large"], ["logits"], name="down"),
    ]
    large = numpy_helper.from_array(np.array([60_000.0], dtype=np.float32), "large")
    model = small_model(nodes, [large])
    feed = [{"x": np.array([[100.0, -50.0]], dtype=np.float32)}]
    found = to_fp16(model, feed, feed, target=0.0)
    assert sorted(found.nodes) == ["down", "up"]
    assert fp16._logits(found.model, feed).tolist() == [[100.0, -50.0]]


def test_where_bits_are_too_few_operator_types_stay_until_the_answers_hold(monkeypatch):
    # Around 4096 fp16 counts in steps of 4: (x + 4096) - 4096 is 0 for 1 and for 1.5. No activation is too large.
    nodes = [
        helper.make_node("Add", ["x", "offset"], ["far"], name="there"),
        helper.make_node("Sub", ["far", "offset"], ["near"], name="back"),
        helper.make_node("Relu", ["near"], ["logits"], name="relu"),
    ]
    offset = numpy_helper.from_array(np.array([4096.0], dtype=np.float32), "offset")
    model = small_model(nodes, [offset])
    feed = [{"x": np.array([row], dtype=np.float32)} for row in ([1.0, 1.5], [0.25, 0.5])]
    assert fp16._rounded_logits(convert(fp16._prepared(model)), feed).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    found = to_fp16(model, feed, feed, target=0.0)
    assert found.nodes == ()
    assert set(found.types) == {"Add", "Sub"}
    assert fp16._rounded_logits(found.model, feed).tolist() == [[1.0, 1.5], [0.25, 0.5]]
    monkeypatch.setattr(fp16, "_MOST_TYPES", 1)
    assert len(to_fp16(model, feed, feed, target=0.0).types) == 1


def product(weight):
    return small_model(
        [helper.make_node("MatMul", ["x", "w"], ["logits"], name="product")], [numpy_helper.from_array(weight, "w")]
    )


def small_model(nodes, initializers):
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
