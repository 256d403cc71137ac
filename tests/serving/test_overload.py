"""Too much work, clients that leave, and clients that never finish."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving.running_service import Service, serving

# Little room and little batches, so that a tiny model can be kept busy by one test.
SMALL = {
    "ACKD_MAX_QUEUE_ROWS": "64",
    "ACKD_MAX_ITEMS": "64",
    "ACKD_MAX_BATCH_ROWS": "2",
    "ACKD_BODY_SECONDS": "1.5",
}
LIST = {"texts": ["a warm and funny film about friendship"] * 48}


@pytest.fixture(scope="module")
def small(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tiny_artifact, tmp_path_factory.mktemp("small"), **SMALL) as service:
        yield service


def metric(service: Service, name: str) -> float:
    lines = httpx.get(service.url + "/metrics", trust_env=False).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def test_past_the_limit_429_at_once_and_the_accepted_are_answered(small: Service):
    async def scene() -> tuple[Counter[int], list[float], list[str]]:
        statuses: Counter[int] = Counter()
        refused_in: list[float] = []
        retry_after: list[str] = []
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=small.url, trust_env=False, timeout=60, limits=limits) as client:

            async def ask() -> None:
                for _ in range(6):
                    begin = time.monotonic()
                    answer = await client.post("/classify", json=LIST)
                    statuses[answer.status_code] += 1
                    if answer.status_code == 429:
                        refused_in.append(time.monotonic() - begin)
                        retry_after.append(answer.headers["retry-after"])
                        assert answer.json()["error"]["code"] == "queue_full"
                    else:
                        assert len(answer.json()["results"]) == 48

            await asyncio.gather(*(ask() for _ in range(32)))
        return statuses, refused_in, retry_after

    statuses, refused_in, retry_after = asyncio.run(scene())
    assert set(statuses) == {200, 429}
    assert statuses[200] >= 4
    assert all(int(value) >= 1 for value in retry_after)
    assert sorted(refused_in)[len(refused_in) // 2] < 2
    assert small.status("/readyz") == 200
    assert metric(small, "ackd_queue_rows") == 0


def request_bytes(body: bytes) -> bytes:
    head = (
        f"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def test_a_client_that_hangs_up_frees_its_places(small: Service):
    port = int(small.url.rsplit(":", 1)[1])
    before = (
        metric(small, "ackd_predictions_total"),
        metric(small, 'ackd_requests_total{route="classify",status="499"}'),
    )
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request_bytes(json.dumps(LIST).encode()))
            # A reset: who only closes may wait for the answer still, and is given a second (test_protocol.py).
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    small.wait(lambda: metric(small, "ackd_queue_rows") == 0, 20)
    gone = metric(small, 'ackd_requests_total{route="classify",status="499"}') - before[1]
    done = metric(small, "ackd_predictions_total") - before[0]
    assert gone > 0
    assert done < 30 * 48
    assert httpx.post(small.url + "/classify", json=LIST, trust_env=False, timeout=30).status_code == 200


def test_a_body_that_never_ends_is_given_up(small: Service):
    port = int(small.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request_bytes(b"x" * 1000)[:-900])
        connection.settimeout(10)
        begin = time.monotonic()
        answer = connection.recv(65536)
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert 1 < time.monotonic() - begin < 6


def test_slow_headers_and_dripping_bodies_do_not_keep_others_waiting(small: Service):
    port = int(small.url.rsplit(":", 1)[1])
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    try:
        for index, connection in enumerate(connections):
            connection.sendall(
                b"POST /classify HTTP/1.1\r\nhost: x\r\n" if index % 2 else request_bytes(b"x" * 1000)[:-990]
            )
        for _ in range(10):
            begin = time.monotonic()
            assert httpx.post(small.url + "/classify", json={"text": "a"}, trust_env=False).status_code == 200
            assert time.monotonic() - begin < 3
            for connection in connections[::20]:
                try:
                    connection.sendall(b"x")
                except OSError:
                    continue  # given up by the service meanwhile
    finally:
        for connection in connections:
            connection.close()


def test_a_head_without_end_is_refused(small: Service):
    port = int(small.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(10)
        try:
            connection.sendall(b"GET /livez HTTP/1.1\r\n" + b"a: " + b"b" * 20_000_000)
            answer = connection.recv(1000)
        except OSError:
            answer = b""
    assert answer == b"" or b" 4" in answer.split(b"\r\n")[0]
    assert small.status("/livez") == 200
