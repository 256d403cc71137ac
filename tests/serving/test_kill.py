"""A worker that is killed under load: it comes back, and only what it held fails."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.serving.running_service import serving
from tests.serving.soaking import KILLS, Figures
from tests.serving.test_overload import metric

CLIENTS = 8


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * KILLS)
def test_kill_9_under_load_is_survived_and_the_failures_are_counted(
    soak_artifact: Path, tmp_path: Path, figures: Figures
):
    outcomes: Counter[str] = Counter()
    recovered: list[float] = []
    stop = threading.Event()
    with serving(soak_artifact, tmp_path, "--workers", "2") as service:
        service.wait(lambda: metric(service, "ackd_ready_workers") == 2)

        def ask() -> None:
            with httpx.Client(base_url=service.url, trust_env=False, timeout=60) as client:
                while not stop.is_set():
                    try:
                        outcomes[str(client.post("/classify", json={"text": "a film"}).status_code)] += 1
                    except httpx.TransportError as error:
                        outcomes[type(error).__name__] += 1

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(KILLS):
                time.sleep(1)
                killed = service.workers()[turn % 2]
                os.kill(killed, signal.SIGKILL)
                begin = time.monotonic()
                service.wait(lambda gone=killed: len(service.workers()) == 2 and gone not in service.workers())  # type: ignore[misc]
                service.wait(lambda: metric(service, "ackd_ready_workers") == 2)
                recovered.append(time.monotonic() - begin)
        finally:
            stop.set()
            for thread in threads:
                thread.join(120)
    failures = sum(count for outcome, count in outcomes.items() if outcome != "200")
    figures.record(
        "kill -9 of a worker under load",
        kills=KILLS,
        requests=sum(outcomes.values()),
        failed=failures,
        seconds_to_recover_most=max(recovered),
    )
    # Only what the killed worker held can fail: at most one request a connection.
    assert failures <= CLIENTS * KILLS, outcomes
    assert outcomes["200"] > 50
    assert max(recovered) < 30
