"""The running service against clients that promise, flood, pack and offer: what each gets, and what others get."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving.protocol_server import received
from tests.serving.running_service import Service, serving
from tests.serving.soaking import resident_mb

FILM = {"text": "a warm film"}
JAVA = """
import java.net.URI;
import java.net.http.*;

public class Client {
    public static void main(String[] arguments) throws Exception {
        for (var version : HttpClient.Version.values()) {
            var client = HttpClient.newBuilder().version(version).build();
            var request = HttpRequest.newBuilder(URI.create(arguments[0])).header("content-type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\\"text\\": \\"a warm film\\"}")).build();
            var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(version + " " + answer.statusCode());
        }
        System.exit(0);
    }
}
"""


@pytest.fixture(scope="module")
def guarded(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tiny_artifact, tmp_path_factory.mktemp("guarded"), ACKD_TOKEN="s3cret") as running:
        yield running


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1])), timeout=60)


def test_curl_that_offers_http_2_is_answered(service: Service):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    if "HTTP2" not in subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this curl has no HTTP/2")
    for path, body in (("/classify", FILM), ("/v2/models/tiny/infer", infer(["a"]))):
        command = ["curl", "-s", "--noproxy", "*", "--http2", "-w", "%{http_code}", "-o", "/dev/null"]
        command += ["-H", "content-type: application/json", "-d", json.dumps(body), service.url + path]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert answer.stdout == "200"


@pytest.mark.timeout(180)
def test_javas_client_is_answered_as_it_comes(service: Service, tmp_path: Path):
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: apt-get install openjdk-17-jdk-headless")
    (tmp_path / "Client.java").write_text(JAVA)
    command = ["java", str(tmp_path / "Client.java"), service.url + "/classify"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if "compiler" in answer.stderr and answer.returncode:
        pytest.skip("this Java has no compiler: apt-get install openjdk-17-jdk-headless")
    assert answer.stdout.split("\n")[:2] == ["HTTP_1_1 200", "HTTP_2 200"], answer.stderr


def infer(data: list[object]) -> dict[str, object]:
    return {"inputs": [{"name": "text", "shape": [len(data)], "datatype": "BYTES", "data": data}]}


def test_a_million_mistakes_take_neither_memory_nor_time(service: Service):
    (worker,) = service.workers()
    bodies = {
        "/v2/models/tiny/infer": b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":[%s]}]}',
        "/classify": b'{"texts":[%s]}',
    }
    before = resident_mb(worker)
    for path, body in bodies.items():
        content = body % b",".join([b"1"] * 500_000)
        headers = {"content-type": "application/json"}
        answer = httpx.post(service.url + path, content=content, headers=headers, trust_env=False, timeout=60)
        assert answer.status_code == 422
    # It was 400 to 1,000 MB; a body of 1 MB, parsed, is some 30.
    assert resident_mb(worker) < before + 150


@pytest.mark.timeout(180)
def test_headers_without_end_take_no_memory_with_a_token_set_too(guarded: Service):
    (worker,) = guarded.workers()
    before = resident_mb(worker)
    block = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 50) for number in range(1000))
    with connect(guarded) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\n")
        try:
            for _ in range(1500):
                connection.sendall(block)
        except ConnectionError:
            pass
    with connect(guarded) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nhost: x\r\n" + block[:50_000])
        assert received(connection).startswith(b"HTTP/1.1 431 ")
    assert resident_mb(worker) < before + 50
    assert httpx.post(guarded.url + "/classify", json=FILM, trust_env=False).status_code == 401


def test_bodies_that_are_only_promised_keep_nobody_out(service: Service):
    head = b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1048576\r\n\r\n{"
    connections = [connect(service) for _ in range(80)]
    try:
        for connection in connections:
            connection.sendall(head)
        time.sleep(0.5)
        for size in (1, 300):  # also a body that comes in several pieces
            body = {"texts": ["a warm film " * size] * 20}
            answer = httpx.post(service.url + "/classify", json=body, trust_env=False, timeout=60)
            assert answer.status_code == 200
    finally:
        for connection in connections:
            connection.close()


def test_bodies_that_have_arrived_are_limited_together(tiny_artifact: Path, tmp_path: Path):
    limits = {"ACKD_MAX_READING_BYTES": "200000", "ACKD_MAX_BODY_BYTES": "150000"}
    with serving(tiny_artifact, tmp_path, **limits) as service:
        head = b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 140000\r\n\r\n"
        with connect(service) as first, connect(service) as second:
            for connection in (first, second):
                connection.sendall(head + b" " * 120_000)
                time.sleep(0.5)
            assert second.recv(65536).startswith(b"HTTP/1.1 429 ")
            # Whole at once, it waits for nothing.
            assert httpx.post(service.url + "/classify", json=FILM, trust_env=False).status_code == 200
        assert httpx.post(service.url + "/classify", json=FILM, trust_env=False).status_code == 200


@pytest.mark.parametrize("path", ["/classify", "/v2/models/tiny/infer"])
def test_a_packed_body_is_refused_and_it_is_said(client: httpx.Client, path: str):
    packed = gzip.compress(json.dumps(FILM).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = client.post(path, content=packed, headers=headers)
    assert answer.status_code == 415
    assert "content-encoding 'gzip'" in answer.text
    assert answer.headers["accept-encoding"] == "identity"
    headers["content-encoding"] = "identity"
    assert client.post("/classify", content=json.dumps(FILM).encode(), headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/classify/", "/info/", "/v2/"])
def test_no_address_is_redirected_to_what_host_says(client: httpx.Client, path: str):
    answer = client.request("POST", path, headers={"host": "evil.example"}, json=FILM)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil" not in answer.text


@pytest.mark.parametrize("path", ["/schema.json", "/nothing", "/static_content/index.html", "/ui", "/docs"])
def test_nothing_of_bentomls_own_is_left_open(guarded: Service, path: str):
    answer = httpx.get(guarded.url + path, trust_env=False)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/", "/livez", "/metrics", "/openapi.json", "/info", "/nothing", "/classify"])
def test_every_answer_says_that_it_is_what_it_says(client: httpx.Client, path: str):
    answer = client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"


def test_malformed_requests_do_not_fill_the_log(service: Service):
    before = len(re.findall("was refused before it was read", service.stderr()))
    for _ in range(300):
        with connect(service) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert received(connection).startswith(b"HTTP/1.1 400 ")
    assert len(re.findall("was refused before it was read", service.stderr())) <= before + 30
    refused = httpx.get(service.url + "/metrics", trust_env=False).text
    assert float(re.findall(r'ackd_rejected_total\{code="malformed_http"\} (\S+)', refused)[0]) >= 300


def test_a_folder_whose_name_is_not_utf_8_is_refused_at_once(tiny_artifact: Path, tmp_path: Path):
    folder = tmp_path / "art\udce9"
    shutil.copytree(tiny_artifact, folder)
    with serving(folder, tmp_path / "out", ready=False) as service:
        assert service.process.wait(60) == 6
        assert "is not UTF-8" in service.stderr()
        assert "Traceback" not in service.stderr()


def test_a_failure_of_the_command_line_names_an_empty_token(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, ready=False, ACKD_TOKEN="") as service:
        assert service.process.wait(60) == 2
        assert "ACKD_TOKEN is empty" in service.stderr()
