import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper, numpy_helper

from ackd_deploy.export.quantization.embeddings import quantize_embeddings, quantize_table


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.just(8)),
        elements=st.floats(-1e4, 1e4, width=32),
    )
)
def test_no_entry_is_off_by_more_than_half_a_step(table):
    quantized, scales = quantize_table(table, 4)
    back = quantized.astype(np.float32) * np.repeat(scales, 4, axis=1)
    assert quantized.dtype == np.int8
    assert np.all(np.abs(back - table) <= 0.5001 * np.repeat(scales, 4, axis=1) + 1e-30)


def test_scales_by_hand():
    quantized, scales = quantize_table(np.array([[127.0, -63.5, 0.0, 0.0]], dtype=np.float32), 2)
    # The first block's largest entry is 127, so its step is 1; an empty block keeps a step of 1.
    assert scales.tolist() == [[1.0, 1.0]]
    assert quantized.tolist() == [[127, -64, 0, 0]]


def lookup(rows, width):
    table = np.random.default_rng(0).normal(size=(rows, width)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["out"], axis=0)],
        "lookup",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["b", "t"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", "t", width])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return table, model


@pytest.mark.parametrize("width", [64, 100])
def test_a_large_table_is_a_quarter_and_looks_up_the_same(width):
    import onnxruntime

    table, model = lookup(10_000, width)
    before = model.ByteSize()
    assert quantize_embeddings(model) == 1
    onnx.checker.check_model(model)
    assert model.ByteSize() < 0.3 * before
    ids = np.array([[3, 9999, 0], [7, 7, 1]])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"ids": ids})[0]
    assert found.shape == (2, 3, width)
    assert np.abs(found - table[ids]).max() < np.abs(table).max() / 250


def test_a_small_table_stays():
    _, model = lookup(10, 64)
    assert quantize_embeddings(model) == 0
