"""The same ``model.onnx`` under OpenVINO, an optional extra: on processors with bfloat16 it computes in that."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ackd_deploy.artifact.onnx_file import inspect_onnx
from ackd_deploy.errors import ArtifactError, MissingExtra, ProviderUnavailable, first_line
from ackd_deploy.extras import install_hint
from ackd_deploy.runtime.cpu import effective_cpus
from ackd_deploy.runtime.engines.base import SessionFacts
from ackd_deploy.runtime.engines.session import is_cpu

__all__ = ["HINT", "OpenVinoSession", "import_openvino", "openvino_facts"]

HINT = install_hint("openvino")

# Our names of precisions and OpenVINO's.
_HINTS = {"fp32": "f32", "bf16": "bf16"}


def import_openvino() -> Any:
    """Import OpenVINO.

    Raises:
        MissingExtra: it is not installed, or its libraries do not load.
    """
    try:
        import openvino
    except ImportError as error:
        reason = (
            "isn't installed" if isinstance(error, ModuleNotFoundError) else f"can't be imported: {first_line(error)}"
        )
        raise MissingExtra(f"OpenVINO {reason}", hint=HINT) from error
    if not hasattr(openvino, "Core"):
        raise MissingExtra("the installed OpenVINO is an empty shell", hint=f"pip uninstall -y openvino, then {HINT}")
    return openvino


def openvino_facts() -> dict[str, object]:
    """Return whether OpenVINO loads here, with its devices and the CPU's precisions or the reason why not."""
    try:
        core = import_openvino().Core()
        # Its list holds BIN and EXPORT_IMPORT as well; what a variant can use is shown.
        able = [
            name for name in ("FP32", "BF16", "INT8") if name in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        ]
    except MissingExtra as error:
        return {"loads": False, "detail": f"{error.message} (optional: {error.hint})"}
    except RuntimeError as error:
        return {"loads": False, "detail": _reason(error)}
    return {"loads": True, "detail": f"version {metadata.version('openvino')}; CPU computes in {', '.join(able)}"}


class OpenVinoSession:
    """See `ackd_deploy.runtime.engines.base.EngineSession`.

    Raises:
        MissingExtra: OpenVINO is not installed.
        ProviderUnavailable: another provider than the CPU was asked for, or it does not support the precision.
        ArtifactError: the file is refused by the inspection, or OpenVINO cannot load it.
    """

    def __init__(self, model: Path, provider: str = "cpu", threads: int | None = None, precision: str = "fp32") -> None:
        if not is_cpu(provider):
            raise ProviderUnavailable(
                f"OpenVINO runs on the CPU here, and provider {provider!r} was asked for",
                hint="take --provider cpu, or a variant that runs under ONNX Runtime",
            )
        openvino = import_openvino()
        # By its name OpenVINO chooses a reader; only ONNX was inspected.
        if model.suffix != ".onnx":
            raise ArtifactError(f"{model} is not named .onnx, so OpenVINO would read it as another format")
        self._inputs = frozenset(inspect_onnx(model).check().inputs)
        hint = _HINTS.get(precision)
        if hint is None:
            raise ArtifactError(f"{model} is to run under OpenVINO in {precision}; it can in {', '.join(_HINTS)}")
        core = openvino.Core()
        try:
            compiled = core.compile_model(
                core.read_model(model),
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": hint,
                    "INFERENCE_NUM_THREADS": effective_cpus() if threads is None else threads,
                    # All threads work on one run, as ONNX Runtime's do.
                    "NUM_STREAMS": 1,
                    # Pinned, the threads of several processes would all sit on the first processors.
                    "ENABLE_CPU_PINNING": False,
                },
            )
            self._output = compiled.output("logits")
        except RuntimeError as error:
            raise ArtifactError(f"OpenVINO cannot load {model}: {_reason(error)}") from error
        frozen = [value.any_name for value in compiled.inputs if any(axis.is_static for axis in value.partial_shape)]
        if frozen:
            # ONNX Runtime refuses an array of another shape; OpenVINO runs on the part of it that fits.
            raise ArtifactError(f"{model} has a frozen axis in {', '.join(sorted(frozen))}")
        got = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        if got != hint:
            raise ProviderUnavailable(
                f"OpenVINO computes in {got} on this processor, and {hint} was asked for",
                hint="export again on a machine like this one, or take variant fp32",
            )
        self._facts = SessionFacts("openvino", "CPU", precision, int(compiled.get_property("INFERENCE_NUM_THREADS")))
        self._compiled = compiled
        # A request holds one run's buffers: as many are made as threads have ever run at once.
        self._idle: list[Any] = []

    @property
    def facts(self) -> SessionFacts:
        """What it runs with."""
        return self._facts

    def run(self, feed: Mapping[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
        """Return the logits [B, C] of inputs [B, S] by name."""
        if self._inputs != feed.keys():
            # OpenVINO would take the last run's array for a missing one, without a word.
            raise ValueError(f"the graph takes {sorted(self._inputs)}, and was given {sorted(feed)}")
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            output: npt.NDArray[np.float32] = request.infer(dict(feed))[self._output]
        except RuntimeError as error:
            raise RuntimeError(_reason(error)) from error
        finally:
            self._idle.append(request)
        return output.astype(np.float32, copy=False)


def _reason(error: BaseException) -> str:
    """Return the line of an OpenVINO error that says something; those before it name its source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return telling[0][:300] if telling else first_line(error)
