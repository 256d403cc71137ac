"""Processes that write parts: each loads the artifact once and is given one part at a time."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ackd_deploy.bulk.job import Part
from ackd_deploy.errors import AckdError, EnvironmentProblem

__all__ = ["Work", "Write", "written_by_workers", "written_parts"]

Work = tuple[int, Any]
Worker = tuple[BaseProcess, Connection]
Write = Callable[[int, Any], Part]
_KEPT = "what is written so far is kept, and the same command goes on from there; out of memory? try fewer --workers"


def written_parts(make: Callable[[], Write], work: Iterator[Work], workers: int) -> Iterator[Part]:
    """Yield the record of each part as it is done, by this process alone or by several; see `written_by_workers`."""
    if workers > 1:
        yield from written_by_workers(make, work, workers)
        return
    first = next(work, None)
    if first is not None:
        write = make()
        yield write(*first)
        yield from (write(*following) for following in work)


def written_by_workers(make: Callable[[], Write], work: Iterable[Work], workers: int) -> Iterator[Part]:
    """Yield the record of each part as it is done, in any order.

    The processes end with the block that runs this generator, however it ends. They end too when this process is
    killed: their pipe then has no other end.

    Args:
        make: called once in each process, to load what it needs; can be pickled.
        work: number of each part, and what it is made of.
        workers: number of processes.

    Raises:
        EnvironmentProblem: a process died.
        AckdError: what a process raised.
    """
    # Not forked: a fork of a process with threads, such as those of the tokenizer, may lock itself up.
    context = multiprocessing.get_context("spawn")
    started: list[Worker] = []
    try:
        for number in range(workers):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(
                target=_serve, args=(theirs, make), name=f"predict-{number}", daemon=True
            )
            process.start()
            theirs.close()
            started.append((process, ours))
        yield from _handed_out(started, iter(work))
    finally:
        for process, ours in started:
            process.kill()
            process.join()
            ours.close()


def _handed_out(started: list[Worker], work: Iterator[Work]) -> Iterator[Part]:
    free = dict(enumerate(ours for _, ours in started))
    busy: dict[int, Connection] = {}
    # Read ahead by one, so that a process that becomes free waits for no reading.
    following = next(work, None)
    while following is not None or busy:
        while free and following is not None:
            place, pipe = free.popitem()
            try:
                pipe.send(following)
            except OSError as error:
                raise _died(started[place][0]) from error
            busy[place] = pipe
            following = next(work, None)
        for ready in wait(list(busy.values())):
            place = next(number for number, pipe in busy.items() if pipe is ready)
            answer = _received(busy[place], started[place][0])
            free[place] = busy.pop(place)
            yield answer


def _received(pipe: Connection, process: BaseProcess) -> Part:
    try:
        answer = pipe.recv()
    except (EOFError, OSError) as error:
        raise _died(process) from error
    if isinstance(answer, BaseException):
        raise answer
    part: Part = answer
    return part


def _died(process: BaseProcess) -> EnvironmentProblem:
    process.join(5)
    code = process.exitcode
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
    return EnvironmentProblem(f"a worker process {how}", hint=_KEPT)


def _serve(pipe: Connection, make: Callable[[], Write]) -> None:
    # Ctrl-C reaches all processes of a terminal: the first one decides, and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    write: Write | None = None
    while True:
        try:
            index, items = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            write = write or make()
            answer: Any = write(index, items)
        except AckdError as error:
            answer = error
        except Exception:  # whatever it is, it is told where it can be seen
            answer = RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
        try:
            pipe.send(answer)
        except OSError:
            return
