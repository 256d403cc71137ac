import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ackd_deploy.errors import ArtifactError, MissingExtra, ProviderUnavailable
from ackd_deploy.runtime.engines.probe import tiny_graph
from ackd_deploy.runtime.engines.session import import_onnxruntime, open_session, provider_name


def test_short_and_full_names():
    assert provider_name("cpu") == "CPUExecutionProvider"
    assert provider_name("CUDA") == "CUDAExecutionProvider"
    assert provider_name("DmlExecutionProvider") == "DmlExecutionProvider"


@pytest.mark.parametrize("provider", ["cpu", "CPUExecutionProvider"])
def test_runs_on_what_was_asked_for(provider):
    session = open_session(tiny_graph(), provider, threads=1)
    assert session.get_providers()[0] == "CPUExecutionProvider"
    assert session.run(["y"], {"x": np.array([1.0, 2.5], dtype=np.float32)})[0].tolist() == [2.0, 5.0]


@pytest.mark.parametrize("provider", ["cuda", "NoSuchExecutionProvider", ""])
def test_provider_that_this_build_lacks(provider):
    if provider_name(provider) in onnxruntime.get_available_providers():
        pytest.skip("this machine has it")
    with pytest.raises(ProviderUnavailable) as caught:
        open_session(tiny_graph(), provider)
    assert "cpu" in caught.value.hint


@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
def test_provider_that_is_listed_and_does_not_become_active(monkeypatch):
    """The GPU wheel on a machine without a GPU: CUDA is listed, the session quietly runs on the CPU."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has it")
    listed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    with pytest.raises(ProviderUnavailable, match="did not become active"):
        open_session(tiny_graph(), "cuda", threads=1)


def test_threads_are_set_and_do_not_spin():
    options = open_session(tiny_graph(), threads=2).get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_graph_that_onnxruntime_rejects():
    broken = tiny_graph().replace(b"Add", b"Axx")
    with pytest.raises(ArtifactError, match="cannot load"):
        open_session(broken)


def test_missing_and_gutted_installation(monkeypatch):
    import sys
    import types

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match="cannot be imported"):
        import_onnxruntime()
    # What is left when one of two wheels is uninstalled: a folder that Python takes for a package.
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    with pytest.raises(MissingExtra, match="empty shell"):
        import_onnxruntime()


def test_names_in_a_graph_reach_no_terminal(capfd):
    name = "\x1b]0;evil\x07"
    axes = [
        helper.make_tensor(key, TensorProto.INT64, [], [value]) for key, value in (("a", 0), ("b", 10**12), ("c", 1))
    ]
    nodes = [helper.make_node("Range", ["a", "b", "c"], ["r"], name=name), helper.make_node("Neg", ["x"], ["y"])]
    value = [helper.make_tensor_value_info(key, TensorProto.FLOAT, [2]) for key in ("x", "y")]
    results = [value[1], helper.make_tensor_value_info("r", TensorProto.INT64, ["n"])]
    graph = helper.make_graph(nodes, "g", value[:1], results, initializer=axes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(Exception, match=r"."):  # too large for memory, found while loading or on the first run
        open_session(model.SerializeToString(), threads=1).run(None, {"x": np.zeros(2, dtype=np.float32)})
    assert capfd.readouterr().err == ""
