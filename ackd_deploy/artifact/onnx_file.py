"""Look at an ONNX file before ONNX Runtime does: what it refers to, what it computes with, how large it is.

ONNX Runtime opens the files that a graph names as external data and runs constant parts of the graph
while it loads. So a foreign graph is read here first, byte by byte, and refused when it names another
file, an operator from an unknown domain, or an operator that can run other code or never end.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from ackd_deploy.artifact.onnx_facts import OnnxFacts
from ackd_deploy.artifact.onnx_walk import Walk
from ackd_deploy.artifact.wire import Budget, WireError
from ackd_deploy.errors import ArtifactError

__all__ = ["MAX_BYTES", "OnnxFacts", "inspect_onnx"]

MAX_BYTES = 2**31 - 1  # protobuf's own limit for one message


def inspect_onnx(model: Path | bytes) -> OnnxFacts:
    """Read an ONNX file's structure; its weights are skipped, so that this takes milliseconds.

    Raises:
        ArtifactError: no such regular file, too large, or not an ONNX protobuf.
    """
    if isinstance(model, bytes):
        return _inspect(memoryview(model), "the ONNX graph")
    if not model.is_file():
        raise ArtifactError(f"{model} is missing or not a file")
    size = model.stat().st_size
    if size > MAX_BYTES:
        raise ArtifactError(f"{model} has {size:,} bytes; an ONNX file in one piece has fewer than 2**31")
    if size == 0:
        raise ArtifactError(f"{model} is empty")
    with model.open("rb") as stream:
        # Not closed by hand: that fails while views into it live, and it goes with the last of them.
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return _inspect(memoryview(mapped), str(model))


def _inspect(data: memoryview, source: str) -> OnnxFacts:
    facts = OnnxFacts(source)
    walk = Walk(facts, Budget())
    try:
        walk.model(data)
    except (WireError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{source} is not an ONNX file: {error}") from None
    facts.embedding_rows = walk.embedding_rows()
    return facts
