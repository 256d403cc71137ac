"""uvicorn with this project's protocol under a small application, in a thread: requests in bytes, answers in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http import auto

from ackd_deploy.serving.protocol import serve_by_protocol
from ackd_deploy.serving.settings import Settings

LIMITS = Settings(max_head_bytes=20_000, max_head_lines=50, max_url_bytes=1000, head_seconds=1.5, body_seconds=1.5)


@dataclass
class ProtocolServer:
    """A running server: its port, the codes of its refusals, and the clients that its application saw hang up."""

    port: int
    rejected: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    server: uvicorn.Server | None = None

    def open_connections(self) -> int:
        assert self.server is not None
        return len(self.server.server_state.connections)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def exchange(self, *pieces: bytes, pause: float = 0.02, close_sending: bool = False) -> bytes:
        """Send the pieces as segments of their own; return all that comes until the server closes."""
        with self.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(ConnectionError):
                for index, piece in enumerate(pieces):
                    if index:
                        time.sleep(pause)
                    connection.sendall(piece)
            if close_sending:
                connection.shutdown(socket.SHUT_WR)
            return received(connection)


def received(connection: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            data += piece
    return data


def answers(data: bytes) -> list[tuple[int, dict[str, object]]]:
    """Split answers that follow each other into their statuses and JSON bodies."""
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines[1:])}
        length = int(headers[b"content-length"])
        found.append((int(lines[0].split()[1]), json.loads(rest[:length])))
        data = rest[length:]
    return found


@contextlib.contextmanager
def protocol_server(settings: Settings = LIMITS) -> Iterator[ProtocolServer]:
    running = ProtocolServer(0)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        """Says what it was asked. Below /slow it takes a while, below /early it does not read the body."""
        assert scope["type"] == "http"
        body, more = b"", not scope["path"].startswith("/early")
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                running.gone[scope["path"]] += 1
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["path"].startswith("/slow"):
            gone = asyncio.create_task(receive())
            done, _ = await asyncio.wait((gone,), timeout=float(scope["query_string"] or 0.5))
            gone.cancel()
            if done:
                running.gone[scope["path"]] += 1
                return
        text = json.dumps({"method": scope["method"], "path": scope["path"], "body": body.decode("latin-1")}).encode()
        head = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": text})

    before = auto.AutoHTTPProtocol
    serve_by_protocol(settings, lambda code: running.rejected.update([code]))
    try:
        config = uvicorn.Config(application, port=0, log_config=None, lifespan="off", timeout_keep_alive=3)
        config.load()
    finally:
        auto.AutoHTTPProtocol = before
    running.server = server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        running.port = server.servers[0].sockets[0].getsockname()[1]
        yield running
    finally:
        server.should_exit = True
        thread.join(60)
