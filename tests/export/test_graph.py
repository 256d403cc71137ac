import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from ackd_deploy.check.fusion import expected_fusion, fusion_gate
from ackd_deploy.errors import ArtifactError, DataError, MissingExtra
from ackd_deploy.export.fusion import fuse
from ackd_deploy.export.graph import check_contract, divide_logits, export_graph, model_inputs, resolve_engine
from tests.export.families import FAMILIES, make_model, save_model

SHAPES = ((1, 4), (3, 11), (5, 37))


def run(path, feed):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], feed)[0]


def make_feed(inputs, batch, tokens, pad_id):
    generator = np.random.default_rng(batch)
    ids = generator.integers(5, 100, size=(batch, tokens))
    mask = np.ones_like(ids)
    ids[-1, tokens - 2 :] = pad_id
    mask[-1, tokens - 2 :] = 0
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return {name: feed[name] for name in inputs}


def in_torch(folder, feed):
    import torch
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(**{name: torch.from_numpy(array) for name, array in feed.items()}).logits.numpy(), model.config


@pytest.mark.parametrize("family", FAMILIES)
def test_raw_and_fused_graph_say_what_torch_says(family, graphs, tmp_path):
    folder, graph = graphs[family]
    counts = fuse(graph, tmp_path / "fused.onnx")
    gate = fusion_gate("fp32", counts, expected_fusion(family, graph.layers))
    assert gate.verdict == "pass", gate.detail
    pad_id = 1 if family in ("roberta", "mpnet") else 0
    for batch, tokens in SHAPES:
        feed = make_feed(graph.inputs, batch, tokens, pad_id)
        expected, _ = in_torch(folder, feed)
        assert np.abs(run(graph.path, feed) - expected).max() < 1e-5
        assert np.abs(run(tmp_path / "fused.onnx", feed) - expected).max() < 1e-5


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_optimum_keeps_the_same_contract(family, graphs, tmp_path):
    if resolve_engine("auto") != "optimum":
        pytest.skip("optimum's exporter is not installed, or transformers is newer than it knows")
    folder, by_torch = graphs[family]
    graph = export_graph(folder, tmp_path / "raw.onnx", "optimum")
    assert (graph.engine, graph.inputs, graph.layers) == ("optimum", by_torch.inputs, 2)
    feed = make_feed(graph.inputs, 3, 11, 0)
    assert np.abs(run(graph.path, feed) - run(by_torch.path, feed)).max() < 1e-5


@pytest.mark.parametrize(
    ("family", "types"),
    [("bert", True), ("electra", True), ("roberta", False), ("distilbert", False), ("mpnet", False)],
)
def test_token_types_are_an_input_only_where_there_are_several(family, types):
    assert ("token_type_ids" in model_inputs(make_model(family))) is types


def change(path, target, edit):
    model = onnx.load(path)
    edit(model)
    onnx.save(model, target)
    return target


@pytest.mark.parametrize("family", FAMILIES)
def test_a_temperature_divides_the_logits(family, graphs, tmp_path):
    _, graph = graphs[family]
    path = Path(shutil.copyfile(graph.path, tmp_path / "divided.onnx"))
    divide_logits(path, 1.0)
    assert path.read_bytes() == graph.path.read_bytes()
    divide_logits(path, 2.5)
    check_contract(path, graph.inputs)
    feed = make_feed(graph.inputs, 3, 11, 0)
    np.testing.assert_allclose(run(path, feed), run(graph.path, feed) / 2.5, rtol=1e-6)


def test_a_frozen_axis_breaks_the_contract(graphs, tmp_path):
    def freeze(model):
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 16

    _, graph = graphs["bert"]
    with pytest.raises(ArtifactError, match="sequence axis of input_ids is frozen"):
        check_contract(change(graph.path, tmp_path / "x.onnx", freeze), graph.inputs)


def test_a_missing_input_breaks_the_contract(graphs):
    _, graph = graphs["distilbert"]
    with pytest.raises(ArtifactError, match="but the student takes"):
        check_contract(graph.path, ("input_ids", "attention_mask", "token_type_ids"))


def test_another_output_breaks_the_contract(graphs, tmp_path):
    def rename(model):
        model.graph.output[0].name = "probabilities"

    _, graph = graphs["bert"]
    with pytest.raises(ArtifactError, match="'logits' alone"):
        check_contract(change(graph.path, tmp_path / "x.onnx", rename), graph.inputs)


def test_a_student_without_weights_is_one_clear_error(tmp_path):
    folder = save_model("bert", tmp_path / "m")
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="cannot be loaded"):
        export_graph(folder, tmp_path / "x.onnx", "torch")


def test_auto_takes_torch_where_optimum_is_not_installed(monkeypatch):
    from importlib import metadata

    def missing(name):
        if name == "optimum-onnx":
            raise metadata.PackageNotFoundError(name)
        return "4.57.6"

    monkeypatch.setattr(metadata, "version", missing)
    assert resolve_engine("auto") == "torch"
    with pytest.raises(MissingExtra, match="optimum-onnx is not installed"):
        resolve_engine("optimum")


def test_auto_takes_torch_with_transformers_5(monkeypatch):
    from importlib import metadata

    versions = {"optimum-onnx": "0.1.0", "transformers": "5.23.0"}
    monkeypatch.setattr(metadata, "version", versions.__getitem__)
    assert resolve_engine("auto") == "torch"
    with pytest.raises(MissingExtra, match=r"transformers 5\.23\.0"):
        resolve_engine("optimum")
