"""What a model answered on the held-out rows, as its stage saved it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.errors import ArtifactError

__all__ = ["Predictions", "read_predictions"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Predictions:
    """Logits [N, C] of one model for held-out rows, beside their labels [N] or [N, C]."""

    logits: Array
    labels: Array

    def same_rows(self, other: Predictions) -> bool:
        """Whether another model's labels are the same, as far as they tell that the rows are."""
        return np.array_equal(self.labels, other.labels)


def read_predictions(path: Path, *, rows: Literal["validation", "test"] = "validation") -> Predictions:
    """Read saved predictions on the validation or the test rows.

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
    prefix = "" if rows == "validation" else f"{rows}_"
    logits, labels = tensors.get(f"{prefix}logits"), tensors.get(f"{prefix}labels")
    if logits is None or labels is None or len(logits) != len(labels):
        raise ArtifactError(f"{path} does not hold logits and labels of the same rows ({rows})")
    return Predictions(logits, labels)
