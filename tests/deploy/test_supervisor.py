"""The supervisor with small workers of its own kind: what signals, deaths and failures do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# A supervisor in a process of its own; its workers are tied to it as the service's are.
SUPERVISOR = """
import os, socket, sys
from ackd_deploy.deploy.supervisor import Supervisor
from ackd_deploy.errors import AckdError
from ackd_deploy.serving.logs import set_up_logs

set_up_logs()
worker, workers, drain, ready = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "ready"
listener = socket.create_server(("127.0.0.1", 0))
prefix = f"from ackd_deploy.serving.orphans import die_with_parent; die_with_parent({os.getpid()})\\n"
supervisor = Supervisor(
    listener=listener, workers=workers, command=lambda number: [sys.executable, "-c", prefix + worker],
    environment=dict(os.environ), working_directory="/", drain_seconds=drain,
)
if ready:
    supervisor.was_ready.set()
try:
    supervisor.run()
except AckdError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""
WAITS = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait(until: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextlib.contextmanager
def supervised(
    worker: str = WAITS, workers: int = 2, drain: float = 30, ready: bool = True, nohup: bool = False
) -> Iterator[subprocess.Popen[str]]:
    script = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" if nohup else ""
    arguments = [worker, str(workers), str(drain), "ready" if ready else "starting"]
    process = subprocess.Popen(
        [sys.executable, "-c", script + SUPERVISOR, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def started(process: subprocess.Popen[str], workers: int = 2) -> list[int]:
    wait(lambda: len(children(process.pid)) == workers or process.poll() is not None)
    return children(process.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_every_signal_that_ends_ends_all_workers(number: signal.Signals):
    with supervised() as process:
        pids = started(process)
        process.send_signal(number)
        assert process.wait(30) == 0
        assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.01, 0.05, 0.2, 1.0])
def test_a_signal_is_not_lost_while_a_killed_worker_is_started_again(delay: float):
    with supervised() as process:
        os.kill(started(process)[0], signal.SIGKILL)
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_nohup_keeps_its_meaning():
    with supervised(nohup=True) as process:
        pids = started(process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        assert children(process.pid) == pids


def test_workers_end_with_a_killed_supervisor():
    with supervised(worker=STUBBORN) as process:
        pids = started(process)
        process.kill()
        process.wait(30)
        wait(lambda: not any(alive(pid) for pid in pids))


def test_a_killed_worker_is_started_again_and_it_is_said():
    with supervised() as process:
        first, second = started(process)
        os.kill(first, signal.SIGKILL)
        wait(lambda: len(now := children(process.pid)) == 2 and first not in now)
        assert second in children(process.pid)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
        assert '"event": "worker_ended"' in log
        assert "was ended by SIGKILL" in log


def test_workers_that_cannot_start_end_the_service():
    with supervised(worker="import sys; sys.exit(3)", workers=1, ready=False) as process:
        _, log = process.communicate(timeout=60)
        assert process.returncode == 4
        assert "the service cannot start: worker 1 ended with exit code 3, 5 times in a row" in log


def test_a_service_that_was_ready_goes_on_trying():
    with supervised(worker="import sys; sys.exit(3)", workers=1) as process:
        time.sleep(3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_worker_that_does_not_end_is_killed_after_its_time():
    with supervised(worker=STUBBORN, workers=1, drain=1) as process:
        (pid,) = started(process, 1)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
        assert process.returncode == 0
        assert not alive(pid)
        assert "did not end in time" in log


def test_a_second_signal_ends_at_once():
    with supervised(worker=STUBBORN, workers=1, drain=600) as process:
        started(process, 1)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(30) == 0
