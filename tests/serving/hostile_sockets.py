"""Clients that are no HTTP client: bodies that never end, heads that never end, bytes that are no request."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

__all__ = ["hostile_connection"]

HEAD = b"POST /classify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
PATIENCE = 60.0
NO_REQUEST = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS greeting
    b"GET\r\n\r\n",
    b"POST /classify HTTP/9.9\r\n\r\n",
    HEAD + b"content-length: -1\r\n\r\n",
    HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    HEAD + b"x\x00y: 1\r\n\r\n",
    b"\x00" * 4096,
)


async def hostile_connection(port: int, rng: random.Random) -> int | str:
    """Open a connection, misuse it, and return the status that came back, or a word where none did."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    kind = rng.randrange(4)
    answer = asyncio.create_task(_status(reader))
    try:
        if kind == 0:
            return await _send_until_answered(writer, answer, _endless_chunks(), "endless chunks cut off")
        if kind == 1:
            return await _send_until_answered(writer, answer, _dripping_body(), "dripping body cut off")
        if kind == 2:
            # A head that is not finished, given up before the service's time for it is over.
            for line in (HEAD, *(b"x-slow: %d\r\n" % index for index in range(rng.randint(1, 6)))):
                writer.write(line)
                await asyncio.sleep(0.2)
            return answer.result() if answer.done() else "unfinished head given up by the client"
        writer.write(rng.choice(NO_REQUEST))
        return await answer or "no request, closed without an answer"
    except ConnectionError:
        return "connection reset"
    finally:
        answer.cancel()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _status(reader: asyncio.StreamReader) -> int | str:
    try:
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
    except ConnectionError:
        return ""
    except TimeoutError:
        return "no answer in a minute"
    return int(line.split(b" ")[1]) if line.startswith(b"HTTP/1.1 ") else ""


async def _send_until_answered(
    writer: asyncio.StreamWriter, answer: asyncio.Task[int | str], pieces: AsyncIterator[bytes], unanswered: str
) -> int | str:
    with contextlib.suppress(ConnectionError):
        async for piece in pieces:
            if answer.done():
                break
            writer.write(piece)
            await writer.drain()
    return await answer or unanswered


async def _endless_chunks() -> AsyncIterator[bytes]:
    yield HEAD + b"transfer-encoding: chunked\r\n\r\n"
    while True:
        yield b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
        await asyncio.sleep(0)


async def _dripping_body() -> AsyncIterator[bytes]:
    yield HEAD + b"content-length: 1000\r\n\r\n"
    while True:
        yield b"x"
        await asyncio.sleep(0.2)
