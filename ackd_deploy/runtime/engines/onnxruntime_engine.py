"""A graph under ONNX Runtime; on a GPU, inputs and logits are bound to its memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.runtime.engines.base import SessionFacts
from ackd_deploy.runtime.engines.session import import_onnxruntime, open_session

__all__ = ["OnnxRuntimeSession", "run_bound"]

# Providers whose memory is bound to, by the name that ONNX Runtime gives that memory.
_BOUND = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "cuda"}


class OnnxRuntimeSession:
    """See `ackd_deploy.runtime.engines.base.EngineSession`."""

    def __init__(self, model: Path, provider: str, threads: int | None, precision: str) -> None:
        self._session = open_session(model, provider, threads)
        used = self._session.get_session_options().intra_op_num_threads
        self._facts = SessionFacts("onnxruntime", self._session.get_providers()[0], precision, used)
        self._memory = _BOUND.get(self._facts.device)

    @property
    def facts(self) -> SessionFacts:
        """What it runs with."""
        return self._facts

    def run(self, feed: Mapping[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
        """Return the logits [B, C] of inputs [B, S] by name."""
        if self._memory is not None:
            return run_bound(self._session, feed, self._memory)
        output: npt.NDArray[np.float32] = self._session.run(["logits"], dict(feed))[0]
        return output.astype(np.float32, copy=False)


def run_bound(session: Any, feed: Mapping[str, npt.NDArray[np.int64]], memory: str) -> npt.NDArray[np.float32]:
    """Run with inputs copied once into a device's memory and the logits left there until they are whole.

    Without it the provider copies each input where it is first used, and waits there. A binding belongs to
    one call: threads share the session, never a binding.

    Args:
        session: ONNX Runtime session with an output ``logits``.
        feed: inputs [B, S] by name.
        memory: ``cuda`` or ``cpu``.
    """
    value = import_onnxruntime().OrtValue
    binding = session.io_binding()
    for name, array in feed.items():
        binding.bind_ortvalue_input(name, value.ortvalue_from_numpy(np.ascontiguousarray(array), memory, 0))
    # Its shape follows from the inputs, so ONNX Runtime allocates it.
    binding.bind_output("logits", memory)
    session.run_with_iobinding(binding)
    output: npt.NDArray[np.float32] = binding.copy_outputs_to_cpu()[0]
    return output.astype(np.float32, copy=False)
