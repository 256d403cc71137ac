"""Opening a run where a launcher (torchrun, accelerate launch) may have started several processes for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ackd_deploy.run import Run
from ackd_deploy.training.launcher import process_count, process_rank

__all__ = ["is_first", "opened_run"]


def is_first() -> bool:
    """Whether this process writes the output: the only one, or the launcher's first."""
    return process_rank() == 0


@contextmanager
def opened_run(open_it: Callable[[], Run], device: str) -> Iterator[Run]:
    """Open and lock a run; under a launcher the first process does that, and the others load the same run.

    Args:
        open_it: creates or resumes the run.
        device: value of --device.
    """
    if process_count() == 1:
        run = open_it()
        with run.lock():
            yield run
        return

    from ackd_deploy.training.device import resolve_device
    from ackd_deploy.training.process_group import join_process_group

    with join_process_group(resolve_device(device)) as group:
        if group.is_first:
            run = open_it()
            with run.lock():
                group.broadcast(str(run.folder))
                yield run
        else:
            from pathlib import Path

            yield Run.load(Path(group.broadcast(None)))
