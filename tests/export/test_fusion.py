"""Fusing a family that ONNX Runtime's optimizer does not know: what it breaks stays as it was exported."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from ackd_deploy.export import fusion
from ackd_deploy.export.foreign import ForeignFailure
from ackd_deploy.export.fusion import fuse_or_copy


@pytest.fixture
def unknown(graphs):
    return replace(graphs["bert"][1], model_type="novel")


def test_what_can_be_fused_is(unknown, tmp_path):
    counts, note = fuse_or_copy(unknown, tmp_path / "x.onnx")
    assert (counts["Attention"], note) == (2, "")


def test_a_failing_optimizer_leaves_the_exported_graph(unknown, tmp_path, monkeypatch):
    def failing(*_, **__):
        raise ForeignFailure("KeyError: a node")

    monkeypatch.setattr(fusion, "fuse", failing)
    counts, note = fuse_or_copy(unknown, tmp_path / "x.onnx")
    assert "Attention" not in counts
    assert note == "not fused: KeyError: a node"
    assert (tmp_path / "x.onnx").read_bytes() == unknown.path.read_bytes()
    with pytest.raises(ForeignFailure):
        fuse_or_copy(replace(unknown, model_type="bert"), tmp_path / "x.onnx")


def test_other_answers_leave_the_exported_graph(unknown, tmp_path, monkeypatch):
    honest = fusion.fuse

    def wrong(graph, target, **options):
        counts = honest(graph, target, **options)
        model = onnx.load(target)
        bias = next(item for item in model.graph.initializer if list(item.dims) == [2])
        array = onnx.numpy_helper.to_array(bias) + np.float32(1)
        bias.CopyFrom(onnx.numpy_helper.from_array(array, bias.name))
        onnx.save(model, target)
        return counts

    monkeypatch.setattr(fusion, "fuse", wrong)
    _, note = fuse_or_copy(unknown, tmp_path / "x.onnx")
    assert note == "not fused: its answers would change"
    assert (tmp_path / "x.onnx").read_bytes() == unknown.path.read_bytes()
