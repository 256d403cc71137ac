"""One system under measurement in a process of its own: ``python -m ackd_deploy.check.worker``.

Several ONNX Runtime sessions and PyTorch in one process would share caches, heaps and thread pools, and
their memory could not be told apart. The first line on stdin says what to load; each later line is a list
of texts to time. Answers are one JSON line each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def _load(task: dict[str, Any]) -> tuple[Callable[[Sequence[Any], int], Any], Callable[[Sequence[Any]], Any] | None]:
    folder = Path(task["folder"])
    if task["kind"] == "torch":
        from ackd_deploy.check.torch_model import TorchClassifier

        return TorchClassifier(folder, task["max_length"], task["threads"]).logits, None
    from ackd_deploy.runtime import Classifier

    classifier = Classifier.load(folder, provider=task["provider"], threads=task["threads"], variant=task["variant"])
    return classifier.logits, classifier.tokenize


def main() -> int:
    """Serve measurements until stdin ends."""
    # Whatever a library prints must not mix with the answers.
    answers, sys.stdout = sys.stdout, sys.stderr

    def answer(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    task = json.loads(sys.stdin.readline())
    start = time.perf_counter()
    try:
        classify, tokenize = _load(task)
        warm = [tuple(text) if isinstance(text, list) else text for text in task["warm"]]
        classify(warm[:1], 1)
        loaded = time.perf_counter() - start
        classify(warm, task["batch_size"])
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")
        return 1
    answer(load_seconds=loaded, resident_bytes=resident_bytes())
    for line in sys.stdin:
        request = json.loads(line)
        texts = [tuple(text) if isinstance(text, list) else text for text in request["texts"]]
        size = request["batch_size"]
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
        answer(seconds=times, tokenizing=tokenizing, resident_bytes=resident_bytes())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
