"""Metrics of several workers on a file system that is full, or nearly: an error that is said, and no worker killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ackd_deploy.serving.metrics_files import METRICS_BYTES, forget_ended
from tests.serving.running_service import serving

WRITES = """
from ackd_deploy.serving.metrics import Metrics
metrics = Metrics()
for number in range(300):
    metrics.request("classify", 200 + number % 30, 0.1)
    metrics.rejected(f"code{number % 30}")
metrics.serving(model="m", variant="v", version="1", runtime="r", labels=["a"])
print("counted")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"only root can mount a small file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def count_in(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    return subprocess.run([sys.executable, "-c", WRITES], capture_output=True, text=True, env=environment, check=False)


def test_a_full_disk_is_an_error_and_no_signal(small_disk: Path):
    assert count_in(small_disk).stdout == "counted\n"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "filler").write_bytes(b"x" * free)
    done = count_in(small_disk)
    assert done.returncode == 1  # it was -SIGBUS
    assert "No space left on device" in done.stderr


def test_what_was_reserved_lasts_when_the_disk_fills_up(small_disk: Path):
    script = WRITES.replace(
        "for number", f"open({str(small_disk / 'filler')!r}, 'wb', buffering=0).write(b'x' * 4_000_000)\nfor number", 1
    ).replace("metrics.serving", "pass  #")
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(small_disk)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, "counted\n"), done.stderr


def test_an_ended_workers_reserve_is_given_back_and_its_counters_stay(tmp_path: Path):
    assert count_in(tmp_path).stdout == "counted\n"
    files = list(tmp_path.iterdir())
    (pid,) = {int(path.stem.rpartition("_")[2]) for path in files}
    assert sum(path.stat().st_size for path in files) == METRICS_BYTES
    script = "from ackd_deploy.serving.metrics import Metrics; print(Metrics().render().decode())"
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    rejected = []
    for _ in range(2):
        shown = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
        )
        rejected.append(sum(float(value) for value in re.findall(r"ackd_rejected_total\{\S+ (\S+)", shown.stdout)))
        forget_ended(tmp_path, pid)
    assert rejected == [300.0, 300.0]
    assert sum(path.stat().st_size for path in files if path.exists()) < METRICS_BYTES / 4


def test_serve_refuses_a_full_folder_for_temporary_files(tiny_artifact: Path, tmp_path: Path, small_disk: Path):
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "filler").write_bytes(b"x" * (free - 1_000_000))
    with serving(tiny_artifact, tmp_path / "out", "--workers", "2", ready=False, TMPDIR=str(small_disk)) as service:
        assert service.process.wait(60) == 4
        assert "the folder for temporary files cannot be written to: No space left on device" in service.stderr()


def test_a_killed_workers_counters_stay(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, "--workers", "2") as service:

        def counted() -> float:
            text = httpx.get(service.url + "/metrics", trust_env=False).text
            return sum(
                float(v) for v in re.findall(r'ackd_requests_total\{route="classify",status="200"\} (\S+)', text)
            )

        # /readyz is answered by either worker; the other may still be loading.
        service.wait(lambda: "ackd_ready_workers 2.0" in httpx.get(service.url + "/metrics", trust_env=False).text)
        for _ in range(20):
            httpx.post(service.url + "/classify", json={"text": "a film"}, trust_env=False).raise_for_status()
        assert counted() == 20
        first, second = service.workers()
        for pid in (first, second):
            os.kill(pid, signal.SIGKILL)
        service.wait(lambda: len(now := service.workers()) == 2 and first not in now and second not in now)
        service.wait(lambda: service.status("/readyz") == 200)
        assert counted() == 20
