"""Worker processes on one listening socket: started, started again when one ends, and stopped together.

BentoML's supervisor (circus) is not used. It listens on two TCP sockets without authentication, through which any
local user reads the workers' environment and starts commands; it drops a SIGTERM that comes while it starts a worker
again; and its workers outlive it. This one has no control channel but signals:

    SIGTERM, SIGINT, SIGHUP   drain and end; a second one ends at once

SIGHUP that was ignored at the start (nohup) stays ignored.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ackd_deploy.errors import EnvironmentProblem
from ackd_deploy.serving.logs import log

__all__ = ["Supervisor"]

# A worker that ends sooner than this after its start counts as one that cannot start, and the next waits longer.
_SETTLED_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 5.0
# Before any worker was ready: the service cannot start, and trying on would hide it.
_MOST_FAILED_STARTS = 5
_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class _Place:
    """A worker's number, its process, and how its starts went."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failed_starts: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Runs ``workers`` processes that accept on ``listener``.

    Attributes:
        command: returns the command line of worker 1, 2, … ; the listener's descriptor is passed on.
        ended: called with the process id of a worker that ended by itself.
        drain_seconds: from the first signal until workers that still run are killed.
        was_ready: set by whoever saw the service ready; from then on failing workers are started again for ever.
    """

    listener: socket.socket
    workers: int
    command: Callable[[int], list[str]]
    environment: dict[str, str]
    working_directory: str
    drain_seconds: float
    ended: Callable[[int], None] = lambda pid: None
    was_ready: threading.Event = field(default_factory=threading.Event)
    _stops: int = 0
    _wake_reader: int = -1
    _wake_writer: int = -1

    def stop(self) -> None:
        """Drain and end, from any thread."""
        self._stops += 1
        with contextlib.suppress(OSError):  # full: it wakes anyhow; closed: it has ended
            os.write(self._wake_writer, b"\0")

    def run(self) -> None:
        """Serve until a signal or ``stop()``; all workers have ended when it returns.

        Raises:
            EnvironmentProblem: workers ended again and again before the service was ready.
        """
        places = [_Place(number) for number in range(1, self.workers + 1)]
        with self._signals():
            try:
                while not self._stops:
                    for place in places:
                        self._look_after(place)
                    self._wait(_LOOK_SECONDS if all(place.process for place in places) else 0.05)
            finally:
                self._end([place.process for place in places if place.process is not None])

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

        def stop(number: int, frame: object) -> None:
            self._stops += 1

        # SIGCHLD needs a handler to wake this process up when a worker ends.
        handlers: dict[int, Callable[[int, object], None]] = {signal.SIGCHLD: lambda number, frame: None}
        for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if ending != signal.SIGHUP or signal.getsignal(ending) is not signal.SIG_IGN:
                handlers[ending] = stop
        # The wake-up pipe makes a signal that comes between a check and the wait after it end that wait.
        before = signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        replaced = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in replaced.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            os.close(self._wake_reader)
            os.close(self._wake_writer)
            self._wake_writer = -1

    def _wait(self, seconds: float) -> None:
        if select.select([self._wake_reader], [], [], max(0.0, seconds))[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_reader, 4096)

    def _look_after(self, place: _Place) -> None:
        now = time.monotonic()
        if place.process is not None:
            if place.process.poll() is None:
                return
            ending = _ending(place.process.returncode)
            settled = now - place.started >= _SETTLED_SECONDS
            place.failed_starts = 0 if settled else place.failed_starts + 1
            if place.failed_starts >= _MOST_FAILED_STARTS and not self.was_ready.is_set():
                raise EnvironmentProblem(
                    f"the service cannot start: worker {place.number} {ending}, {place.failed_starts} times in a row",
                    hint="its messages stand above",
                )
            pause = min(_LONGEST_PAUSE_SECONDS, 0.1 * 2**place.failed_starts) if place.failed_starts else 0.0
            fields = {"event": "worker_ended", "worker": place.number, "pid": place.process.pid, "ending": ending}
            log.warning("worker %d %s; it is started again", place.number, ending, extra={"fields": fields})
            self.ended(place.process.pid)
            place.process, place.not_before = None, now + pause
        if now >= place.not_before and not self._stops:
            place.started = now
            # From the main thread, as the kernel's parent-death signal asks. In a group of its own, so that Ctrl-C
            # reaches the supervisor alone, which then drains.
            place.process = subprocess.Popen(
                self.command(place.number),
                env=self.environment,
                cwd=self.working_directory,
                stdin=subprocess.DEVNULL,
                pass_fds=[self.listener.fileno()],
                process_group=0,
            )

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        # Closed here too, or connections would go on being accepted by the kernel with no worker to answer them.
        self.listener.close()
        for process in processes:
            process.terminate()
        end, stops = time.monotonic() + self.drain_seconds, self._stops
        while (running := [process for process in processes if process.poll() is None]) and self._stops <= max(
            1, stops
        ):
            if time.monotonic() >= end:
                break
            self._wait(min(_LOOK_SECONDS, end - time.monotonic()))
        for process in running:
            log.error("worker %d did not end in time and is killed", process.pid, extra={"fields": {"event": "killed"}})
            process.kill()
        for process in processes:
            process.wait()


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hints = {
        "SIGBUS": " (the folder for temporary files may be full)",
        "SIGKILL": " (sent by a person or, when memory runs out, by the kernel)",
    }
    return f"was ended by {name}{hints.get(name, '')}"
