"""Standard streams of every kind, and errors of the operating system: one line, the right code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "ackd_deploy"]


def run(*arguments: object, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *map(str, arguments)]
    if shell:
        command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_table_on_a_stream_of_another_encoding(tiny_artifact: Path, tmp_path: Path, encoding: str):
    folder = tmp_path / "é – model"
    folder.symlink_to(tiny_artifact)
    done = run("verify", folder, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert b"golden samples" in done.stdout
    done.stdout.decode(encoding)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(tiny_artifact: Path, closed: str):
    done = run("predict", "--artifact", tiny_artifact, "a warm film", shell=closed)
    assert done.returncode == 0
    assert b"Traceback" not in done.stdout + done.stderr
    if closed == "2>&-":
        assert b'"label"' in done.stdout


def test_a_reader_that_stops_reading_is_no_error(tiny_artifact: Path, tmp_path: Path):
    texts = tmp_path / "texts.txt"
    texts.write_text("a warm film\n" * 20_000)
    done = run("predict", "--artifact", tiny_artifact, "--input", texts, shell="| head -n 1")
    assert done.stdout.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="drops root's right to read everything")
def test_what_may_not_be_read_or_written(tiny_artifact: Path, tmp_path: Path):
    import shutil

    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    artifact = shutil.copytree(tiny_artifact, tmp_path / "artifact")
    (artifact / "model.onnx").chmod(0)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    plain = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", *COMMAND]
    for arguments, named in (
        (["predict", "--artifact", str(artifact), "good"], "model.onnx"),
        (["verify", str(artifact)], "model.onnx"),
        (["predict", "--artifact", str(tiny_artifact), "good", "--output", str(locked / "x.jsonl")], "locked"),
        (["recipe", "init", str(locked / "x.yaml"), "--train", "a", "--validation", "b", "--model", "m"], "locked"),
    ):
        done = subprocess.run([*plain, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 4, (arguments, done.stderr)
        assert "Permission denied" in done.stderr
        assert named in done.stderr
        assert "Traceback" not in done.stderr
