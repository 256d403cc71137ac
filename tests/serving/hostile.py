"""Requests that mean no good, and how each of them ended."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator

import httpx

from tests.serving.hostile_sockets import hostile_connection

# The service's own default; a body beyond it is refused while the client may still be sending.
MAX_BODY_BYTES = 1_048_576
CUT_OFF = "cut off while sending too much"


def strange_text(rng: random.Random) -> str:
    alphabets = (
        "\x00\x01\x1b\x7f", "\U0001f600\u200d\U0001f680\ufe0f", "\u05e9 \u0639 \u202e", "a\u0301\u0337z",
        "\u200b\u200d\ufeff\u2028", "\ud7ff\ue000\uffff\U0010ffff", "\u6f22\u5b57\u304b", " \t\r\n",
        "[CLS][SEP][MASK]", "'\"\\</script>${7*7}%s%n",
    )  # fmt: skip
    return "".join(rng.choices(rng.choice(alphabets), k=rng.choice((0, 1, 7, 300, 19_999))))


def body(rng: random.Random) -> bytes:
    kind = rng.randrange(14)
    text = strange_text(rng)
    if kind == 0:
        return json.dumps({"text": text}).encode()
    if kind == 1:
        return json.dumps({"texts": [strange_text(rng) for _ in range(rng.choice((1, 3, 40)))]}).encode()
    if kind == 2:
        return b'{"text": "' + rng.choice((b"\\ud800", b"\\udfff x", b"\xed\xa0\x80", b"\xff\xfe", b"\xc0\xaf")) + b'"}'
    if kind == 3:
        return rng.choice((b"[", b'{"text":', b'{"a":[')) * rng.choice((10, 5_000, 150_000))
    if kind == 4:
        return json.dumps({"text": rng.choice((1, -1.5e308, True, None, [], {}, [[]], {"a": 1}))}).encode()
    if kind == 5:
        return json.dumps(
            {"text": "a", rng.choice(("top_k", "scores", "truncate")): rng.choice((-1, 10**30, "x", [], None))}
        ).encode()
    if kind == 6:
        return b'{"text": "a", "top_k": ' + b"9" * rng.choice((10, 5_000)) + b"}"
    if kind == 7:
        return rng.choice((b"NaN", b'{"text": NaN}', b'{"top_k": Infinity, "text": "a"}', b"-0", b'""'))
    if kind == 8:
        return b'{"text": "' + b"a" * rng.choice((1_100_000, 10_000_000)) + b'"}'
    if kind == 9:
        return json.dumps({"texts": ["a"] * rng.choice((256, 257, 100_000))}).encode()
    if kind == 10:
        return rng.randbytes(rng.choice((0, 1, 100, 5_000)))
    if kind == 11:
        return json.dumps(
            {"pairs": rng.choice(([], [["a"]], [["a", "b"]], [["a", None]], "ab", [["a", "b"]] * 300))}
        ).encode()
    if kind == 12:
        return b'{"text": "a", "text": "b"' + b', "x": 1' * rng.choice((1, 10_000)) + b"}"
    return json.dumps({"text": "a" * 20_001, "truncate": "error"}).encode()


def headers(rng: random.Random) -> dict[bytes, bytes]:
    chosen = rng.choice(
        (
            {"content-type": "application/json"},
            {"content-type": "application/json; charset=utf-16"},
            {"content-type": "text/plain"},
            {"content-type": "x" * 5_000},
            {"x-request-id": "a\tb" * 20},
            {"authorization": "Bearer " + "é" * 10},
            {"inference-header-content-length": "9" * rng.choice((30, 5_000))},
            {"expect": "100-continue"},
        )
    )
    return {name.encode(): value.encode("latin-1") for name, value in chosen.items()}


async def request(client: httpx.AsyncClient, rng: random.Random, model: str) -> int | str:
    content = body(rng)
    path = rng.choice(
        ("/classify",) * 6 + (f"/v2/models/{model}/infer", "/classify/../info", "/%00", "/v2/models/%ff/infer")
    )

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]

    sent = chunks() if rng.random() < 0.1 else content
    try:
        return (await client.post(path, content=sent, headers=headers(rng))).status_code
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError) as error:
        # The answer came, and the connection closed, while the client was still sending.
        return CUT_OFF if len(content) > MAX_BODY_BYTES else f"{type(error).__name__} after {len(content)} bytes"


async def attack(url: str, count: int, seed: int, model: str) -> Counter[int | str]:
    """Send ``count`` requests over 16 connections at a time; return how many ended in what.

    An int is a status; a word is an ending without one.
    """
    outcomes: Counter[int | str] = Counter()
    rng = random.Random(seed)
    port = int(url.rsplit(":", 1)[1])
    left = iter(range(count))
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as client:

        async def many() -> None:
            for _ in left:
                # One in eight is no whole request: it needs a socket of its own.
                if rng.random() < 0.125:
                    outcomes[await hostile_connection(port, rng)] += 1
                else:
                    outcomes[await request(client, rng, model)] += 1

        await asyncio.gather(*(many() for _ in range(16)))
    return outcomes
