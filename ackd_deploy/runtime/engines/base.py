"""The one interface over the engines that run a graph: arrays by name in, logits out.

A variant is a graph, an engine and a precision: one ``model.onnx`` runs under ONNX Runtime as it stands, and
under OpenVINO in the precision that the processor has. Each engine is imported when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["EngineSession", "Feed", "SessionFacts"]

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
