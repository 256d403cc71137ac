"""Named members out of archives, without trusting any name or size that the archive gives."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ackd_deploy.errors import ArtifactError

__all__ = ["tar_member", "zip_members"]

_MAX_BYTES = 500_000_000


def zip_members(archive: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield (our name, content) for each wanted member; only our names ever reach the disk.

    Args:
        archive: a zip file or wheel.
        wanted: member name to our name.

    Raises:
        ArtifactError: the archive is damaged, a member is missing or larger than 500 MB.
    """
    try:
        with zipfile.ZipFile(archive) as container:
            for member, name in wanted.items():
                with container.open(member) as stream:
                    yield name, _bounded(stream.read(_MAX_BYTES + 1), member)
    except (KeyError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise ArtifactError(f"{archive.name} is not the archive that was expected: {error}") from error


def tar_member(archive: bytes, member: str, sha256: str) -> bytes:
    """Return the content of one regular file in a gzipped tar.

    Raises:
        ArtifactError: the archive is damaged, or the member is missing, no regular file, too large, or fails its
            checksum.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as container:
            info = container.getmember(member)
            stream = container.extractfile(info) if info.isreg() else None
            if stream is None:
                raise ArtifactError(f"{member} is no regular file")
            content = _bounded(stream.read(_MAX_BYTES + 1), member)
    except (KeyError, tarfile.TarError, EOFError, OSError) as error:
        raise ArtifactError(f"{member} cannot be unpacked: {error}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactError(f"{member} fails its pinned checksum")
    return content


def _bounded(content: bytes, name: str) -> bytes:
    if len(content) > _MAX_BYTES:
        raise ArtifactError(f"{name} is larger than {_MAX_BYTES} bytes")
    return content
