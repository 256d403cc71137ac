"""Open an ONNX Runtime session that runs where it was asked to run, on a file that was looked at first."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ackd_deploy.artifact.onnx_file import inspect_onnx
from ackd_deploy.errors import ArtifactError, MissingExtra, ProviderUnavailable, first_line
from ackd_deploy.runtime.cpu import effective_cpus
from ackd_deploy.runtime.engines.packages import onnxruntime_wheels, wheel_problem

__all__ = ["SHORT_NAMES", "import_onnxruntime", "is_cpu", "open_session", "provider_name"]

SHORT_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}

# TF32 rounds the factors of each product to 10 bits: an fp32 graph would then miss its own parity gate.
_OPTIONS: dict[str, dict[str, str]] = {"CUDAExecutionProvider": {"use_tf32": "0"}}


def import_onnxruntime() -> Any:
    """Import ONNX Runtime.

    Raises:
        MissingExtra: neither of its wheels is installed, or two of them have broken each other.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra(
            f"ONNX Runtime cannot be imported: {first_line(error)}",
            hint="install one of its wheels: pip install 'ackd-deploy[cpu]' or 'ackd-deploy[gpu]', never both",
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):
        raise MissingExtra(
            "the installed ONNX Runtime is an empty shell: two of its wheels overwrote each other, or one was removed",
            hint="pip uninstall -y onnxruntime onnxruntime-gpu, then install exactly one of them again",
        )
    return onnxruntime


def provider_name(provider: str) -> str:
    """Return ONNX Runtime's name of a provider: ``cpu`` becomes ``CPUExecutionProvider``; others pass."""
    return SHORT_NAMES.get(provider.lower(), provider)


def is_cpu(provider: str) -> bool:
    """Tell whether a provider, by either of its names, is the host's processor."""
    return provider_name(provider) == "CPUExecutionProvider"


def open_session(model: Path | bytes, provider: str = "cpu", threads: int | None = None) -> Any:
    """Open a session on one self-contained ONNX file (or the bytes of one).

    Args:
        model: the file; it is inspected first (artifact/onnx_file.py).
        provider: ``cpu``, ``cuda`` … or ONNX Runtime's own name of a provider.
        threads: threads of one run; None: as many processors as the cgroup grants.

    Raises:
        ProviderUnavailable: the provider is unknown, not in this build, or did not become active.
        ArtifactError: the file is missing, refused by the inspection, or not a valid graph.
    """
    onnxruntime = import_onnxruntime()
    wanted = provider_name(provider)
    _check_available(onnxruntime, wanted, provider)
    inspect_onnx(model).check()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = effective_cpus() if threads is None else threads
    options.inter_op_num_threads = 1
    # Its errors arrive as exceptions too. Its log would print names of the graph's nodes as they are, and a name may
    # hold what a terminal acts on.
    options.log_severity_level = 4
    # Spinning shortens a run by some percent where one session has the processors to itself, and multiplies its time
    # where several share them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers: list[Any] = [(wanted, _OPTIONS.get(wanted, {}))]
    if wanted != "CPUExecutionProvider":
        # Shape arithmetic runs on the CPU whatever the provider; ONNX Runtime adds it in any case.
        providers.append("CPUExecutionProvider")
        _preload(onnxruntime)
    try:
        session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), sess_options=options, providers=providers
        )
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        if wanted != "CPUExecutionProvider" and _loads_on_cpu(onnxruntime, model):
            raise ProviderUnavailable(
                f"provider {provider!r} cannot run here: {first_line(error)}",
                hint="'ackd-deploy doctor' shows which providers really load, and why not",
            ) from error
        where = "the graph" if isinstance(model, bytes) else str(model)
        raise ArtifactError(f"ONNX Runtime cannot load {where}: {first_line(error)}") from error
    # The list of what is available and the absence of an exception prove nothing: a provider whose
    # libraries are missing prints a line, and the CPU answers in its place.
    if wanted not in session.get_providers():
        raise ProviderUnavailable(
            f"provider {provider!r} was asked for but did not become active "
            f"(the session would run on {', '.join(session.get_providers())})",
            hint="'ackd-deploy doctor' shows which providers really load, and why not",
        )
    session.disable_fallback()
    return session


def _check_available(onnxruntime: Any, wanted: str, provider: str) -> None:
    available = onnxruntime.get_available_providers()
    if wanted not in available:
        known = {name: short for short, name in SHORT_NAMES.items()}
        shown = ", ".join(known.get(name, name) for name in available)
        hint = f"available in this build of ONNX Runtime: {shown}"
        wheels = onnxruntime_wheels()
        if len(wheels) > 1:
            hint = str(wheel_problem(wheels))
        elif wanted == "CUDAExecutionProvider":
            hint += "; for CUDA install ackd-deploy[gpu] in an environment without ackd-deploy[cpu]"
        raise ProviderUnavailable(f"provider {provider!r} is not in this build of ONNX Runtime", hint=hint)


def _loads_on_cpu(onnxruntime: Any, model: Path | bytes) -> bool:
    """Return whether the graph itself is sound, so that the fault is the provider's."""
    try:
        onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), providers=["CPUExecutionProvider"]
        )
    except Exception:  # ONNX Runtime's exceptions share no base class but Exception
        return False
    return True


def _preload(onnxruntime: Any) -> None:
    """Let ONNX Runtime find CUDA and cuDNN inside the nvidia-* packages, where they are installed by pip."""
    if hasattr(onnxruntime, "preload_dlls"):
        try:
            # It prints what it does not find on stdout, where results go.
            with redirect_stdout(sys.stderr):
                onnxruntime.preload_dlls()
        except Exception:  # libraries on the system path serve as well; what counts is asked of the session
            return
