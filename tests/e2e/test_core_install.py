"""The small installation: a wheel with the extra cpu, in an environment of its own, classifies without torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Measured: 183 MB and 31 packages on x86-64 Linux, of which ONNX Runtime and numpy are two thirds.
MOST_MEGABYTES = 260

pytestmark = [pytest.mark.slow, pytest.mark.network]


def run(*command: object, code: int = 0, **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | changed
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the wheel and what its extra cpu brings."""
    folder = tmp_path_factory.mktemp("core")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"the wheel could not be built, which needs hatchling from an index: {built.stderr.strip()[-200:]}")
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", folder / "venv")
    pins = ROOT / "constraints" / "cpu.txt"
    install = [folder / "venv" / "bin" / "pip", "install", "--quiet", "--no-compile", "-c", pins]
    run(*install, f"ackd-deploy[cpu] @ {wheel.as_uri()}")
    return folder / "venv" / "bin"


def test_it_is_small_and_holds_no_torch(installed: Path):
    listed = json.loads(run(installed / "pip", "list", "--format", "json").stdout)
    names = {package["name"].lower() for package in listed}
    assert {"ackd-deploy", "onnxruntime", "tokenizers", "numpy"} <= names
    assert not {"torch", "transformers", "datasets", "optimum", "onnx", "bentoml", "matplotlib", "scipy"} & names
    packages = next(installed.parent.glob("lib/python3*/site-packages"))
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file()) / 1e6
    assert size < MOST_MEGABYTES


def test_it_classifies_and_verifies(installed: Path, tiny_artifact: Path, tmp_path: Path):
    command = installed / "ackd-deploy"
    answer = run(command, "predict", "--artifact", tiny_artifact, "a warm film")
    assert json.loads(answer.stdout)["label"] in json.loads((tiny_artifact / "ackd.json").read_text())["labels"]
    run(command, "verify", tiny_artifact)
    for arguments in (["--help"], ["recipe", "list"], ["doctor"], ["recipe", "show", "quickstart"]):
        run(command, *arguments)
    # From a folder without recipes/ and docs/, as every user of a wheel is.
    run("env", "-C", tmp_path, command, "recipe", "validate", "--no-data", "recipes/quickstart.yaml")
    assert run(command, "docs", "http").stdout.startswith("# HTTP")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["distill", "quickstart"], "train"),
        (["run", "quickstart"], "export"),
        (["export"], "export"),
        (["report"], "report"),
        (["serve", "artifact"], "serve"),
    ],
)
def test_other_commands_name_their_extra(installed: Path, tmp_path: Path, arguments: list[str], extra: str):
    done = run(installed / "ackd-deploy", *arguments, code=4)
    assert re.search(rf"pip install 'ackd-deploy\[[a-z,]*{extra}", done.stderr)
    assert "Traceback" not in done.stderr
