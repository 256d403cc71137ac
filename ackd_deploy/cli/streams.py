"""Standard streams that a terminal, a pipe or a service manager may have set up in any way."""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ["prepare_streams", "silence_stdout"]


def prepare_streams() -> None:
    """Make output possible whatever the streams are: none of them may end a command that has done its work.

    A closed stream becomes one that takes everything and keeps nothing. A stream that is not UTF-8 shows what it
    cannot encode as an escape, such as ``\\u2013``.
    """
    for name, descriptor in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            # Python found the descriptor closed. It must not be given to a file that is opened later.
            if not _is_open(descriptor):
                os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def silence_stdout() -> None:
    """Discard what is still written to stdout: Python flushes it at exit, into a pipe that has no reader."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
