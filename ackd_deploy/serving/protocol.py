"""The HTTP/1.1 connection under the application: uvicorn's, with limits and without its gaps.

uvicorn's protocol over httptools has no limit on a head's bytes or time, drops the body of a request that offers an
upgrade and reads it as a further request (https://github.com/Kludex/uvicorn/issues/2722), takes any
Transfer-Encoding that ends in chunked, and any number of Host lines. Its other protocol, over h11, has most of this
and costs 0.15 ms of processor more for each request (docs/performance.md). Here the parser stays; what it
reports is counted and checked. Nothing is added to a request whose head arrives in one piece but these checks.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http import auto
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ackd_deploy.serving.headers import SAFETY_HEADERS
from ackd_deploy.serving.logs import Sparingly
from ackd_deploy.serving.problems import Problem
from ackd_deploy.serving.settings import Settings

__all__ = ["ServiceProtocol", "serve_by_protocol"]

# Requests that were sent before the answer to an earlier one; each takes some kilobytes while it waits.
_MOST_PIPELINED = 32
# A client that ends its sending side with its request waits for the answer; one that does so later has given up.
_HALF_CLOSE_SECONDS = 1.0
# After a refusal: what the client still sends is thrown away, so that it sees the answer and not a reset.
_LINGER_SECONDS = 2.0
# A client that takes no byte of its answer for so long is cut off (Linux), whatever its own timeouts.
_STALLED_SECONDS = 30.0

_log = Sparingly(seconds=10.0)


class ServiceProtocol(HttpToolsProtocol):
    """One connection. ``serve_by_protocol`` makes the subclass that has the settings."""

    settings: Settings
    rejected: Callable[[str], None]

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._in_head = False
        # The head has been read, the body and what follows it has not.
        self._in_message = False
        self._head_bytes = 0
        self._head_lines = 0
        self._hosts = 0
        self._coding: bytes | None = None
        # A second parser is being told where the body begins (_ignore_offer).
        self._replaying = False
        self._refusal: Problem | None = None
        self._refused = False
        self._received = False
        self._completed_at = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None

    # What the transport reports

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See asyncio.Protocol."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT") and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * _STALLED_SECONDS))
        self._expect_within(self.settings.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._cancel_deadline()
        self._unset_keepalive_if_required()
        # uvicorn tells only the newest request; the one being answered may be an earlier one, and would write on.
        self.pipeline.clear()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn's always closes
        """Keep the connection for an answer that is still due, where this end came with the request."""
        waits = (
            not self._refused
            and not self._in_head
            and not self._in_message
            and self.cycle is not None
            and not self.cycle.response_complete
            and self.loop.time() - self._completed_at <= _HALF_CLOSE_SECONDS
        )
        if waits:
            self.cycle.keep_alive = False
        return waits

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._unset_keepalive_if_required()
        if self._refused:
            return
        self._received = True
        in_head = self._in_head
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal or Problem(400, "malformed_http", "the request is not valid HTTP/1.1"))
            return
        if self._in_head:
            # Also what the parser keeps for itself, since it reports a line when it has all of it.
            if in_head:
                self._head_bytes += len(data)
            if self._head_bytes > self.settings.max_head_bytes:
                self._refuse(self._head_too_large())
            elif self._deadline is None:
                self._expect_within(self.settings.head_seconds)
        elif self._deadline is None and not self._in_message and (self.cycle is None or self.cycle.response_complete):
            # Blank lines before a request; the parser skips them.
            self._expect_within(self.settings.head_seconds)

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                self._ignore_offer()
                if data:
                    continue
            return

    def _ignore_offer(self) -> None:
        """Go on after a head that offers another protocol: the offer is ignored (RFC 9110, section 7.8).

        The parser stops there and cannot be told to go on, so a new one takes over, which first gets a head with the
        same framing.
        """
        framing = [line for line in self.headers if line[0] in (b"content-length", b"transfer-encoding")]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        lines = [b"POST / HTTP/1.1", *(name + b": " + value for name, value in framing), b"", b""]
        self._replaying = True
        self._in_message = True
        try:
            self.parser.feed_data(b"\r\n".join(lines))
        finally:
            self._replaying = False

    # What the parser reports

    def on_message_begin(self) -> None:
        """Begin with a head."""
        if self._replaying:
            return
        self._in_head = True
        self._head_bytes = self._head_lines = self._hosts = 0
        self._coding = None
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take the request's target, or a part of it."""
        if self._replaying:
            return
        super().on_url(url)
        self._head_bytes += len(url)
        if len(self.url) > self.settings.max_url_bytes:
            message = f"the address is longer than {self.settings.max_url_bytes} bytes"
            raise self._no(Problem(414, "url_too_long", message))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head, or of the trailer, which is counted and dropped."""
        if self._replaying:
            return
        self._head_bytes += len(name) + len(value) + 4
        self._head_lines += 1
        if self._head_bytes > self.settings.max_head_bytes or self._head_lines > self.settings.max_head_lines:
            raise self._no(self._head_too_large())
        if not self._in_head:
            return
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"transfer-encoding":
            self._coding = value if self._coding is None else self._coding + b", " + value
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head and hand the request to the application."""
        if self._replaying:
            return
        self._in_head, self._in_message = False, True
        self._cancel_deadline()
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise self._no(Problem(505, "http_version", "this service speaks HTTP/1.1"))
        if self._hosts > 1 or (self._hosts == 0 and version == "1.1"):
            raise self._no(Problem(400, "bad_host", "a request has exactly one Host header"))
        if self._coding is not None:
            if version == "1.0":
                raise self._no(Problem(400, "bad_framing", "HTTP/1.0 has no Transfer-Encoding"))
            if self._coding.strip().lower() != b"chunked":
                raise self._no(Problem(501, "transfer_coding", "the only Transfer-Encoding taken is chunked"))
        if self.parser.get_method() == b"CONNECT":
            raise self._no(Problem(501, "no_proxy", "this service is no proxy"))
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise self._no(Problem(429, "too_many_pipelined", "too many requests wait on this connection"))
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request, unless the parser only says so because of an offered upgrade."""
        if not self._replaying and self.parser.should_upgrade():
            return
        self._in_message = False
        self._completed_at = self.loop.time()
        self._cancel_deadline()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        return False

    def on_response_complete(self) -> None:
        """Go on with the next request; a body that nobody reads has so much time to end."""
        super().on_response_complete()
        if self._in_message and self.cycle.response_complete:
            self._expect_within(self.settings.body_seconds)

    # Refusals

    def _no(self, problem: Problem) -> Exception:
        # The parser takes any exception of a callback for an error of its own.
        self._refusal = problem
        return ValueError(problem.code)

    def _head_too_large(self) -> Problem:
        most, lines = self.settings.max_head_bytes, self.settings.max_head_lines
        return Problem(431, "head_too_large", f"the headers take more than {most} bytes or {lines} lines")

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request, in its turn, and close."""
        self._refused = True
        self._cancel_deadline()
        self.rejected(problem.code)
        _log.warning("a request was refused before it was read: %s", problem.code)
        cycle = self.cycle
        if cycle is None or (cycle.response_complete and not self.pipeline):
            self._answer(problem)
        elif self._in_message and not self.pipeline and not cycle.response_started:
            # The body of the request that is being worked on: this is its answer.
            cycle.disconnected = True
            cycle.message_event.set()
            self._answer(problem)
        else:
            # Answers to earlier requests are due first; the last of them says that the connection ends.
            cycle.keep_alive = False
            if cycle.response_started:
                self.transport.close()

    def _answer(self, problem: Problem) -> None:
        body = json.dumps(problem.body(os.urandom(8).hex()), separators=(",", ":")).encode()
        headers = [
            *self.server_state.default_headers,
            *SAFETY_HEADERS,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + body)
        self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _expect_within(self, seconds: float) -> None:
        self._cancel_deadline()
        self._deadline = self.loop.call_later(seconds, self._overdue)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overdue(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._in_message or not self._received:
            self.transport.close()
            return
        seconds = self.settings.head_seconds
        self._refuse(Problem(408, "slow_head", f"the request's headers did not arrive within {seconds:g} seconds"))

    def shutdown(self) -> None:
        """Called by the server when it stops."""
        super().shutdown()
        if self._refused:
            self.transport.close()


def serve_by_protocol(settings: Settings, rejected: Callable[[str], None]) -> None:
    """Have this process's uvicorn, which BentoML starts without saying how, use the protocol.

    Args:
        settings: with the limits.
        rejected: called with the code of each refusal.
    """
    members = {"settings": settings, "rejected": staticmethod(rejected)}
    auto.AutoHTTPProtocol = type("ConfiguredProtocol", (ServiceProtocol,), members)
