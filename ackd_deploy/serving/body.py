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
            Problem: 413 too large, 408 too slow, 429 too many bodies at once, 415 not JSON.
            ClientDisconnect: the client has gone.
        """
        if check_type:
            _check_type(request.headers.get("content-type"))
        declared = header_length(request.headers.get("content-length"))
        if declared is not None and declared > self.max_body_bytes:
            # A client that asked first (Expect: 100-continue) has sent nothing yet: answer at once.
            if "expect" not in request.headers and declared <= _DISCARD_BYTES:
                await _discard(request)
            raise self._too_large()
        reserved = self.max_body_bytes if declared is None else declared
        if self.reading + reserved > self.max_reading_bytes:
            raise try_later(429, "too_busy", "too many request bodies are being read; try again", 1)
        self.reading += reserved
        try:
            async with asyncio.timeout(self.body_seconds):
                return await self._collect(request)
        except TimeoutError:
            message = f"the body did not arrive within {self.body_seconds:g} seconds"
            raise Problem(408, "slow_body", message, headers={"Connection": "close"}) from None
        finally:
            self.reading -= reserved

    async def _collect(self, request: Request) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.max_body_bytes:
                raise self._too_large()
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

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
