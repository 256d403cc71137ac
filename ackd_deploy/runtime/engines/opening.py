"""Open a graph under one of the engines; each is imported when it is first asked for."""

from __future__ import annotations

from pathlib import Path

from ackd_deploy.errors import MissingExtra, UsageError
from ackd_deploy.runtime.engines.base import EngineSession

__all__ = ["engine_problem", "open_engine"]


def engine_problem(engine: str) -> str | None:
    """Return why an engine cannot run here, or None."""
    if engine != "openvino":
        return None
    from ackd_deploy.runtime.engines.openvino_engine import import_openvino

    try:
        import_openvino()
    except MissingExtra as error:
        return error.message
    return None


def open_engine(
    model: Path,
    engine: str = "onnxruntime",
    provider: str = "cpu",
    threads: int | None = None,
    precision: str = "fp32",
) -> EngineSession:
    """Open a graph under an engine.

    Args:
        model: one self-contained ONNX file; it is inspected first (artifact/onnx_file.py).
        engine: ``onnxruntime`` or ``openvino``.
        provider: execution provider; OpenVINO runs on ``cpu`` alone.
        threads: threads of one run; None: as many processors as the cgroup grants.
        precision: ONNX Runtime takes it from the graph; OpenVINO is told, and must obey.

    Raises:
        MissingExtra: the engine is not installed.
        ProviderUnavailable: the provider did not become active, or it does not support the precision.
        ArtifactError: the file is missing, refused by the inspection, or not a valid graph.
        UsageError: there is no engine of that name.
    """
    if engine == "onnxruntime":
        from ackd_deploy.runtime.engines.onnxruntime_engine import OnnxRuntimeSession

        return OnnxRuntimeSession(model, provider, threads, precision)
    if engine == "openvino":
        from ackd_deploy.runtime.engines.openvino_engine import OpenVinoSession

        return OpenVinoSession(model, provider, threads, precision)
    raise UsageError(f"there is no engine {engine!r}", hint="onnxruntime or openvino")
