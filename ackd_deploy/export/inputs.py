"""What an export starts from: the run's student, its validation rows, and a slice of its training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ackd_deploy.artifact.load import read_bounded_json
from ackd_deploy.data import LabeledTexts, calibration_slice, load_rows, subset
from ackd_deploy.errors import ArtifactError
from ackd_deploy.export.quantization.search import Calibration
from ackd_deploy.files import sha256_file
from ackd_deploy.run import Run
from ackd_deploy.runtime.tokenizer import TextTokenizer, Tokens, pad
from ackd_deploy.tasks.text import Text

__all__ = ["Inputs", "calibration_feeds", "check_student", "gather"]

# Ranges settle within a hundred texts; as many others tell which setting is the most faithful.
_FIT_ROWS = 96
_CHOOSE_ROWS = 64


@dataclass(frozen=True)
class Inputs:
    """The student's folder and the rows around it, labels in the order of the student's logits."""

    student: Path
    validation: LabeledTexts
    calibration: LabeledTexts
    labels: tuple[str, ...]
    pad_id: int
    max_length: int

    @property
    def texts(self) -> list[Text]:
        """Validation texts, or pairs of them."""
        return self.validation.items


def gather(run: Run) -> Inputs:
    """Read the student's configuration and the run's data.

    Raises:
        DataError: the data cannot be used any more as the recipe says.
        ArtifactError: the student's folder is damaged.
    """
    data = run.recipe.data
    student = run.path("student")
    config = read_bounded_json(student / "config.json") if (student / "config.json").is_file() else None
    if not isinstance(config, dict) or not isinstance(config.get("id2label"), dict):
        raise ArtifactError(f"{student / 'config.json'} is missing or names no labels", hint="distill the run again")
    _check_weights(run, student / "model.safetensors")
    labels = tuple(str(config["id2label"][key]) for key in sorted(config["id2label"], key=int))
    train = subset(load_rows(data.train, data, labels), data.train_rows, seed=run.recipe.seed)
    validation = load_rows(data.validation, data, labels)
    calibration = train.take(calibration_slice(train, data.calibration_rows, seed=run.recipe.seed))
    pad_id = config.get("pad_token_id")
    return Inputs(student, validation, calibration, labels, 0 if pad_id is None else int(pad_id), data.max_length)


def _check_weights(run: Run, weights: Path) -> None:
    recorded = run.record(run.student).sha256
    if not weights.is_file():
        raise ArtifactError(f"{weights} is missing", hint="distill the run again, or restore the file")
    if sha256_file(weights) != recorded:
        raise ArtifactError(
            f"{weights} is not the file that the training wrote: its checksum differs",
            hint="the same distill command makes the student again; or restore the file",
        )


def calibration_feeds(inputs: Inputs, tokenizer: TextTokenizer, names: Sequence[str]) -> Calibration:
    """Return the calibration rows as inputs of the graph, one row each: nothing is padded, nothing mixed."""
    texts = inputs.calibration.items[: _FIT_ROWS + _CHOOSE_ROWS]
    tokens: list[Tokens] = tokenizer.encode(texts)
    feeds = [pad([row], inputs.pad_id, names) for row in tokens]
    # With very little training text one half does both jobs; validation rows are never touched.
    half = min(_FIT_ROWS, max(1, len(feeds) // 2))
    return Calibration(fit=feeds[:half], choose=feeds[half:] or feeds)


def check_student(run: Run, logits: npt.NDArray[np.floating], inputs: Inputs) -> dict[str, float]:
    """Return the student's metrics, after comparing them with what its training recorded.

    Raises:
        ArtifactError: they differ: the folder does not hold what was trained, or its labels changed places.
    """
    task = run.recipe.data.task
    found = task.metrics(logits, inputs.validation.labels)
    name = task.metric.name
    recorded = run.record(run.student).metrics[name]
    # A row or two may fall to the other side when the student was trained on another device.
    if abs(found[name] - recorded) > 0.005 + 2.0 / len(inputs.validation):
        raise ArtifactError(
            f"the student in {inputs.student} has {name} {found[name]:.4f}, its training recorded {recorded:.4f}: "
            "its weights, its label names or the validation rows are not those of the run",
            hint="distill the run again, or restore the folder",
        )
    return found
