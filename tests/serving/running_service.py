"""A real service, started by the command that users type."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SERVING = ROOT / "serving"

# It takes five seconds on a quiet machine, and more than sixty beside trainings that go first.
START_SECONDS = 150.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """A running service, its address and its output so far."""

    process: subprocess.Popen[bytes]
    url: str
    folder: Path

    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def workers(self) -> list[int]:
        """Process ids of the workers: the supervisor's children that run the service."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = []
        for pid in children:
            with contextlib.suppress(OSError):
                if b"ackd_deploy.deploy.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
        return found

    def wait(self, until: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not until():
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"service: rc {self.process.returncode}\n{self.stdout()}\n{self.stderr()}")
            time.sleep(0.05)

    def status(self, path: str) -> int:
        try:
            return httpx.get(self.url + path, timeout=5, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    def terminate(self, seconds: float = 40) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


def start(command: list[str], port: int, folder: Path, environment: dict[str, str], cwd: Path | None = None) -> Service:
    folder.mkdir(parents=True, exist_ok=True)
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("ACKD_", "BENTOML_"))}
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=variables | environment, cwd=cwd
        )
    return Service(process, f"http://127.0.0.1:{port}", folder)


@contextlib.contextmanager
def serving(artifact: Path, folder: Path, *options: str, ready: bool = True, **environment: str) -> Iterator[Service]:
    """``ackd-deploy serve ARTIFACT`` on a free port; stopped at the end, whatever happens."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "ackd_deploy",
        "serve",
        str(artifact),
        "--port",
        str(port),
        "--threads",
        "1",
        *options,
    ]
    service = start(command, port, folder, environment)
    try:
        if ready:
            service.wait(lambda: service.status("/readyz") == 200)
        yield service
    finally:
        try:
            service.terminate()
        finally:
            if service.process.poll() is None:
                service.process.kill()
                service.process.wait()


@pytest.fixture(scope="session")
def service(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests that do not stop it."""
    with serving(tiny_artifact, tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as opened:
        yield opened
