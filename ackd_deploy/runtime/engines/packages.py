"""Which packages are installed, read from their metadata: nothing is imported for it."""

from __future__ import annotations

from importlib import metadata

__all__ = ["installed_versions", "onnxruntime_wheels", "wheel_problem"]

_SHOWN = (
    "ackd-deploy", "numpy", "tokenizers", "onnxruntime", "onnxruntime-gpu", "openvino", "torch", "transformers",
    "optimum", "optimum-onnx", "onnx", "datasets", "accelerate", "bentoml", "safetensors", "pydantic",
)  # fmt: skip

# All of them unpack into the one folder onnxruntime/.
_WHEELS = (
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml", "onnxruntime-rocm",
    "onnxruntime-migraphx", "onnxruntime-qnn", "onnxruntime-training", "ort-nightly", "ort-nightly-gpu",
)  # fmt: skip


def installed_versions() -> dict[str, str | None]:
    """Return the version of each package that matters here, None where it is not installed."""
    return {name: _version(name) for name in _SHOWN}


def onnxruntime_wheels() -> dict[str, str]:
    """Return the installed wheels that provide the module ``onnxruntime``, with their versions."""
    found = {name: _version(name) for name in _WHEELS}
    return {name: version for name, version in found.items() if version is not None}


def wheel_problem(wheels: dict[str, str]) -> str | None:
    """Return what is wrong with the set of ONNX Runtime wheels, or None."""
    if not wheels:
        return "no ONNX Runtime is installed: pip install 'ackd-deploy[cpu]' or 'ackd-deploy[gpu]'"
    if len(wheels) == 1:
        return None
    both = " and ".join(f"{name} {version}" for name, version in wheels.items())
    return (
        f"{both} are both installed. They are one importable module: the one installed last has overwritten files of "
        "the other, so that providers vanish or versions mix, and removing either leaves a broken rest. "
        f"Mend it: pip uninstall -y {' '.join(wheels)}, then install exactly one extra, cpu or gpu"
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
