"""Files are whole or absent, and paths stay where they belong."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy import files
from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import expanded, read_bounded, read_json


def test_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic_file(path) as stream:
        stream.write(b"new, half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="Out of range"):
        files.write_json(path, {"x": float("nan")})
    assert files.read_json(path) == {"x": 1}


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b""])
def test_damaged_json_is_an_artifact_error(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a\.json"):
        files.read_json(path)


def test_missing_json_is_an_artifact_error(tmp_path):
    with pytest.raises(ArtifactError, match="missing"):
        files.read_json(tmp_path / "a.json")


def test_folder_replaces_the_old_one_whole(tmp_path):
    final = tmp_path / "artifact"
    for content in ("one", "two"):
        with files.atomic_folder(final) as folder:
            (folder / content).write_text(content)
    assert [p.name for p in final.iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["artifact"]


def test_failed_folder_leaves_the_old_one(tmp_path):
    final = tmp_path / "artifact"
    with files.atomic_folder(final) as folder:
        (folder / "one").write_text("one")
    with pytest.raises(RuntimeError), files.atomic_folder(final) as folder:
        (folder / "two").write_text("two")
        raise RuntimeError
    assert [p.name for p in final.iterdir()] == ["one"]
    assert [p.name for p in tmp_path.iterdir()] == ["artifact"]


KILLED_BETWEEN_RENAMES = """
import os, signal, sys
from pathlib import Path
from ackd_deploy import files
final = Path(sys.argv[1])
rename, calls = Path.rename, []
def dying(self, target):
    result = rename(self, target)
    calls.append(target)
    if len(calls) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
Path.rename = dying
with files.atomic_folder(final) as folder:
    (folder / "two").write_text("two")
"""


def test_folder_killed_between_its_renames_is_brought_back(tmp_path):
    final = tmp_path / "artifact"
    with files.atomic_folder(final) as folder:
        (folder / "one").write_text("one")
    ended = subprocess.run([sys.executable, "-c", KILLED_BETWEEN_RENAMES, str(final)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not final.exists()
    files.restore_folder(final)
    files.remove_leftovers(tmp_path)
    assert [p.name for p in final.iterdir()] == ["one"]
    assert [p.name for p in tmp_path.iterdir()] == ["artifact"]


def test_checksums_of_a_folder_leave_out_folders(tmp_path):
    (tmp_path / "b").write_bytes(b"abc")
    (tmp_path / "inner").mkdir()
    assert files.sha256_folder(tmp_path) == {"b": hashlib.sha256(b"abc").hexdigest()}


def test_checksum_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert files.sha256_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256_file(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "link/x", "a\0b"])
def test_paths_that_leave_are_refused(tmp_path, name):
    base = tmp_path / "base"
    base.mkdir()
    (base / "link").symlink_to(tmp_path)
    with pytest.raises(ArtifactError):
        files.confined(base, name)


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "b", "/"]), min_size=1, max_size=6))
def test_confined_never_leaves(parts):
    base = Path("/tmp/base-of-a-test")
    try:
        target = files.confined(base, "/".join(parts))
    except ArtifactError:
        return
    assert os.path.commonpath([base, target]) == str(base)


@pytest.mark.parametrize(("mask", "file_mode", "folder_mode"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
def test_permissions_are_what_the_umask_leaves(tmp_path, mask, file_mode, folder_mode):
    before = os.umask(mask)
    try:
        files.write_text(tmp_path / "a.txt", "x")
        with files.atomic_folder(tmp_path / "folder") as folder:
            (folder / "inner").mkdir()
            private = folder / "inner" / "weights"
            private.touch(mode=0o600)
            private.chmod(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == file_mode
    assert (tmp_path / "folder").stat().st_mode & 0o777 == folder_mode
    assert (tmp_path / "folder" / "inner").stat().st_mode & 0o777 == folder_mode
    assert (tmp_path / "folder" / "inner" / "weights").stat().st_mode & 0o777 == file_mode


@pytest.mark.timeout(20)
def test_bounded_reading_takes_regular_files_alone(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bounded(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_bounded(tmp_path / "file", 4)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            read_bounded(path, 100)
        with pytest.raises(ArtifactError, match="not a regular file"):
            read_json(path)


def test_a_home_folder_of_nobody_stays_as_it_is():
    assert expanded("~no-such-user/x") == Path("~no-such-user/x")
    assert expanded("~/x") == Path.home() / "x"
