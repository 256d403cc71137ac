"""The one interface over the engines that run a graph: arrays by name in, logits out.

A variant is a graph, an engine and a precision: one ``model.onnx`` runs under ONNX Runtime as it stands, and
under OpenVINO in the precision that the processor has. Each engine is imported when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ackd_deploy.errors import MissingExtra, UsageError

__all__ = ["EngineSession", "SessionFacts", "engine_problem", "open_engine"]

Feed = Mapping[str, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What a session really runs with, asked of the engine after it was opened.

    Attributes:
        engine: ``onnxruntime`` or ``openvino``.
        device: ONNX Runtime's name of the active provider, or OpenVINO's of the device.
        precision: of the arithmetic: fp32, bf16, fp16, int8.
        threads: of one run.
    """

    engine: str
    device: str
    precision: str
    threads: int

    @property
    def on_cpu(self) -> bool:
        """Whether the host's processor computes."""
        return self.device in ("CPUExecutionProvider", "CPU")


class EngineSession(Protocol):
    """A loaded graph. ``run`` may be called from several threads."""

    @property
    def facts(self) -> SessionFacts:
        """What it runs with."""

    def run(self, feed: Feed) -> npt.NDArray[np.float32]:
        """Return the logits [B, C] of inputs [B, S] by name."""


def engine_problem(engine: str) -> str | None:
    """Return why an engine cannot run here, or None."""
    if engine != "openvino":
        return None
    from ackd_deploy.runtime.openvino_engine import import_openvino

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
    *,
    spinning: bool = False,
) -> EngineSession:
    """Open a graph under an engine.

    Args:
        model: one self-contained ONNX file; it is inspected first (artifact/onnx_file.py).
        engine: ``onnxruntime`` or ``openvino``.
        provider: execution provider; OpenVINO runs on ``cpu`` alone.
        threads: threads of one run; None: as many processors as the cgroup grants.
        precision: ONNX Runtime takes it from the graph; OpenVINO is told, and must obey.
        spinning: see `open_session`; OpenVINO has no such choice.

    Raises:
        MissingExtra: the engine is not installed.
        ProviderUnavailable: the provider did not become active, or the precision is not to be had.
        ArtifactError: the file is missing, refused by the inspection, or not a valid graph.
        UsageError: there is no engine of that name.
    """
    if engine == "onnxruntime":
        from ackd_deploy.runtime.onnxruntime_engine import OnnxRuntimeSession

        return OnnxRuntimeSession(model, provider, threads, precision, spinning=spinning)
    if engine == "openvino":
        from ackd_deploy.runtime.openvino_engine import OpenVinoSession

        return OpenVinoSession(model, provider, threads, precision)
    raise UsageError(f"there is no engine {engine!r}", hint="onnxruntime or openvino")
