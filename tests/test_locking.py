"""One lock with two ways to meet another holder: fail at once, or wait."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ackd_deploy.locking import exclusive

HOLD = """
import sys, time
from pathlib import Path
from ackd_deploy.locking import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
    Path(sys.argv[1] + ".released").touch()
"""


def holder(path: Path, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_file_and_its_folder_are_made(tmp_path: Path) -> None:
    with exclusive(tmp_path / "a" / "b" / ".lock"):
        assert (tmp_path / "a" / "b" / ".lock").is_file()


def test_without_waiting_another_holder_is_an_error_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with holder(path, 60) as process:
        try:
            with pytest.raises(BlockingIOError, match="held by another process"), exclusive(path, wait=False):
                pytest.fail("two hold the lock")
        finally:
            process.kill()
    with exclusive(path, wait=False):
        pass


def test_waiting_ends_when_the_other_is_done(tmp_path: Path) -> None:
    path, began = tmp_path / ".lock", time.monotonic()
    with holder(path, 0.5), exclusive(path):
        assert Path(f"{path}.released").exists()
        assert time.monotonic() - began >= 0.5


def test_an_error_inside_frees_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / ".lock"):
        _ = 1 / 0
    with exclusive(tmp_path / ".lock", wait=False):
        pass
