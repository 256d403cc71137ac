"""Read a request's body under limits: bytes, time, and bytes of all bodies together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from ackd_deploy.serving.problems import Problem, try_later

__all__ = ["BodyReader", "header_length"]

# How much of a body that is too large is read and thrown away, so that the client, still sending, gets to
# see the answer instead of a connection reset.
_DISCARD_BYTES = 33_554_432
_DISCARD_SECONDS = 3.0


@dataclass(slots=True)
class BodyReader:
    """Reads bodies and counts the bytes that it holds."""

    max_body_bytes: int
    max_reading_bytes: int
    body_seconds: float
    reading: int = 0

    async def read(self, request: Request, *, check_type: bool = True) -> bytes:
        """Return the body.

        Args:
            request: its head has been read, its body has not.
            check_type: refuse a declared content type that is not JSON.

        Raises:
            Problem: 413 too large, 408 too slow, 429 too many bodies at once, 415 not JSON or packed.
            ClientDisconnect: the client has gone.
        """
        if check_type:
            _check_type(request.headers.get("content-type"))
        _check_encoding(request.headers.get("content-encoding"))
        declared = header_length(request.headers.get("content-length"))
        if declared is not None and declared > self.max_body_bytes:
            # A client that asked first (Expect: 100-continue) has sent nothing yet: answer at once.
            if "expect" not in request.headers and declared <= _DISCARD_BYTES:
                await _discard(request)
            raise self._too_large()
        try:
            async with asyncio.timeout(self.body_seconds):
                return await self._collect(request)
        except TimeoutError:
            message = f"the body did not arrive within {self.body_seconds:g} seconds"
            raise Problem(408, "slow_body", message, headers={"Connection": "close"}) from None

    async def _collect(self, request: Request) -> bytes:
        """Gather the pieces. What has arrived is counted, and not what was promised, which costs the client nothing."""
        chunks: list[bytes] = []
        size = counted = 0
        try:
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > self.max_body_bytes:
                    raise self._too_large()
                chunks.append(chunk)
                # A body that is there whole waits for nothing, so nobody can keep it out.
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
                if self.reading + len(chunk) > self.max_reading_bytes:
                    raise try_later(429, "too_busy", "too many request bodies are being read; try again", 1)
                self.reading += len(chunk)
                counted += len(chunk)
        finally:
            self.reading -= counted

    def _too_large(self) -> Problem:
        message = f"the body is larger than {self.max_body_bytes} bytes; send fewer texts at a time"
        return Problem(413, "body_too_large", message, headers={"Connection": "close"})


async def _discard(request: Request) -> None:
    try:
        async with asyncio.timeout(_DISCARD_SECONDS):
            async for _ in request.stream():
                pass
    except (TimeoutError, ClientDisconnect):
        return


def header_length(header: str | None) -> int | None:
    """Return a length of bytes as a header gives it; None where it gives none, or nonsense."""
    # Longer ones are no length of anything here, and Python refuses to read integers of thousands of digits.
    return int(header) if header and len(header) <= 18 and header.isascii() and header.isdigit() else None


def _check_type(header: str | None) -> None:
    media_type = (header or "application/json").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Problem(
            415,
            "not_json",
            f"content type {media_type[:80]!r} is not JSON; send the header content-type: application/json",
        )


def _check_encoding(header: str | None) -> None:
    if header is not None and header.strip().lower() not in ("", "identity"):
        message = f"content-encoding {header[:80]!r} is not taken; send the body as it is"
        # What would be taken instead (RFC 7694).
        raise Problem(415, "packed_body", message, headers={"Accept-Encoding": "identity"})
