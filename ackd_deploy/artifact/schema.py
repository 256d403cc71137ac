"""The manifest of an artifact, ``ackd.json``: typed, bounded, and consistent in itself.

An artifact may come from an untrusted source, so each field has a limit, a text has no control characters
(terminals act on them), and what the fields say about each other is checked before a file is opened.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ackd_deploy.artifact.decision import Decision, deciding_task
from ackd_deploy.artifact.part import MAX_LABELS, Digest, Name, Part, RelativePath, Text
from ackd_deploy.artifact.quality import CardInfo, Quality
from ackd_deploy.tasks import ProblemType, Task
from ackd_deploy.tasks.long_texts import LongTextRule

__all__ = ["MAX_LABELS", "Columns", "EngineName", "Golden", "Manifest", "VariantInfo"]

SCHEMA_VERSION = 1

EngineName = Literal["onnxruntime", "openvino"]


class VariantInfo(Part):
    """One way to run the student: a graph, an engine and a precision, and what that takes."""

    name: Name = Field(description="Such as fp32 or int8_dynamic.")
    file: RelativePath = Field(description="Path inside the artifact.")
    engine: EngineName = "onnxruntime"
    precision: Name = Field(
        description="fp32, bf16, fp16, int8 … of the arithmetic; the variant to fall back to is fp32."
    )
    for_gpu: bool = Field(False, description="Judged on a CPU for its answers alone; never taken for one by itself.")
    batch_sensitive: bool = Field(False, description="Run one unpadded row at a time: its results depend on the batch.")
    size_bytes: Annotated[int, Field(ge=0)] = 0
    cpu_features: Annotated[list[Name], Field(max_length=32)] = Field(
        default_factory=list, description="Features (runtime/cpu.py) without which its gates say nothing."
    )


class Golden(Part):
    """A sample with the answer that the chosen variant gave when it was gated."""

    text: Text
    pair: Text | None = None
    label: Name
    scores: Annotated[list[float], Field(min_length=1, max_length=MAX_LABELS)] = Field(
        description="After softmax, sigmoid or nothing, in the order of the labels."
    )
    example: Literal[True] | None = Field(None, description="Answered rightly and surely: fit to be shown.")


class Columns(Part):
    """What the columns of the data were called that the model was made from: so its next data are called too."""

    text: Name = "text"
    text_pair: Name | None = None
    label: Name | Annotated[list[Name], Field(min_length=1, max_length=MAX_LABELS)] = "label"
    label_names: Annotated[dict[Name, Name], Field(max_length=MAX_LABELS)] | None = Field(
        None, description="Label that each value of the column stands for."
    )


class Manifest(Part):
    """Everything a reader needs beside the graph and the tokenizer."""

    schema_version: Literal[1] = 1
    name: Name
    created: Name = Field(description="ISO 8601, UTC.")
    problem_type: ProblemType
    labels: Annotated[list[Name], Field(min_length=1, max_length=MAX_LABELS)] = Field(
        description="Index to name; ['score'] for regression."
    )
    max_length: Annotated[int, Field(ge=4, le=8192)] = Field(description="Tokens of one run, special ones included.")
    inputs: Annotated[list[Literal["input_ids", "attention_mask", "token_type_ids"]], Field(min_length=1)]
    text_pairs: bool = False
    long_texts: LongTextRule | None = Field(
        None, description="What is read of texts of more than max_length tokens; absent: their beginning."
    )
    temperature: Annotated[float, Field(gt=0.0, le=1000.0)] = Field(
        1.0, description="Logits are divided by it before softmax or sigmoid; 1 where the graph does so itself."
    )
    chosen: Name = Field(description="Name of the variant that passed and won.")
    variants: Annotated[list[VariantInfo], Field(min_length=1, max_length=64)]
    fused_nodes: dict[Name, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    cpu: dict[str, Any] = Field(default_factory=dict, description="Processor that the gates ran on.")
    gates: Annotated[list[dict[str, Any]], Field(max_length=10_000)] = Field(default_factory=list)
    golden: Annotated[list[Golden], Field(max_length=1000)] = Field(default_factory=list)
    provenance: dict[str, Any] = Field(default_factory=dict)
    quality: Quality | None = Field(None, description="Figures of the chosen variant on the validation rows.")
    card: CardInfo | None = Field(None, description="For the model card's metadata.")
    decision: Decision | None = Field(None, description="Absent: the largest score, or 1/2, always.")
    columns: Columns | None = Field(None, description="Names of columns; absent: text, text_pair and label.")
    files: Annotated[dict[RelativePath, Digest], Field(max_length=1000)] = Field(
        default_factory=dict, description="SHA-256 of every file but ackd.json itself."
    )

    @model_validator(mode="after")
    def _thresholds_match_labels(self) -> Manifest:
        if self.decision is not None:
            self.decision.check(self.problem_type, self.labels)
        return self

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Manifest:
        for what, names in (
            ("labels", self.labels),
            ("inputs", self.inputs),
            ("variant names", [variant.name for variant in self.variants]),
            # One graph may serve two engines, or one engine in two precisions.
            ("variant files", [(variant.file, variant.engine, variant.precision) for variant in self.variants]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} must differ from each other")
        if self.chosen not in {variant.name for variant in self.variants}:
            raise ValueError(f"chosen names {self.chosen!r}, which is none of the variants")
        if self.task.exclusive and len(self.labels) < 2:
            raise ValueError("single-label classification needs at least two labels")
        if self.long_texts is not None and self.long_texts.mode == "windows" and self.text_pairs:
            raise ValueError("long_texts says windows, which single texts alone are read in, but text_pairs is true")
        if "input_ids" not in self.inputs:
            raise ValueError("inputs must hold input_ids")
        for sample in self.golden:
            if len(sample.scores) != len(self.labels) or sample.label not in self.labels:
                raise ValueError("a golden sample does not match the labels")
            if sample.pair is not None and not self.text_pairs:
                raise ValueError("a golden sample has a pair, but text_pairs is false")
        return self

    @property
    def task(self) -> Task:
        """The task of the problem type, with the artifact's decision thresholds."""
        return deciding_task(self.problem_type, self.labels, self.temperature, self.decision)

    @property
    def accepts_from(self) -> float | None:
        """The least confidence of an accepted answer; None where the artifact never abstains."""
        return self.decision.abstain.threshold if self.decision and self.decision.abstain else None

    def variant(self, name: str | None = None) -> VariantInfo:
        """Return the variant of that name, or the chosen one.

        Raises:
            KeyError: there is none of that name.
        """
        wanted = self.chosen if name is None else name
        for variant in self.variants:
            if variant.name == wanted:
                return variant
        raise KeyError(wanted)

    def fallback(self) -> VariantInfo | None:
        """Return the fp32 variant that needs ONNX Runtime and no CPU feature, if there is one."""
        for variant in self.variants:
            if variant.precision == "fp32" and variant.engine == "onnxruntime" and not variant.cpu_features:
                return variant
        return None
