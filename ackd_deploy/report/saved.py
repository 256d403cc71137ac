"""Reading what a run left behind: predictions on the validation rows, and the lines of metrics.jsonl."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.errors import ArtifactError
from ackd_deploy.tasks.metrics import metrics, primary
from ackd_deploy.tasks.stats import wilson_interval

__all__ = ["Predictions", "finite", "metric_interval", "read_metrics", "read_predictions"]

Array = NDArray[Any]
_DRAWS = 1000


@dataclass(frozen=True)
class Predictions:
    """Logits [N, C] of one model for the validation rows, beside their labels [N] or [N, C]."""

    logits: Array
    labels: Array


def read_predictions(path: Path) -> Predictions:
    """Read saved predictions.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing", hint="ackd-deploy distill RECIPE writes it again") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error
    if not {"logits", "labels"} <= tensors.keys() or len(tensors["logits"]) != len(tensors["labels"]):
        raise ArtifactError(f"{path} does not hold logits and labels of the same rows")
    return Predictions(tensors["logits"], tensors["labels"])


def finite(value: Any) -> float | None:
    """Return a number as a float; None for anything else, NaN and infinities included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def metric_interval(problem_type: str, saved: Predictions, *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the primary metric over the validation rows.

    Wilson's for accuracy, which is a proportion; the percentile bootstrap over rows for the others, which are none.
    """
    n = len(saved.labels)
    name = primary(problem_type)
    if name == "accuracy":
        return wilson_interval(int((saved.logits.argmax(axis=1) == saved.labels).sum()), n)
    generator = np.random.default_rng(seed)
    figures = []
    for _ in range(_DRAWS):
        picked = generator.integers(0, n, size=n)
        figures.append(metrics(problem_type, saved.logits[picked], saved.labels[picked])[name])
    low, high = np.quantile(figures, [0.025, 0.975])
    return float(low), float(high)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl; those that a crash cut short are skipped."""
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines
