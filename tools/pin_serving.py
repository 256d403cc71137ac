"""Write serving/requirements.txt anew: the service's packages and all they need, as installed here."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

# What ackd_service and the runtime import, and the command line that starts them.
ROOTS = (
    "bentoml", "click", "filelock", "httptools", "numpy", "onnxruntime", "prometheus-client", "pydantic", "pyyaml",
    "rich", "starlette", "tokenizers", "uvicorn", "uvloop",
)  # fmt: skip
FILE = Path(__file__).resolve().parent.parent / "serving" / "requirements.txt"


def closure(roots: tuple[str, ...]) -> dict[str, str]:
    """Return name and version of the packages and of everything that they need on this platform."""
    found: dict[str, str] = {}

    def walk(name: str, extras: tuple[str, ...]) -> None:
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            return
        distribution = metadata.distribution(name)
        found[key] = distribution.version
        for line in distribution.requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or ("",)):
                walk(needed.name, tuple(needed.extras))

    for root in roots:
        walk(root, ())
    return found


def main() -> None:
    heading = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    pins = [f"{name}=={version}" for name, version in sorted(closure(ROOTS).items())]
    FILE.write_text("\n".join([*heading, *pins]) + "\n", encoding="utf-8")
    sys.stdout.write(f"{FILE}: {len(pins)} packages\n")


if __name__ == "__main__":
    main()
