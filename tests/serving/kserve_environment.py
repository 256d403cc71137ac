"""An environment apart for public KServe packages, which do not resolve beside ours; made on first use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.serving.running_service import ROOT

FOLDER = ROOT / ".venv-kserve"
PINS = ROOT / "constraints" / "kserve_client.txt"
SCRIPTS = Path(__file__).parent / "kserve_scripts"


class IndexUnreachable(Exception):
    """No package index answered; the message is pip's."""


def interpreter() -> Path:
    """Return the Python that has the pinned packages; install them where they are missing or others.

    Raises:
        IndexUnreachable: nothing could be fetched. Any other failure of pip is an AssertionError.
    """
    python, stamp = FOLDER / "bin" / "python", FOLDER / ".installed"
    wanted = f"{sys.version}\n{PINS.read_text()}"
    (ROOT / ".cache").mkdir(exist_ok=True)
    with FileLock(ROOT / ".cache" / "kserve.lock"):
        if not (stamp.is_file() and stamp.read_text() == wanted):
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
            command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "-r", str(PINS)]
            command += ["--disable-pip-version-check", "--retries", "1"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
            if done.returncode and ("Retrying (" in done.stderr or "PIP_NO_INDEX" in os.environ):
                raise IndexUnreachable(done.stderr.strip().splitlines()[-1])
            assert done.returncode == 0, done.stderr
            stamp.write_text(wanted)
    return python


@pytest.fixture(scope="session")
def kserve_python() -> Path:
    """Python of the environment apart."""
    try:
        return interpreter()
    except IndexUnreachable as error:
        pytest.skip(f"no package index to install constraints/kserve_client.txt from: {error}")


def run_script(python: Path, name: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of kserve_scripts/ there, with ``given`` on its standard input."""
    # Of our own environment nothing may leak in: it holds packages of the same names.
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(python), str(SCRIPTS / name), *arguments],
        input=given, capture_output=True, text=True, env=variables, timeout=120, check=False,
    )  # fmt: skip
