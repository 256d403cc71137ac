"""safetensors reports a full disk only in its message; this restores the OSError."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError

__all__ = ["os_errors"]


@contextmanager
def os_errors() -> Iterator[None]:
    """Turn a SafetensorError that reports a system error, such as a full disk, into that OSError."""
    try:
        yield
    except SafetensorError as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number)) from error
