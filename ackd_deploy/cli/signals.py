"""Ending a command although native code holds the main thread."""

from __future__ import annotations

import os
import signal
import threading

__all__ = ["end_despite_native_code"]

_GRACE_SECONDS = 3.0


def end_despite_native_code() -> None:
    """Let SIGTERM and SIGINT end this process also while a run of the model goes on, or never ends.

    Python calls its signal handlers between two of its own instructions, and a run of a graph is one instruction. The
    system call behind it tells a thread of ours, which ends the process where the handlers have not within seconds. For
    commands that write nothing but by rename; a training needs its time to save its state.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch() -> None:
        while (received := os.read(reader, 1)) and received[0] not in (signal.SIGTERM, signal.SIGINT):
            continue
        threading.Event().wait(_GRACE_SECONDS)
        os._exit(130)

    threading.Thread(target=watch, name="signals", daemon=True).start()
