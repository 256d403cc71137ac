"""One stage's lines in metrics.jsonl, without duplicates after a resumed training."""

from __future__ import annotations

import json
from typing import Any

from ackd_deploy.files import write_text
from ackd_deploy.run import Run

__all__ = ["MetricsLog"]


class MetricsLog:
    """Appends lines; `rewind` drops those that a resumed training is about to write again."""

    def __init__(self, run: Run, stage: str) -> None:
        self._run = run
        self._stage = stage

    def __call__(self, **fields: Any) -> None:
        """Append one line."""
        self._run.log_metrics(stage=self._stage, **fields)

    def rewind(self, step: int) -> None:
        """Drop this stage's lines after ``step``, and lines that a crash cut short."""
        path = self._run.path("metrics.jsonl")
        if not path.exists():
            return
        kept = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue
            if fields.get("stage") != self._stage or fields.get("step", 0) <= step:
                kept.append(line + "\n")
        write_text(path, "".join(kept))
