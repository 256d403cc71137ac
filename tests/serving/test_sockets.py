"""What a running service listens on, and what another user of the machine gets from it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.serving.running_service import serving

LISTEN = "0A"


def process_tree(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


def sockets(root: int) -> dict[str, set[str]]:
    """Inodes of all sockets that the process tree holds, by the table of the kernel that lists them."""
    inodes = set()
    for pid in process_tree(root):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = os.readlink(descriptor)
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
    held: dict[str, set[str]] = {}
    for table in ("tcp", "tcp6", "udp", "udp6", "unix"):
        for line in Path(f"/proc/{root}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if table == "unix":
                if fields[6] in inodes and len(fields) > 7:
                    held.setdefault("unix", set()).add(fields[7])
            elif fields[9] in inodes and (table.startswith("udp") or fields[3] == LISTEN):
                held.setdefault(table, set()).add(fields[1])
    return held


def test_the_services_port_is_the_only_socket_that_listens(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, "--workers", "2") as service:
        port = int(service.url.rsplit(":", 1)[1])
        # TCP addresses as the kernel writes them: 127.0.0.1 and the port in hexadecimal. No UDP, no named UNIX socket.
        assert sockets(service.process.pid) == {"tcp": {f"0100007F:{port:04X}"}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_reads_neither_environment_nor_files(tiny_artifact: Path, tmp_path: Path):
    # Not under tmp_path, whose own mode would do what the service must do by itself.
    with (
        tempfile.TemporaryDirectory() as name,
        serving(tiny_artifact, tmp_path, "--workers", "2", ACKD_TOKEN="s3cret", TMPDIR=name) as service,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        for pid in process_tree(service.process.pid):
            read = subprocess.run(["cat", f"/proc/{pid}/environ"], user="nobody", capture_output=True, check=False)
            assert read.returncode != 0
            assert b"s3cret" not in read.stdout
        entries = list(folder.iterdir())
        assert entries
        for entry in entries:
            looked = subprocess.run(["ls", str(entry)], user="nobody", capture_output=True, check=False)
            assert looked.returncode != 0


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.0])
def test_sigterm_counts_while_a_killed_worker_is_started_again(tiny_artifact: Path, tmp_path: Path, delay: float):
    with serving(tiny_artifact, tmp_path, "--workers", "2") as service:
        os.kill(service.workers()[0], signal.SIGKILL)
        time.sleep(delay)
        assert service.terminate() == 0


def test_no_worker_outlives_a_killed_supervisor(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, "--workers", "2") as service:
        service.process.kill()
        service.process.wait()
        end = time.monotonic() + 30
        while service.status("/livez"):
            assert time.monotonic() < end
            time.sleep(0.05)
