"""The versions of the packages that shape a run, without importing them."""

from __future__ import annotations

import platform
from importlib import metadata

from ackd_deploy.version import __version__

__all__ = ["package_versions"]

_PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "optimum", "onnx", "onnxruntime", "bentoml", "numpy")


def package_versions() -> dict[str, str]:
    """Return name and version of ackd-deploy, Python and each of these packages that is installed."""
    versions = {"ackd-deploy": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
