"""The connection: limits of a head, framing, offered upgrades, half-closed clients, and answers in their order."""

from __future__ import annotations

import itertools
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.protocol_server import LIMITS, ProtocolServer, answers, protocol_server, received

OFFER = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
CLOSE = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
LAST = (200, {"method": "GET", "path": "/last", "body": ""})


@pytest.fixture(scope="module")
def server() -> Iterator[ProtocolServer]:
    with protocol_server() as running:
        yield running


def post(path: str, body: bytes, headers: bytes = b"") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n".encode()
    return head + headers + b"\r\n" + body


def answered(path: str, body: str, method: str = "POST") -> tuple[int, dict[str, object]]:
    return 200, {"method": method, "path": path, "body": body}


# Offered upgrades

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize("split", [0, -len(SMUGGLED), -1])
def test_an_offered_upgrade_is_ignored_and_the_body_is_the_body(server: ProtocolServer, split: int):
    request = post("/a", SMUGGLED, OFFER)
    pieces = (request[:split], request[split:]) if split else (request,)
    assert answers(server.exchange(*pieces, CLOSE)) == [answered("/a", SMUGGLED.decode()), LAST]


def test_an_upgrade_offered_with_chunks(server: ProtocolServer):
    head = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n" + OFFER + b"\r\n"
    chunks = (b"5\r\nhel", b"lo\r\n1\r\n!\r\n", b"0\r\nx-trailer: y\r\n\r\n")
    assert answers(server.exchange(head, *chunks, CLOSE)) == [answered("/a", "hello!"), LAST]
    assert answers(server.exchange(head + b"".join(chunks) + CLOSE)) == [answered("/a", "hello!"), LAST]


def test_an_upgrade_offered_without_a_body_and_twice(server: ProtocolServer):
    get = b"GET /b HTTP/1.1\r\nhost: x\r\n" + OFFER + b"\r\n"
    websocket = (
        b"GET /w HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    expected = [answered("/b", "", "GET"), answered("/a", "x"), answered("/w", "", "GET"), LAST]
    assert answers(server.exchange(get + post("/a", b"x", OFFER) + websocket + CLOSE)) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 700), max_size=6))
def test_where_segments_are_cut_changes_nothing(server: ProtocolServer, cuts: set[int]):
    stream = (
        post("/a", SMUGGLED, OFFER)
        + b"POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: u\r\n\r\n"
        + post("/d", b"1234567890")
        + CLOSE
    )
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    expected = [answered("/a", SMUGGLED.decode()), answered("/c", "abc"), answered("/d", "1234567890"), LAST]
    assert answers(server.exchange(*pieces, pause=0.002)) == expected


# Limits of a head


def one_status(data: bytes) -> int:
    (answer,) = answers(data)
    assert set(answer[1]) == {"error", "request_id"}
    for header in (b"connection: close", b"x-content-type-options: nosniff", b"x-frame-options: DENY"):
        assert header in data
    return answer[0]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"x: " + b"a" * 21_000 + b"\r\n", 431),
        (b"x-%d: a\r\n", 431),
        (b"x-%d: " + b"a" * 990 + b"\r\n", 431),
    ],
    ids=["one long line", "many lines", "many bytes"],
)
@pytest.mark.parametrize("prefix", [b"", b"GET /first HTTP/1.1\r\nhost: x\r\n\r\n"], ids=["alone", "after another"])
def test_a_head_that_is_too_large(server: ProtocolServer, line: bytes, status: int, prefix: bytes):
    lines = b"".join(line % number if b"%d" in line else line for number in range(60))
    found = answers(server.exchange(prefix + b"GET / HTTP/1.1\r\nhost: x\r\n" + lines + b"\r\n"))
    if prefix:
        # In its turn where the first answer was out; else that answer ends the connection.
        assert found[0] == answered("/first", "", "GET")
        assert [code for code, _ in found[1:]] in ([], [status])
    else:
        assert [code for code, _ in found] == [status]


def test_heads_without_end(server: ProtocolServer):
    pieces = [b"GET / HTTP/1.1\r\nhost: x\r\n", *[b"x: " + b"y" * 4000 + b"\r\n"] * 50]
    assert one_status(server.exchange(*pieces, pause=0)) == 431
    # A line that never ends, which the parser keeps for itself.
    assert one_status(server.exchange(b"GET / HTTP/1.1\r\nhost: x\r\nx: ", *[b"y" * 4000] * 50, pause=0)) == 431
    assert one_status(server.exchange(b"GET / HTTP/1.1\r\nhost: x\r\n", *[b"y" * 4000] * 50, pause=0)) == 431


def test_trailers_without_end(server: ProtocolServer):
    head = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    assert one_status(server.exchange(head, *[b"x: " + b"y" * 4000 + b"\r\n"] * 50, pause=0)) == 431


def test_an_address_that_is_too_long(server: ProtocolServer):
    assert one_status(server.exchange(b"GET /" + b"a" * 1001 + b" HTTP/1.1\r\nhost: x\r\n\r\n")) == 414
    assert one_status(server.exchange(b"GET /", *[b"a" * 200] * 10, pause=0.005)) == 414


def test_what_is_within_the_limits_is_answered(server: ProtocolServer):
    lines = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 300) for number in range(45))
    path = "/" + "a" * 990
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".encode() + lines + b"\r\n"
    assert answers(server.exchange(request)) == [answered(path, "", "GET")]
    # Bodies are none of the head's business.
    assert answers(server.exchange(post("/a", b"z" * 60_000), post("/a", b"z" * 60_000) + CLOSE))[2] == LAST


@pytest.mark.parametrize(
    "sent", [b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\nx: y", b"\r\n"], ids=["line", "head", "blank"]
)
def test_a_head_that_does_not_end_in_time(server: ProtocolServer, sent: bytes):
    begin = time.monotonic()
    assert one_status(server.exchange(sent)) == 408
    assert time.monotonic() - begin >= LIMITS.head_seconds * 0.9


def test_a_dripping_head_gains_no_time(server: ProtocolServer):
    pieces = [b"GET / HTTP/1.1\r\nhost: x\r\n", *[b"x: y\r\n"] * 40]
    begin = time.monotonic()
    assert one_status(server.exchange(*pieces, pause=0.2)) == 408
    assert time.monotonic() - begin < 8


@pytest.mark.parametrize("pieces", [(), (b"\r\n",) * 20], ids=["nothing", "blank lines"])
def test_a_connection_without_a_request_is_closed(server: ProtocolServer, pieces: tuple[bytes, ...]):
    data = server.exchange(*pieces, pause=0.2)
    assert data == b"" or one_status(data) == 408


def test_a_body_that_nobody_reads_does_not_go_on_for_ever(server: ProtocolServer):
    head = b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    begin = time.monotonic()
    assert answers(server.exchange(head, *[b"x"] * 60, pause=0.1)) == [answered("/early", "")]
    assert time.monotonic() - begin < 8


# Framing

HOST = b"host: x\r\n"
NO_REQUESTS = {
    "gzip, chunked": (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "gzip then chunked": (
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "HTTP/1.0 with chunks": (b"POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nhost: x\r\nHost: x\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n", 501),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
    "folded line": (b"GET / HTTP/1.1\r\nhost: x\r\n y: z\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "bad chunk": (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
}


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_what_is_no_request_is_refused(server: ProtocolServer, name: str):
    sent, status = NO_REQUESTS[name]
    assert one_status(server.exchange(sent)) == status


def test_http_1_0_needs_no_host(server: ProtocolServer):
    assert answers(server.exchange(b"GET /old HTTP/1.0\r\n\r\n")) == [answered("/old", "", "GET")]


# Answers in their order


def test_a_refusal_does_not_overtake_an_earlier_answer(server: ProtocolServer):
    found = answers(server.exchange(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n", b"nonsense\r\n\r\n"))
    assert found[0] == answered("/slow", "", "GET")


def test_many_pipelined_requests_are_answered_in_order_until_there_are_too_many(server: ProtocolServer):
    few = b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(20))
    assert [answer["path"] for _, answer in answers(server.exchange(few + CLOSE))] == [
        *(f"/{number}" for number in range(20)),
        "/last",
    ]
    many = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n" + few * 100
    found = answers(server.exchange(many))
    assert found[0] == answered("/slow", "", "GET")
    assert len(found) < 50
    assert server.rejected["too_many_pipelined"] == 1


# Clients that close


def test_a_half_closed_client_gets_its_answer(server: ProtocolServer):
    found = answers(server.exchange(post("/slow", b"abc"), close_sending=True))
    assert found == [answered("/slow", "abc")]


def test_a_client_that_closes_later_has_given_up(server: ProtocolServer):
    with server.connect() as connection:
        connection.sendall(post("/slow/late?20", b"abc"))
        time.sleep(1.5)
    end = time.monotonic() + 15
    while not server.gone["/slow/late"]:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_client_that_closes_in_the_middle_of_a_body_is_gone(server: ProtocolServer):
    before = server.gone["/cut"]
    server.exchange(post("/cut", b"abc")[:-1], close_sending=True)
    end = time.monotonic() + 15
    while server.gone["/cut"] == before:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_connections_are_kept(server: ProtocolServer):
    with server.connect() as connection:
        for number in range(5):
            connection.sendall(post(f"/{number}", b"x" * number))
            data = b""
            while not data.endswith(b"}"):
                data += connection.recv(65536)
            assert answers(data) == [answered(f"/{number}", "x" * number)]
            time.sleep(0.3)
        # Longer than a head may take: an idle connection has a time of its own.
        time.sleep(1.6)
        connection.sendall(CLOSE)
        assert answers(received(connection)) == [LAST]


def test_a_client_that_takes_no_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setattr("ackd_deploy.serving.protocol._STALLED_SECONDS", 1.0)
    with protocol_server() as server, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        for _ in range(8):  # answers of a megabyte each, and nobody reads them
            connection.sendall(post("/slow/unread?0.01", b"z" * 1_000_000))
        end = time.monotonic() + 60
        while server.open_connections():
            assert time.monotonic() < end
            time.sleep(0.1)
    assert "Traceback" not in caplog.text


def test_a_client_that_leaves_with_requests_waiting_makes_no_noise(
    server: ProtocolServer, caplog: pytest.LogCaptureFixture
):
    for _ in range(5):
        with server.connect() as connection:
            connection.sendall(b"GET /slow/left?0.3 HTTP/1.1\r\nhost: x\r\n\r\n" * 10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(1.0)
    assert "Traceback" not in caplog.text
