"""A .npy file that grows: written in chunks, its length known only at the end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["NpyWriter"]


class NpyWriter:
    """Write a one-dimensional .npy array chunk by chunk, so that it never stands in memory as a whole.

    NumPy pads the header so that a longer shape fits in the same bytes; `close` writes the final one over the
    first.
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._count = 0
        self._stream = path.open("wb")
        self._write_header()
        self._header_bytes = self._stream.tell()

    def append(self, chunk: npt.NDArray[Any]) -> None:
        """Add a chunk, [n] of the array's own type."""
        if chunk.ndim != 1 or chunk.dtype != self._dtype:
            raise ValueError(f"expected one axis of {self._dtype}, got shape {chunk.shape} of {chunk.dtype}")
        self._stream.write(np.ascontiguousarray(chunk).data)
        self._count += len(chunk)

    def close(self) -> None:
        """Write the final shape and close the file."""
        if self._stream.closed:
            return
        self._stream.seek(0)
        self._write_header()
        same = self._stream.tell() == self._header_bytes
        self._stream.close()
        if not same:
            raise RuntimeError("NumPy's header grew, and the first numbers of the array are overwritten")

    def _write_header(self) -> None:
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._count,)}
        np.lib.format.write_array_header_1_0(self._stream, header)

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
