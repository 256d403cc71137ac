"""What an export starts from: the run's student, its validation rows, and a slice of its training rows, if any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ackd_deploy.artifact.load import read_bounded_json
from ackd_deploy.check.finished import held_against
from ackd_deploy.check.quality import Against
from ackd_deploy.data import LabeledTexts, calibration_slice, subset, tuning_split
from ackd_deploy.data.fingerprint import data_fingerprints
from ackd_deploy.data.skipped import skipped_fingerprints
from ackd_deploy.data.source import load_part
from ackd_deploy.data.unlabeled import labeled_part
from ackd_deploy.errors import ArtifactError
from ackd_deploy.export.quantization.search import Calibration
from ackd_deploy.files import sha256_file
from ackd_deploy.run import Run
from ackd_deploy.runtime.tokenizer import TextTokenizer, Tokens, pad, windows_by_row
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.constant import best_constant, constant_name
from ackd_deploy.tasks.text import Text

__all__ = ["Inputs", "gather"]

# Ranges settle within a hundred texts; as many others tell which setting is the most faithful.
_FIT_ROWS = 96
_CHOOSE_ROWS = 64


@dataclass(frozen=True, eq=False)
class Inputs:
    """The student's folder and the rows around it, labels in the order of the student's logits.

    Attributes:
        student: its folder.
        validation: rows that gates are decided on.
        calibration: training rows, for ranges of int8; None where the recipe names no training data.
        tuning: rows that nothing was trained on, for what is chosen on scores; None where the recipe keeps none.
        labels: index to name.
        pad_id: id of the padding token.
        tokenizer: of the student.
    """

    student: Path
    validation: LabeledTexts
    calibration: LabeledTexts | None
    tuning: LabeledTexts | None
    labels: tuple[str, ...]
    pad_id: int
    tokenizer: TextTokenizer
    against: Against

    @property
    def max_length(self) -> int:
        """Tokens that the model reads at once."""
        return self.tokenizer.max_length

    @cached_property
    def texts(self) -> list[Text]:
        """Validation texts, or pairs of them."""
        return self.validation.items

    @cached_property
    def tokens(self) -> list[Tokens]:
        """The validation texts, tokenized once for all variants: they share one tokenizer.json."""
        return self.tokenizer.encode(self.texts)

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each validation text, as the model sees it."""
        return [row.used_tokens for row in self.tokens]

    def feeds(self, names: Sequence[str]) -> Calibration | None:
        """Return calibration rows, or windows, as inputs of a graph, one each: nothing is padded, nothing mixed.

        None where there are none.

        Args:
            names: of the graph's inputs.
        """
        if self.calibration is None:
            return None
        windows, _ = windows_by_row(self.tokenizer.encode(self.calibration.items[: _FIT_ROWS + _CHOOSE_ROWS]))
        # All rows where each is one window; where the windows are more, those chosen lie evenly among them.
        chosen = np.linspace(0, len(windows) - 1, min(len(windows), _FIT_ROWS + _CHOOSE_ROWS)).round().astype(int)
        rows = [pad([windows[place]], self.pad_id, names) for place in chosen]
        # With very little training text one half does both jobs; validation rows are never touched.
        half = min(_FIT_ROWS, max(1, len(rows) // 2))
        return Calibration(fit=rows[:half], choose=rows[half:] or rows)


def gather(run: Run) -> Inputs:
    """Read the student's configuration and the run's data.

    Raises:
        DataError: the data cannot be used any more as the recipe says.
        ArtifactError: the student's folder is damaged.
        RunMismatch: the data has changed since the student was trained.
    """
    data = run.recipe.data
    student = run.student_folder
    config = read_bounded_json(student / "config.json") if (student / "config.json").is_file() else None
    if not isinstance(config, dict) or not isinstance(config.get("id2label"), dict):
        raise ArtifactError(f"{student / 'config.json'} is missing or names no labels", hint="distill the run again")
    _check_files(run, student)
    run.check_inputs(data_fingerprints(data))
    labels = tuple(str(config["id2label"][key]) for key in sorted(config["id2label"], key=int))
    seed = run.recipe.seed
    held_out = load_part(data.validation, data, labels)
    skipped = {"validation": held_out.skipped}
    train = calibration = tuning = None
    if data.train is not None:
        part = load_part(data.train, data, labels)
        skipped = {"train": part.skipped, **skipped}
        train, tuning = tuning_split(subset(part.rows, data.train_rows, seed=seed), data.tuning_rows, seed=seed)
        calibration = train.take(calibration_slice(train, data.calibration_rows, seed=seed))
    if data.on_error == "skip":
        run.check_inputs(skipped_fingerprints(skipped))
    validation = held_out.rows
    pad_id = config.get("pad_token_id")
    return Inputs(
        student=student,
        validation=validation,
        calibration=calibration,
        tuning=tuning,
        labels=labels,
        pad_id=0 if pad_id is None else int(pad_id),
        tokenizer=TextTokenizer(student / "tokenizer.json", data.max_length, data.long_text_rule),
        against=held_against(run) or _constant(data.task_for(labels), (train and labeled_part(train)) or validation),
    )


def _constant(task: Task, train: LabeledTexts) -> Against:
    """Return the best constant answer, for a run from before these were recorded."""
    row = best_constant(task, train.labels, len(train.label_names))
    return Against(row, constant_name(task, row, train.label_names))


def _check_files(run: Run, student: Path) -> None:
    for name, recorded in run.record(run.student).files.items():
        file = student / name
        if not file.is_file():
            raise ArtifactError(f"{file} is missing", hint="distill the run again, or restore the file")
        if sha256_file(file) != recorded:
            raise ArtifactError(
                f"{file} is not the file that the training wrote: its checksum differs",
                hint="the same distill command makes the student again; or restore the file",
            )
