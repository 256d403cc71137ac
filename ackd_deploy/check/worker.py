"""What is under measurement, in a process of its own: ``python -m ackd_deploy.check.worker``.

Several ONNX Runtime sessions and PyTorch in one process would share caches, heaps and thread pools, and
their memory could not be told apart. The first line on stdin says what to load; each later line names one of
these systems and the texts to time. Answers are one JSON line each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ackd_deploy.tasks.long_texts import LongTextRule

__all__ = ["main", "resident_bytes"]


def resident_bytes() -> int:
    """Resident memory of this process in bytes; 0 where the kernel does not tell."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


Classify = Callable[[Sequence[Any], int], Any]
Tokenize = Callable[[Sequence[Any]], Any]


def _load(system: dict[str, Any], task: dict[str, Any]) -> tuple[Classify, Tokenize | None]:
    folder = Path(system["folder"])
    if system["kind"] == "torch":
        from ackd_deploy.check.torch_model import TorchClassifier

        rule = None if system["rule"] is None else LongTextRule(**system["rule"])
        return TorchClassifier(folder, system["max_length"], task["threads"], rule=rule).logits, None
    from ackd_deploy.runtime import Classifier

    classifier = Classifier.load(folder, provider=task["provider"], threads=task["threads"], variant=system["variant"])
    return classifier.logits, classifier.tokenize


def _texts(raw: Sequence[Any]) -> list[Any]:
    # JSON has no tuples; a pair of texts comes as a list.
    return [tuple(text) if isinstance(text, list) else text for text in raw]


def _time(classify: Classify, tokenize: Tokenize | None, texts: Sequence[Any], size: int) -> dict[str, Any]:
    times = []
    # One call for each text or for each batch: that is what a caller waits for.
    for first in range(0, len(texts), size):
        chunk = texts[first : first + size]
        begin = time.perf_counter()
        classify(chunk, size)
        times.append(time.perf_counter() - begin)
    tokenizing = None
    if tokenize is not None:
        begin = time.perf_counter()
        tokenize(texts)
        tokenizing = time.perf_counter() - begin
    return {"seconds": times, "tokenizing": tokenizing, "resident_bytes": resident_bytes()}


def main() -> int:
    """Serve measurements until stdin ends."""
    # Whatever a library prints must not mix with the answers.
    answers, sys.stdout = sys.stdout, sys.stderr

    def answer(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    task = json.loads(sys.stdin.readline())
    loaded, seconds = {}, {}
    try:
        for system in task["systems"]:
            start = time.perf_counter()
            loaded[system["name"]] = _load(system, task)
            loaded[system["name"]][0](_texts(task["warm"]), 1)
            seconds[system["name"]] = time.perf_counter() - start
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")
        return 1
    answer(load_seconds=seconds)
    for line in sys.stdin:
        request = json.loads(line)
        classify, tokenize = loaded[request["system"]]
        answer(**_time(classify, tokenize, _texts(request["texts"]), request["batch_size"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
