"""Distils a recipe in a process of its own, and sends itself SIGKILL at a given moment; used by test_resume."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import torch

torch.set_num_threads(1)


def _die_after(calls: int) -> None:
    """Die at the Nth fsync: before, inside and between the writes of checkpoints, manifests and weights."""
    real = os.fsync
    state = {"left": calls}

    def fsync(handle: int) -> None:
        state["left"] -= 1
        if state["left"] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        real(handle)

    os.fsync = fsync


def main() -> None:
    recipe, folder, moment = sys.argv[1:4]
    kind, _, amount = moment.partition(":")
    if kind == "fsync":
        _die_after(int(amount))
    if kind == "seconds":
        timer = threading.Timer(float(amount), os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True

    from ackd_deploy.distill import distill_run
    from ackd_deploy.recipe import load_recipe
    from ackd_deploy.run import Run

    if kind == "seconds":
        # Imports take seconds and the training fractions of one: the clock starts here.
        timer.start()
    run = Run.open(Path(folder), load_recipe(Path(recipe)))
    with run.lock():
        distill_run(run, device="cpu")
    # Not a normal exit: a timer that is still running must not hit the interpreter's end.
    os._exit(0)


if __name__ == "__main__":
    main()
