"""A worker that does not outlive its supervisor."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent has ended, however that came about (Linux).

    Without it a supervisor that is killed leaves workers that go on answering, with no process to stop them.
    SIGKILL, since a worker that waits for a stuck model would not end by anything less.

    Args:
        parent: process id of the supervisor; where it has ended already, this process ends too.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # The kernel signals only deaths from here on.
    if os.getppid() != parent:
        os._exit(0)
