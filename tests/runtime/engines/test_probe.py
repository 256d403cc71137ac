import onnx

from ackd_deploy.runtime.engines.packages import installed_versions, onnxruntime_wheels, wheel_problem
from ackd_deploy.runtime.engines.probe import probe_providers, reason_of, tiny_graph


def test_tiny_graph_is_valid_onnx():
    model = onnx.load_model_from_string(tiny_graph())
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Add"]


def test_cpu_provider_loads():
    probes = {probe.provider: probe for probe in probe_providers()}
    assert probes["CPUExecutionProvider"].loads
    assert probes["CPUExecutionProvider"].detail == "a session ran on it"
    assert "AzureExecutionProvider" not in probes


def test_reason_is_the_providers_own():
    # As onnxruntime-gpu 1.31.1 prints it on a machine without CUDA.
    errors = (
        "\x1b[1;31m2026-11-22 [E:onnxruntime:Default, provider_bridge_ort.cc:2458] /onnxruntime_src/x.cc:2043 "
        "Failed to load library /v/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared "
        "object file: No such file or directory\n\x1b[m\n"
    )
    reason = reason_of("our summary\n", errors, 1)
    assert reason == "libcublasLt.so.13: cannot open shared object file: No such file or directory"
    assert reason_of("our summary\n", "noise", 1) == "our summary"
    assert reason_of("", "", -11) == "the process ended with code -11"


def test_one_wheel_is_fine_none_and_two_are_not():
    assert wheel_problem({"onnxruntime": "1.32.0"}) is None
    assert "ackd-deploy[cpu]" in wheel_problem({})
    both = wheel_problem({"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"})
    assert "onnxruntime 1.32.0 and onnxruntime-gpu 1.31.1" in both
    assert "overwritten" in both
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in both


def test_versions_come_from_metadata():
    versions = installed_versions()
    assert versions["numpy"]
    assert len(onnxruntime_wheels()) == 1
