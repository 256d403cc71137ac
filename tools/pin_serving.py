"""Write serving/requirements*.txt anew: the service's packages and all they need, as installed here, with their hashes.

    python tools/pin_serving.py

Asks pip for the wheels of both Linux architectures on Python 3.11, so an image of either installs what was looked at
here and nothing else (`pip install --require-hashes`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

# What ackd_deploy.serving and the runtime import, and the command line that starts them.
ROOTS = (
    "bentoml", "click", "filelock", "httptools", "numpy", "onnxruntime", "prometheus-client", "pydantic", "pyyaml",
    "rich", "starlette", "tokenizers", "uvicorn", "uvloop",
)  # fmt: skip
SERVING = Path(__file__).resolve().parent.parent / "serving"
ARCHITECTURES = ("x86_64", "aarch64")
# Of glibc, from the newest that Debian's python:3.11-slim can run to the oldest that wheels are built for.
GLIBC_TAGS = (
    "manylinux_2_36", "manylinux_2_35", "manylinux_2_34", "manylinux_2_31", "manylinux_2_28", "manylinux_2_27",
    "manylinux_2_17", "manylinux2014", "manylinux_2_12", "manylinux_2_5",
)  # fmt: skip


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


def wheel_hashes(pins: dict[str, str]) -> dict[str, list[str]]:
    """Return the SHA-256 of each package's wheels, one for each architecture that has one of its own."""
    hashes: dict[str, set[str]] = {name: set() for name in pins}
    for architecture in ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.json")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
            command += ["--no-deps", "--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"]
            command += ["--target", folder, "--report", str(report)]
            for tag in GLIBC_TAGS:
                command += ["--platform", f"{tag}_{architecture}"]
            subprocess.run([*command, *(f"{name}=={version}" for name, version in pins.items())], check=True)
            for package in json.loads(report.read_text())["install"]:
                name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
                hashes[name].add(package["download_info"]["archive_info"]["hashes"]["sha256"])
    return {name: sorted(found) for name, found in hashes.items()}


def lines(pins: dict[str, str]) -> list[str]:
    hashes = wheel_hashes(pins)
    return [
        " \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{digest}" for digest in hashes[name])])
        for name, version in sorted(pins.items())
    ]


def write(file: Path, pins: dict[str, str]) -> None:
    heading = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(("#", "-r "))]
    file.write_text("\n".join([*heading, *lines(pins)]) + "\n", encoding="utf-8")
    sys.stdout.write(f"{file}: {len(pins)} packages\n")


def main() -> None:
    plain = closure(ROOTS)
    write(SERVING / "requirements.txt", plain)
    more = closure(("openvino",))
    write(SERVING / "requirements-openvino.txt", {name: more[name] for name in more.keys() - plain.keys()})


if __name__ == "__main__":
    main()
