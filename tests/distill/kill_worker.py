"""Distills a recipe again and again in forks of itself, each killed by SIGKILL at a given moment; used by test_resume.

    python kill_worker.py RECIPE FOLDER MOMENT...

A moment is ``fsync:N`` (die at the Nth), ``seconds:S`` or ``never``. Stops with the first child that ends by itself and
prints the children's exit codes as JSON. Forking saves each child the seconds that imports take.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path

import torch
import transformers.models.bert.modeling_bert  # noqa: F401 - imported before the forks

from ackd_deploy.distill import distill_run
from ackd_deploy.recipe import load_recipe
from ackd_deploy.run import Run


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


def child(recipe: Path, folder: Path, moment: str) -> None:
    kind, _, amount = moment.partition(":")
    if kind == "fsync":
        _die_after(int(amount))
    elif kind == "seconds":
        # No handler: the default action of SIGALRM ends the process wherever it is, as SIGKILL does.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, float(amount))
    run = Run.open(folder, load_recipe(recipe))
    with run.lock():
        distill_run(run, device="cpu")


def main() -> None:
    torch.set_num_threads(1)
    recipe, folder = Path(sys.argv[1]), Path(sys.argv[2])
    codes = []
    for moment in sys.argv[3:]:
        process = os.fork()
        if process == 0:
            try:
                child(recipe, folder, moment)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
        if codes[-1] == 0:
            break
    print(json.dumps(codes))


if __name__ == "__main__":
    main()
