"""The recipe's sections ``export`` and ``gates``: variants of the graph, and the bounds that they must keep."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ackd_deploy.recipe.sections.base import Count, NonNegative, Positive, Section, Share

__all__ = ["CALIBRATED", "Abstain", "Export", "Gates", "Variant"]

Variant = Literal["fp32", "int8_dynamic", "int8_static", "int8_weight_only", "openvino", "openvino_fp32", "fp16"]

# Variants that cannot be made without rows of the training data.
CALIBRATED = frozenset({"int8_static", "fp16"})


class Abstain(Section):
    """What abstention is for: right answers among those that are accepted, or a share that is accepted."""

    precision: Annotated[float, Field(gt=0.0, lt=1.0)] | None = Field(
        None,
        description="Share of right answers among the accepted ones; as many as possible are accepted. It is reached "
        "with a probability of 90 % over draws of the tuning rows, or the export ends with exit code 3.",
    )
    coverage: Annotated[float, Field(gt=0.0, lt=1.0)] | None = Field(
        None, description="Share of the texts whose answer is accepted; one of the two is given."
    )

    @model_validator(mode="after")
    def _one_target(self) -> Abstain:
        if (self.precision is None) == (self.coverage is None):
            raise ValueError("give one of precision and coverage")
        return self

    @property
    def target(self) -> Literal["precision", "coverage"]:
        """Which of the two was given."""
        return "coverage" if self.precision is None else "precision"

    @property
    def goal(self) -> float:
        """Its value."""
        return self.precision or self.coverage or 0.0


class Export(Section):
    """Graphs to try, and the use they are chosen for."""

    variants: list[Variant] = Field(
        ["fp32", "int8_dynamic", "int8_weight_only", "int8_static"],
        description="What is tried. Besides these: 'openvino' (fp32's graph under OpenVINO, in bfloat16 where the "
        "processor has it), 'openvino_fp32', and 'fp16' for GPUs.",
    )
    workload: Literal["single", "batch"] = Field(
        "single", description="The fastest variant is chosen for one text at a time, or for batches."
    )
    engine: Literal["auto", "optimum", "torch"] = Field(
        "auto", description="Exporter of the graph; 'auto': optimum's where it is installed, else PyTorch's."
    )
    max_batch: Count = Field(
        32, description="Rows of the largest batch that the gates try, and of the workload 'batch'."
    )
    latency_rounds: Count = Field(15, description="Interleaved rounds of the latency measurement, at most.")
    latency_threads: Count = Field(
        1, description="Threads that each system gets while it is timed, PyTorch and ONNX Runtime alike."
    )
    latency_all_threads: bool = Field(
        True, description="Time all systems with every thread of this machine too, for the table."
    )
    golden_samples: Annotated[int, Field(ge=0, le=1000)] = Field(
        8,
        description="Validation texts stored in the artifact with their answers, for its self-test and as the page's "
        "examples. They leave with it: set 0 where the texts are private; the service then warns that it has no "
        "self-test.",
    )
    fit_temperature: bool = Field(
        False,
        description="Fit one temperature on a slice of train: scores are closer to frequencies then. Graphs have it.",
    )
    thresholds: Literal["tune"] | None = Field(
        None,
        description="'tune': the score from which each label of a multi-label task applies, or the positive one of two "
        "classes (the second, or that of data.metric 'f1:CLASS'), is the best for the deciding metric on "
        "data.tuning_rows. Absent: 1/2, or the largest score.",
    )
    abstain: Abstain | None = Field(
        None,
        description="Answers below a confidence, chosen on data.tuning_rows, are marked for review. Absent: none are.",
    )

    @model_validator(mode="after")
    def _fp32_is_there(self) -> Export:
        if "fp32" not in self.variants:
            raise ValueError("variants must hold fp32: the others are measured against it, and it is the fallback")
        return self


class Gates(Section):
    """Bounds that a model must keep to be of use, and its export to be the same model. The defaults are strict."""

    above_chance: bool = Field(
        True,
        description="Refuse a teacher, student or variant whose deciding metric is no better than the best constant "
        "answer's (the majority class, a set of labels, the mean), beyond chance. false: only told.",
    )
    max_drop_from_teacher: NonNegative | None = Field(
        25.0,
        description="Points (see max_accuracy_drop) the deciding metric may be worse than the teacher's; "
        "null: only reported.",
    )
    min_metric: float | None = Field(
        None,
        description="What the deciding metric must reach, such as 0.9; what it must not exceed where it is an error. "
        "Absent: nothing.",
    )
    min_per_class: Share | None = Field(
        0.0,
        description="Recall that each class of 10 validation rows or more must reach; at 0, it must be found at least "
        "once. null: only reported.",
    )
    max_calibration_error: Share | None = Field(
        None, description="Expected calibration error of the served scores (single label); absent: only reported."
    )
    parity_max_abs_diff: Positive = Field(
        1e-4, description="Largest difference of a logit between the fp32 graph and PyTorch, in any batch shape."
    )
    parity_rows: Count = Field(
        256, description="Validation rows on which parity is measured, at most: spread over all lengths."
    )
    require_fusion: bool = Field(
        True,
        description="Refuse an fp32 graph in which a layer's attention, normalization or GELU was not fused; only told "
        "for families that ONNX Runtime's optimizer does not know, such as DeBERTa and ModernBERT.",
    )
    max_accuracy_drop: NonNegative = Field(
        0.5,
        description="Points the deciding metric may be worse than the student's: hundredths of a share or correlation; "
        "for an error, hundredths of that of the best constant answer.",
    )
    max_error_growth: NonNegative = Field(
        0.05, description="Share by which the error rate may grow over the student's."
    )
    min_agreement: Share = Field(0.99, description="Share of rows with the student's label.")
    undecided: Literal["pass", "fail"] = Field(
        "pass", description="Verdict where the figure keeps its bound but its 95 % interval does not."
    )
    invariance_max_flips: Annotated[int, Field(ge=0)] = Field(
        0, description="Rows whose label may change with the other rows of the batch."
    )
    invariance_max_score_change: Positive = Field(
        1e-3, description="Largest change of a score (0 to 1) with the other rows of the batch."
    )
    max_latency_ratio: Positive | None = Field(
        1.0, description="Time for the workload over that of the teacher in PyTorch; null: only reported."
    )
    max_size_mb: Positive | None = Field(
        None, description="Size of model.onnx in MB (10^6 bytes); absent: only reported."
    )
