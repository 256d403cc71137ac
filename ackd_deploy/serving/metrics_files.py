"""The files through which several workers share their metrics, so that a full disk kills none of them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

__all__ = ["METRICS_BYTES", "forget_ended", "reserve_files"]

# A file's entries take some 200 bytes each: routes by status, buckets by route, and at most 200 labels.
_FILE_BYTES = 262_144
# prometheus_client keeps a file for each kind: counters, histograms, and two modes of gauges.
METRICS_BYTES = 4 * _FILE_BYTES


class _ReservedFile(MmapedDict):
    """prometheus_client maps a file with holes, and writing where the disk has no block to give is SIGBUS."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            with open(filename, "ab") as file:
                os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]


def reserve_files() -> None:
    """Have this process's metrics files take their space when they are made; then OSError says that there is none."""
    setattr(values, "MmapedDict", _ReservedFile)  # noqa: B010  (the name is not the module's own)


def forget_ended(folder: Path, pid: int) -> None:
    """Give back what an ended worker had reserved. Its counters stay, since sums over workers must not fall."""
    for path in folder.glob(f"*_{pid}.db"):
        with path.open("rb") as file:
            head = file.read(4)
        used = struct.unpack("i", head)[0] if len(head) == 4 else 0
        if used < path.stat().st_size:
            os.truncate(path, used)
