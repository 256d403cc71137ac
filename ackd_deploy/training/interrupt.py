"""Ctrl-C and SIGTERM during training: finish the step, write a checkpoint, then exit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Interruption", "interruption"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether this process was asked to stop; called as a function."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """Return ``asked``."""
        return self.asked


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Record the first SIGINT or SIGTERM instead of raising; the second one acts at once, as before.

    Does nothing outside the main thread, where Python allows no handlers.
    """
    state = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield state
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def note(number: int, frame: Any) -> None:
        state.asked = True
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
