"""Latency by interleaved rounds: each system answers the same texts in turn, so that drift hits all alike.

The figure is the median over rounds of one round's ratio. Absolute times are kept beside it; on a shared
machine only the ratios mean something.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ackd_deploy.check.parity import spread_by_length
from ackd_deploy.errors import EnvironmentProblem

__all__ = ["System", "Timing", "measure", "ratio_interval", "workload_texts"]

Text = str | tuple[str, str]
_MIN_ROUNDS = 3
_SINGLE_TEXTS = 20
_BATCHES = 2
_START_SECONDS = 180.0


@dataclass(frozen=True)
class System:
    """What is timed: a variant of an artefact, or a Hugging Face folder in PyTorch."""

    name: str
    kind: Literal["artifact", "torch"]
    folder: Path
    max_length: int
    variant: str | None = None


@dataclass(frozen=True)
class Timing:
    """What was measured of one system on one workload."""

    name: str
    rounds: tuple[float, ...]
    calls: tuple[float, ...]
    tokenizing: float | None
    load_seconds: float
    resident_bytes: int
    texts: int

    @property
    def seconds(self) -> float:
        """Median seconds of a round."""
        return float(np.median(self.rounds))

    def as_json(self) -> dict[str, float | int | None]:
        """Figures for run.json: times in milliseconds, of one call of the workload."""
        return {
            "p50_ms": 1e3 * float(np.median(self.calls)),
            "p99_ms": 1e3 * float(np.quantile(self.calls, 0.99)),
            "texts_per_second": self.texts / self.seconds,
            "tokenizing_share": None if self.tokenizing is None else self.tokenizing / self.seconds,
            "load_seconds": self.load_seconds,
            "resident_mb": self.resident_bytes / 1e6,
            "rounds": len(self.rounds),
        }


def ratio_interval(system: Timing, base: Timing) -> tuple[float, tuple[float, float]]:
    """Median over rounds of ``system`` / ``base``, and its 95 % interval by order statistics (a sign test).

    Rounds are paired: both systems met the same load of the machine.
    """
    ratios = np.sort(np.array(system.rounds) / np.array(base.rounds))
    n = len(ratios)
    # Normal approximation of the binomial ranks around the median, widened outwards.
    half = 1.96 * np.sqrt(n) / 2
    low, high = max(0, int(np.floor(n / 2 - half))), min(n - 1, int(np.ceil(n / 2 + half)) - 1)
    return float(np.median(ratios)), (float(ratios[low]), float(ratios[max(high, low)]))


def workload_texts(
    texts: Sequence[Text], lengths: Sequence[int], workload: Literal["single", "batch"], batch: int
) -> list[Text]:
    """Return texts of the data's own lengths: spread over the sorted lengths, then mixed by a fixed seed."""
    count = _SINGLE_TEXTS if workload == "single" else _BATCHES * batch
    chosen = [texts[row] for row in spread_by_length(lengths, count)]
    order = np.random.default_rng(0).permutation(len(chosen))
    return [chosen[place] for place in order]


class _Worker:
    """A worker process and the pipe to it."""

    def __init__(self, system: System, texts: Sequence[Text], batch: int, threads: int, provider: str) -> None:
        self.name = system.name
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "ackd_deploy.check.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self._send(
            folder=str(system.folder.resolve()),
            kind=system.kind,
            variant=system.variant,
            max_length=system.max_length,
            threads=threads,
            provider=provider,
            batch_size=batch,
            warm=list(texts),
        )

    def ready(self) -> dict[str, Any]:
        return self._receive()

    def round(self, texts: Sequence[Text], batch: int) -> dict[str, Any]:
        self._send(texts=list(texts), batch_size=batch)
        return self._receive()

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, **message: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # The worker's last line says why; _receive reads it.
            pass

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended without a word"}
        if "error" in answer:
            raise EnvironmentProblem(f"latency of {self.name} could not be measured: {answer['error']}")
        return answer


def measure(
    systems: Sequence[System],
    texts: Sequence[Text],
    *,
    batch: int,
    rounds: int,
    threads: int,
    provider: str = "cpu",
    budget_seconds: float = 10.0,
) -> dict[str, Timing]:
    """Time every system on the same texts, ``batch`` at a time (1: one text a call), in interleaved rounds.

    Stops after ``rounds``, or earlier when the budget is used up, but not before three rounds.

    Raises:
        EnvironmentProblem: a system could not be loaded or died.
    """
    with ExitStack() as stack:
        workers = []
        for system in systems:
            worker = _Worker(system, texts, batch, threads, provider)
            stack.callback(worker.close)
            workers.append(worker)
        loaded = {worker.name: worker.ready() for worker in workers}
        answers: dict[str, list[dict[str, Any]]] = {worker.name: [] for worker in workers}
        start = time.monotonic()
        for number in range(rounds):
            if number >= _MIN_ROUNDS and time.monotonic() - start > budget_seconds:
                break
            shift = number % len(workers)
            # Whoever comes after a heavy neighbour finds cold caches: the order rotates.
            for worker in workers[shift:] + workers[:shift]:
                answers[worker.name].append(worker.round(texts, batch))
    return {name: _timing(name, loaded[name], found, len(texts)) for name, found in answers.items()}


def _timing(name: str, loaded: dict[str, Any], answers: list[dict[str, Any]], texts: int) -> Timing:
    tokenizing = [answer["tokenizing"] for answer in answers if answer["tokenizing"] is not None]
    return Timing(
        name=name,
        rounds=tuple(sum(answer["seconds"]) for answer in answers),
        calls=tuple(seconds for answer in answers for seconds in answer["seconds"]),
        tokenizing=float(np.median(tokenizing)) if tokenizing else None,
        load_seconds=float(loaded["load_seconds"]),
        resident_bytes=int(answers[-1]["resident_bytes"]),
        texts=texts,
    )
