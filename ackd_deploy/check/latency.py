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
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ackd_deploy.check.parity import spread_by_length
from ackd_deploy.errors import EnvironmentProblem
from ackd_deploy.run.records import TimingRecord
from ackd_deploy.tasks.intervals import Interval, median_interval
from ackd_deploy.tasks.long_texts import LongTextRule
from ackd_deploy.tasks.text import Text

__all__ = ["System", "Timing", "measure", "ratio_interval", "workload_texts"]

_MIN_ROUNDS = 3
_SINGLE_TEXTS = 20
_BATCHES = 2


@dataclass(frozen=True)
class System:
    """What is timed: a variant of an artifact, or a Hugging Face folder in PyTorch."""

    name: str
    kind: Literal["artifact", "torch"]
    folder: Path
    max_length: int
    variant: str | None = None
    rule: LongTextRule | None = None

    def described(self) -> dict[str, Any]:
        """Return it in JSON's types, for its worker."""
        rule = None if self.rule is None else self.rule.model_dump()
        return {**asdict(self), "folder": str(self.folder.resolve()), "rule": rule}


@dataclass(frozen=True)
class Timing:
    """What was measured of one system on one workload."""

    name: str
    rounds: tuple[float, ...]
    calls: tuple[float, ...]
    tokenizing: float | None
    load_seconds: float
    resident_bytes: int | None
    texts: int

    @property
    def seconds(self) -> float:
        """Median seconds of a round."""
        return float(np.median(self.rounds))

    def record(self) -> TimingRecord:
        """Return it as run.json holds it: times in milliseconds, of one call of the workload."""
        return TimingRecord(
            p50_ms=1e3 * float(np.median(self.calls)),
            p99_ms=1e3 * float(np.quantile(self.calls, 0.99)),
            texts_per_second=self.texts / self.seconds,
            tokenizing_share=None if self.tokenizing is None else self.tokenizing / self.seconds,
            load_seconds=self.load_seconds,
            resident_mb=None if self.resident_bytes is None else self.resident_bytes / 1e6,
            rounds=len(self.rounds),
        )


def ratio_interval(system: Timing, base: Timing) -> tuple[float, Interval]:
    """Median over rounds of ``system`` / ``base``, and its 95 % interval.

    Rounds are paired: both systems met the same load of the machine.
    """
    ratios = np.array(system.rounds) / np.array(base.rounds)
    return float(np.median(ratios)), median_interval(ratios)


def workload_texts(
    texts: Sequence[Text], lengths: Sequence[int], workload: Literal["single", "batch"], batch: int
) -> list[Text]:
    """Return texts of the data's own lengths: spread over the sorted lengths, then mixed by a fixed seed."""
    count = _SINGLE_TEXTS if workload == "single" else _BATCHES * batch
    chosen = [texts[row] for row in spread_by_length(lengths, count)]
    order = np.random.default_rng(0).permutation(len(chosen))
    return [chosen[place] for place in order]


class _Worker:
    """A worker process, the systems it holds, and the pipe to it."""

    def __init__(self, systems: Sequence[System], warm: Sequence[Text], threads: int, provider: str) -> None:
        self.name = " and ".join(system.name for system in systems)
        self.alone = len(systems) == 1
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "ackd_deploy.check.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        described = [system.described() for system in systems]
        self._send(systems=described, threads=threads, provider=provider, warm=list(warm))

    def ready(self) -> dict[str, float]:
        """Wait until it has loaded; returns the seconds it took by system."""
        seconds: dict[str, float] = self._receive()["load_seconds"]
        return seconds

    def time(self, system: str, texts: Sequence[Text], batch: int) -> dict[str, Any]:
        self._send(system=system, texts=list(texts), batch_size=batch)
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
        if self._process.stdin is None:
            raise RuntimeError("the worker was started without a pipe")
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # The worker's last line says why; _receive reads it.
            pass

    def _receive(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its process ended without a word"}
        if "error" in answer:
            raise EnvironmentProblem(f"latency of {self.name} could not be measured: {answer['error']}")
        return answer


def measure(
    systems: Sequence[System],
    workloads: Mapping[str, tuple[Sequence[Text], int]],
    *,
    rounds: int,
    threads: int,
    provider: str = "cpu",
    budget_seconds: float = 6.0,
) -> dict[str, dict[str, Timing]]:
    """Time every system on the same texts in interleaved rounds.

    Args:
        systems: variants get a process each; PyTorch models share one, since its import takes seconds.
        workloads: by name, the texts and how many go into one call.
        rounds: at most.
        threads: of each system.
        provider: execution provider of the variants.
        budget_seconds: of each workload; no round starts after it, but there are at least three.

    Returns:
        Timings by workload and system.

    Raises:
        EnvironmentProblem: a system could not be loaded or died.
    """
    torch = [system for system in systems if system.kind == "torch"]
    groups = [*([torch] if torch else []), *([system] for system in systems if system.kind != "torch")]
    warm = next(iter(workloads.values()))[0][:3]
    found: dict[str, dict[str, Timing]] = {}
    with ExitStack() as stack:
        workers: dict[str, _Worker] = {}
        for group in groups:
            worker = _Worker(group, warm, threads, provider)
            stack.callback(worker.close)
            workers.update((system.name, worker) for system in group)
        loaded: dict[str, float] = {}
        for worker in dict.fromkeys(workers.values()):
            loaded.update(worker.ready())
        for workload, (texts, batch) in workloads.items():
            answers = _rounds(workers, texts, batch, rounds, budget_seconds)
            found[workload] = {
                name: _timing(name, loaded[name], workers[name].alone, given, len(texts))
                for name, given in answers.items()
            }
    return found


def _rounds(
    workers: Mapping[str, _Worker], texts: Sequence[Text], batch: int, rounds: int, budget_seconds: float
) -> dict[str, list[dict[str, Any]]]:
    names = list(workers)
    for name in names:
        # The first call of a shape allocates; it belongs to no round.
        workers[name].time(name, texts[:batch], batch)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    start = time.monotonic()
    for number in range(rounds):
        if number >= _MIN_ROUNDS and time.monotonic() - start > budget_seconds:
            break
        shift = number % len(names)
        # Whoever comes after a heavy neighbor finds cold caches: the order rotates.
        for name in names[shift:] + names[:shift]:
            answers[name].append(workers[name].time(name, texts, batch))
    return answers


def _timing(name: str, load_seconds: float, alone: bool, answers: list[dict[str, Any]], texts: int) -> Timing:
    tokenizing = [answer["tokenizing"] for answer in answers if answer["tokenizing"] is not None]
    return Timing(
        name=name,
        rounds=tuple(sum(answer["seconds"]) for answer in answers),
        calls=tuple(seconds for answer in answers for seconds in answer["seconds"]),
        tokenizing=float(np.median(tokenizing)) if tokenizing else None,
        load_seconds=load_seconds,
        # In a process that holds several models the memory cannot be attributed to one of them.
        resident_bytes=int(answers[-1]["resident_bytes"]) if alone else None,
        texts=texts,
    )
