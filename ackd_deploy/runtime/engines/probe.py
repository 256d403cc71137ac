"""Find out which execution providers really load, by running a graph of two numbers on each.

A provider whose libraries are missing is still listed as available, and some abort the process that
tries them: so each is tried in a process of its own, ``python -m ackd_deploy.runtime.engines.probe NAME``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass

from ackd_deploy.errors import AckdError

__all__ = ["ProviderProbe", "probe_providers", "tiny_graph"]

_SECONDS = 120.0
_COLOR = re.compile(r"\x1b\[[0-9;]*m")

# It sends the input to an endpoint on the network: nothing that this tool uses or tries.
_NOT_TRIED = frozenset({"AzureExecutionProvider"})


@dataclass(frozen=True, slots=True)
class ProviderProbe:
    """One provider: whether a session on it ran, and otherwise why not."""

    provider: str
    loads: bool
    detail: str


def probe_providers() -> list[ProviderProbe]:
    """Try each provider that this build of ONNX Runtime has.

    Raises:
        MissingExtra: ONNX Runtime cannot be imported, or two of its wheels have broken each other.
    """
    from ackd_deploy.runtime.engines.session import import_onnxruntime

    available: list[str] = import_onnxruntime().get_available_providers()
    return [_probe(provider) for provider in available if provider not in _NOT_TRIED]


def tiny_graph() -> bytes:
    """Return an ONNX model that adds its input ``x`` [2] float32 to itself, giving ``y``."""
    value = _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, _bytes(1, _number(1, 2)))))
    node = _bytes(1, b"x") + _bytes(1, b"x") + _bytes(2, b"y") + _bytes(4, b"Add")
    graph = (
        _bytes(1, node)
        + _bytes(2, b"probe")
        + _bytes(11, _bytes(1, b"x") + value)
        + _bytes(12, _bytes(1, b"y") + value)
    )
    # IR version 8 and opset 17: old enough for any ONNX Runtime that this package admits.
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17))


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3, value])


def _bytes(field: int, content: bytes) -> bytes:
    # One byte is enough for the lengths here; bytes() refuses more.
    return bytes([field << 3 | 2, len(content)]) + content


def _probe(provider: str) -> ProviderProbe:
    command = [sys.executable, "-m", "ackd_deploy.runtime.engines.probe", provider]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ProviderProbe(provider, False, f"did not answer within {_SECONDS:.0f} s")
    if done.returncode == 0:
        return ProviderProbe(provider, True, done.stdout.strip())
    return ProviderProbe(provider, False, reason_of(done.stdout, done.stderr, done.returncode))


def reason_of(output: str, errors: str, code: int) -> str:
    """Return the one line of a failed attempt that says why.

    What the provider itself printed on stderr (with colors, after a path of its build machine) says more
    than our summary on stdout.
    """
    cause = re.search(r"with error: ([^\n]+)", _COLOR.sub("", errors))
    if cause:
        return cause.group(1).strip()[:300]
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"the process ended with code {code}"


def _main(provider: str) -> int:
    import numpy as np

    from ackd_deploy.runtime.engines.session import open_session

    try:
        session = open_session(tiny_graph(), provider, threads=1)
    except AckdError as error:
        sys.stdout.write(error.message + "\n")
        return 1
    result = session.run(["y"], {"x": np.array([1.5, -2.0], dtype=np.float32)})[0]
    if result.tolist() != [3.0, -4.0]:
        sys.stdout.write(f"it computes wrongly: {json.dumps(result.tolist())}\n")
        return 1
    sys.stdout.write("a session ran on it\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
