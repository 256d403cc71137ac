import numpy as np
import onnx
import pytest

from ackd_deploy.export.quantization.smooth import channel_maxima, smooth, smoothing_scales


def feeds(inputs, count=6):
    generator = np.random.default_rng(0)
    made = []
    for row in range(count):
        ids = generator.integers(5, 100, size=(1, 4 + row))
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        made.append({name: feed[name] for name in inputs})
    return made


def logits(model, feed):
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["logits"], feed)[0]


def test_scales_by_hand():
    # Channel 0: activations to 16, weights to 4; alpha 1/2: 4 / 2 = 2. Channel 1: sqrt(1) / sqrt(0.25) = 2.
    weights = [np.array([[4.0, 1.0], [0.25, -0.125]], dtype=np.float32)]
    found = smoothing_scales(np.array([16.0, 1.0], dtype=np.float32), weights, 0.5)
    assert found.tolist() == [2.0, 2.0]


def test_a_dead_channel_gives_no_division_by_zero():
    found = smoothing_scales(np.zeros(2, dtype=np.float32), [np.zeros((2, 3), dtype=np.float32)], 0.7)
    assert np.all(np.isfinite(found))
    assert np.all(found > 0)


@pytest.mark.parametrize("family", ["bert", "distilbert"])
@pytest.mark.parametrize("alpha", [0.5, 0.8])
def test_smoothing_changes_no_result_and_stays_a_valid_graph(family, alpha, graphs):
    _, graph = graphs[family]
    model = onnx.load(graph.path)
    texts = feeds(graph.inputs)
    maxima = channel_maxima(model, texts)
    before = [logits(model, feed) for feed in texts]
    smooth(model, maxima, alpha)
    # Nodes in order: shape inference, and with it static quantization, needs that.
    onnx.checker.check_model(model)
    added = sum(node.op_type == "Mul" and node.output[0].endswith("_smooth") for node in model.graph.node)
    # Query, key and value share an input; two more inputs in the feed-forward part, one after attention.
    assert added == 4 * graph.layers
    for feed, expected in zip(texts, before, strict=True):
        assert np.abs(logits(model, feed) - expected).max() < 1e-5


def test_maxima_are_those_of_the_activations(graphs):
    _, graph = graphs["bert"]
    model = onnx.load(graph.path)
    found = channel_maxima(model, feeds(graph.inputs))
    assert all(np.all(values >= 0) for values in found.values())
    widths = {values.shape for values in found.values()}
    # Hidden width 32 everywhere, but 64 between the two halves of the feed-forward part.
    assert widths == {(32,), (64,)}
