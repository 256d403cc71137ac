"""The recipe's section ``data``: where labeled text lies and what its columns are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from ackd_deploy.errors import RecipeError
from ackd_deploy.recipe.sections.base import Count, Section, Share
from ackd_deploy.tasks import ProblemType, Task, task_of
from ackd_deploy.tasks.label_names import label_name_problem
from ackd_deploy.tasks.long_texts import LongTextRule, LongTexts

__all__ = ["Augment", "Data", "HeldOut", "HubSplit", "LabelName"]


def _checked(name: str) -> str:
    if found := label_name_problem(name):
        raise ValueError(f"a label's name {found}")
    return name


def _encoding(name: str) -> str:
    try:
        # Lines are found in the bytes, so a line end must be one byte; codecs such as base64 are no text.
        fits = "\n".encode(name) == b"\n"
    except (LookupError, ValueError) as error:
        raise ValueError("is no text encoding that Python knows") from error
    if not fits:
        raise ValueError("is not read: save the file as UTF-8")
    return name


LabelName = Annotated[str, AfterValidator(_checked)]


class HubSplit(Section):
    """One split of a data set on the Hugging Face hub."""

    hub: str = Field(description="Id of the data set, such as nyu-mll/glue.")
    config: str | None = Field(None, description="Configuration inside the data set, such as sst2.")
    split: str = Field(description="Split, such as train.")
    revision: str | None = Field(None, description="Commit of the data set to pin; absent: the newest.")


class HeldOut(Section):
    """A part of the training file that is held out of training, where there is no file of its own for validation."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="Of the rows. Rows of equal text stay together, and classes keep their shares."
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = Field(
        0, description="Of the draw; another one than the recipe's, which may change from run to run."
    )


class Augment(Section):
    """Copies of the training texts in which a masked language model replaced words, for the teacher to label."""

    model: str = Field(
        description="Folder or hub id of a BERT with its masked-language head, as it was pretrained. A classifier has "
        "lost it and is refused."
    )
    copies: Count = Field(
        description="Copies of each training text. TinyBERT has 20; an epoch is so many times longer. [R: TinyBERT]"
    )
    probability: Share = Field(0.4, description="Of a word to be replaced in a copy. [R: TinyBERT]")
    top_k: Count = Field(
        15, description="Most probable words that a replacement is drawn from, all equally likely. [R: TinyBERT]"
    )


def _held_out_kind(value: Any) -> str | None:
    """Return which mapping is meant by its keys, so that errors are those of one kind alone."""
    if isinstance(value, dict):
        return "HubSplit" if value.keys() & HubSplit.model_fields.keys() else "HeldOut"
    return type(value).__name__ if isinstance(value, (HubSplit, HeldOut)) else None


HeldOutRows = Annotated[
    Annotated[HubSplit, Tag("HubSplit")] | Annotated[HeldOut, Tag("HeldOut")],
    Discriminator(_held_out_kind, "no_mapping", "Input should be a mapping"),
]


class Data(Section):
    """Labeled text: where it lies and what its columns are called."""

    train: str | HubSplit | None = Field(
        None,
        description="CSV, TSV, JSON Lines, JSON or Parquet file, folder with a folder of texts a class, or hub split. "
        "Absent only where nothing is trained: distill.method 'none' without teacher.finetune.",
    )
    validation: str | HeldOutRows = Field(
        description="The same, held out: metrics and gates are decided on it, nothing is trained or calibrated on it. "
        "{share: 0.1} holds out a part of data.train."
    )
    test: str | HubSplit | None = Field(
        None, description="Further held-out rows. Nothing is decided on them; `ablate` reports them beside validation."
    )
    unlabeled: str | HubSplit | list[str | HubSplit] | None = Field(
        None,
        description="Further texts to distill on, without labels: one source or several, with the same text columns; "
        "a label column is ignored. The teacher labels them. Methods without a teacher never see them.",
    )
    delimiter: Literal[",", ";", "\t", "|"] | None = Field(
        None, description="Between the fields of .csv files; absent: the one that the header has the columns with."
    )
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        "utf-8", description="Of text files, by Python's name, such as cp1252. UTF-16 and UTF-32 are not read."
    )
    augment: Augment | None = Field(
        None, description="Copies of the training texts with replaced words, as further unlabeled ones; absent: none."
    )
    text: str = Field("text", description="Column of the text.")
    text_pair: str | None = Field(None, description="Column of the second text, for pairs; absent: single texts.")
    label: str | list[str] = Field("label", description="Column of the label; several for multi-label tasks.")
    label_names: dict[str, LabelName] | None = Field(
        None, description="Name for each value of the label column, such as {'0': negative, '1': positive}."
    )
    soft_labels: list[str] | dict[LabelName, str] | None = Field(
        None,
        description="Columns of train with the probability of each label, in the order of the labels, or label to "
        "column: the answers of any other model. A row may have a label, soft labels, or both.",
    )
    problem_type: ProblemType = Field(
        "single_label_classification",
        description="The task: one label a text, any number of labels, or a number. Decides losses and metrics.",
    )
    metric: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description="The metric that decides in tables and gates. One label a text: accuracy (the default), macro_f1, "
        "weighted_f1, balanced_accuracy, mcc or 'f1:CLASS'; several: micro_f1 (the default), macro_f1, weighted_f1, "
        "samples_f1, exact_match or 'f1:CLASS'; a number: pearson (the default), spearman, mse, rmse or mae.",
    )
    max_length: Annotated[int, Field(ge=4, le=8192)] = Field(
        128, description="Tokens that the model reads at once, special tokens included."
    )
    long_texts: LongTexts = Field(
        "cut",
        description="What is read of a text with more tokens: cut, its beginning; head_tail, the first quarter of "
        "max_length and the last three from its end; windows, overlapping windows, whose logits are averaged "
        "(single texts).",
    )
    window_overlap: Annotated[float, Field(ge=0.0, le=0.9)] = Field(
        0.25, description="For windows: share of a window that the next one repeats."
    )
    max_windows: Annotated[int, Field(ge=2, le=64)] = Field(
        8,
        description="For windows: the most of one text; where it needs more, they lie evenly from beginning to end.",
    )
    train_rows: Count | None = Field(
        None, description="Train on a subset of so many labeled rows, drawn by the seed; absent: on all."
    )
    on_error: Literal["stop", "skip"] = Field(
        "stop",
        description="Rows without a text, with a label that cannot be read, or not of the file's format: stop with all "
        "of them in one message, or skip them, told and kept in the run's skipped.jsonl.",
    )
    max_skipped: Share = Field(0.05, description="Share of a file's rows that may be skipped; more stop the run.")
    calibration_rows: Count = Field(
        512,
        description="Training rows for the calibration of int8, and of the temperature where there are no tuning_rows.",
    )
    tuning_rows: Count | None = Field(
        None,
        description="Rows of train that nothing is trained on, drawn by the seed: the best weights, temperature, "
        "decision thresholds and abstention are chosen on them. Absent: none.",
    )

    @field_validator("metric")
    @classmethod
    def _metric_of_the_task(cls, metric: str | None, info: ValidationInfo) -> str | None:
        # Without a valid problem type there is nothing to check it against.
        if "problem_type" in info.data:
            task_of(info.data["problem_type"]).deciding_by(metric)
        return metric

    @model_validator(mode="after")
    def _soft_labels_of_the_task(self) -> Data:
        if self.soft_labels is None:
            return self
        if not self.task.has_classes:
            raise ValueError(
                "soft_labels are probabilities of classes; a regression has none: a number that another model gives is "
                "an ordinary label, so name its column in data.label"
            )
        columns = list(self.soft_labels.values() if isinstance(self.soft_labels, dict) else self.soft_labels)
        if len(columns) < 2 and self.task.exclusive:
            raise ValueError("soft_labels lists a column for each label, at least two")
        if not columns or len(set(columns)) < len(columns):
            raise ValueError("soft_labels lists no column, or one twice")
        return self

    @model_validator(mode="after")
    def _windows_of_single_texts(self) -> Data:
        if self.long_texts == "windows" and self.text_pair is not None:
            raise ValueError("data.long_texts: windows takes single texts; pairs of texts take cut or head_tail")
        return self

    @property
    def long_text_rule(self) -> LongTextRule | None:
        """How texts of more than ``max_length`` tokens are read; None: their end is cut off."""
        if self.long_texts == "cut":
            return None
        return LongTextRule(mode=self.long_texts, overlap=self.window_overlap, max_windows=self.max_windows)

    @property
    def unlabeled_sources(self) -> list[str | HubSplit]:
        """The sources of texts without labels; there may be none."""
        if self.unlabeled is None:
            return []
        return list(self.unlabeled) if isinstance(self.unlabeled, list) else [self.unlabeled]

    @property
    def task(self) -> Task:
        """The task of the problem type with its deciding metric, which computes nothing where it needs label names."""
        return task_of(self.problem_type).deciding_by(self.metric)

    def task_for(self, label_names: Sequence[str]) -> Task:
        """Return the same for data or a model with these label names.

        Raises:
            RecipeError: the metric is that of a class that is not among them.
        """
        try:
            return task_of(self.problem_type).deciding_by(self.metric, label_names)
        except ValueError as error:
            raise RecipeError("recipe", [f"data.metric: {error}, got {self.metric!r}"]) from error
