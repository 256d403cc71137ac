"""Files that are either whole or absent: atomic writes, checksums, confined paths.

Each write goes to a temporary name in the same folder, is fsynced, and then takes its final name by
one rename, so that a crash at any point leaves the old file or the new one and never half of either.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ackd_deploy.errors import ArtifactError, first_line
from ackd_deploy.json_text import parse_json

__all__ = [
    "atomic_file",
    "atomic_folder",
    "confined",
    "expanded",
    "fsync_folder",
    "read_bounded",
    "read_json",
    "remove_leftovers",
    "restore_folder",
    "sha256_file",
    "sha256_folder",
    "write_bytes",
    "write_json",
    "write_text",
]

_TEMPORARY = ".tmp-"
_MAX_JSON = 100_000_000


def fsync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the name ``path`` only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY, suffix=f"-{path.name}", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes private files; what we write is meant to be read like any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """Return this process's umask; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _open_up(folder: Path) -> None:
    """Give a folder, and all in it, the permissions that the umask leaves: libraries write some files as private."""
    mask = _umask()
    folder.chmod(0o777 & ~mask)
    for entry in folder.rglob("*"):
        if not entry.is_symlink():
            entry.chmod((0o777 if entry.is_dir() else 0o666) & ~mask)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically."""
    with atomic_file(path) as stream:
        stream.write(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` as UTF-8, atomically."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically; NaN and infinities are refused."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most ``limit`` bytes: the file that was opened is the one that is checked.

    Raises:
        OSError: it cannot be read, is larger, or is a pipe or a device, which may give bytes without end or none.
    """
    # Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with open(handle, "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EINVAL, f"larger than {limit:,} bytes", str(path))
    return content


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ArtifactError: the file is missing, no regular file, too large, or holds no JSON.
    """
    try:
        return parse_json(read_bounded(path, _MAX_JSON))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ArtifactError(f"{path} is not valid JSON: {first_line(error)}") from error


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Fill a temporary folder that takes the name ``final`` when the block ends without an error.

    An older folder of that name stays untouched until the new one is whole, and is removed last. A
    process killed between the two renames leaves it under ``.old-NAME``, and `restore_folder` (called
    here too) brings it back.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(final)
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, suffix=f"-{final.name}", dir=final.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
        _open_up(temporary)
        if final.exists():
            # rename(2) cannot replace a folder that has files, so the old one steps aside first.
            final.rename(_aside(final))
            temporary.rename(final)
            shutil.rmtree(_aside(final))
        else:
            temporary.rename(final)
        fsync_folder(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _aside(final: Path) -> Path:
    return final.with_name(f".old-{final.name}")


def restore_folder(final: Path) -> None:
    """Undo a replacement of ``final`` that was killed half-way; otherwise do nothing."""
    if not _aside(final).exists():
        return
    if final.exists():
        shutil.rmtree(_aside(final))
    else:
        _aside(final).rename(final)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders that a killed process left directly inside ``folder``."""
    for leftover in folder.glob(f"{_TEMPORARY}*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_folder(folder: Path) -> dict[str, str]:
    """Return name and SHA-256 of each file directly inside ``folder``, in the order of names."""
    return {file.name: sha256_file(file) for file in sorted(folder.iterdir()) if file.is_file()}


def expanded(path: str) -> Path:
    """Return a path with ``~`` as the user's own folder; as it is where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def confined(base: Path, relative: str) -> Path:
    """Return ``base / relative`` after checking that it stays inside ``base``, links resolved.

    Raises:
        ArtifactError: the path is absolute, climbs out with ``..``, or leaves through a link.
    """
    root = base.resolve()
    if "\0" in relative or Path(relative).is_absolute():
        raise ArtifactError(f"path {relative!r} is not allowed: it must be relative to {base}")
    try:
        target = (root / relative).resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        raise ArtifactError(f"path {relative[:200]!r} cannot be followed: {error}") from error
    if not target.is_relative_to(root):
        raise ArtifactError(f"path {relative!r} leads outside {base}")
    return target
