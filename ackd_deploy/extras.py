"""The optional parts of an installation: which packages a command needs, asked before it begins."""

from __future__ import annotations

import importlib.util

from ackd_deploy.errors import MissingExtra

__all__ = ["EXTRAS", "install_hint", "need"]

# Modules that each extra of pyproject.toml brings and its commands import; ``datasets`` is needed by hub
# splits alone, and cyclonedx by `package`.
EXTRAS: dict[str, tuple[str, ...]] = {
    # The same module comes with the extra gpu; on a machine that has neither, cpu is what works anywhere.
    "cpu": ("onnxruntime",),
    "train": ("torch", "transformers", "safetensors", "scipy"),
    "export": ("torch", "transformers", "safetensors", "scipy", "onnx", "onnx_ir", "jinja2"),
    "report": ("jinja2", "matplotlib", "safetensors", "scipy"),
    "serve": ("bentoml", "starlette", "prometheus_client"),
    "parquet": ("pyarrow",),
    "ray": ("ray", "pyarrow"),
    "sign": ("model_signing", "OpenSSL"),
}


def install_hint(*extras: str) -> str:
    """Return the command that brings extras.

    >>> install_hint("train", "report")
    "pip install 'ackd-deploy[train,report]'"
    """
    return f"pip install 'ackd-deploy[{','.join(extras)}]'"


def need(*extras: str) -> None:
    """Check that extras are installed, without importing anything.

    Args:
        extras: of `EXTRAS`.

    Raises:
        MissingExtra: packages are missing; the hint names the extras that bring them.
    """
    missing = {extra: [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None] for extra in extras}
    wanted = [extra for extra, names in missing.items() if names]
    if wanted:
        names = ", ".join(dict.fromkeys(name for extra in wanted for name in missing[extra]))
        raise MissingExtra(f"this command needs packages that are not installed: {names}", hint=install_hint(*wanted))
