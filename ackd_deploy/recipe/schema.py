"""The typed recipe: every key, its type, its default and its bounds.

One class a section; an unknown key is an error. Nothing here imports torch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ackd_deploy.tasks import ProblemType, Task, task_of

__all__ = [
    "Cdl",
    "Data",
    "Distill",
    "Export",
    "Finetune",
    "Gates",
    "HubSplit",
    "LayerMap",
    "Method",
    "Negatives",
    "Optimization",
    "ProblemType",
    "Recipe",
    "Sar",
    "Student",
    "Teacher",
    "Variant",
]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]

Method = Literal["finetune", "kd", "pkd", "rkd", "codir", "cdl", "ackd"]
LayerMap = Literal["uniform", "last", "first", "skip"]
Precision = Literal["auto", "fp32", "bf16"]
Variant = Literal["fp32", "int8_dynamic", "int8_static", "int8_weight_only", "openvino", "openvino_fp32", "fp16"]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are not coerced, and nothing mutates."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True, allow_inf_nan=False)


class HubSplit(Section):
    """One split of a data set on the Hugging Face hub."""

    hub: str = Field(description="Id of the data set, such as nyu-mll/glue.")
    config: str | None = Field(None, description="Configuration inside the data set, such as sst2.")
    split: str = Field(description="Split, such as train.")
    revision: str | None = Field(None, description="Commit of the data set to pin.")


class Data(Section):
    """Labeled text: where it lies and what its columns are called."""

    train: str | HubSplit = Field(description="CSV, TSV, JSON Lines or Parquet file, or a hub split.")
    validation: str | HubSplit = Field(
        description="The same, held out: metrics and gates are decided on it, nothing is trained or calibrated on it."
    )
    test: str | HubSplit | None = Field(
        None, description="Further held-out rows. Nothing is decided on them; `ablate` reports them beside validation."
    )
    text: str = Field("text", description="Column of the text.")
    text_pair: str | None = Field(None, description="Column of the second text, for pairs.")
    label: str | list[str] = Field("label", description="Column of the label; several for multi-label tasks.")
    label_names: dict[str, str] | None = Field(
        None, description="Name for each value of the label column, such as {'0': negative, '1': positive}."
    )
    problem_type: ProblemType = "single_label_classification"
    max_length: Annotated[int, Field(ge=4, le=8192)] = Field(
        128, description="Tokens a text is truncated to, special tokens included."
    )
    train_rows: Count | None = Field(None, description="Train on a subset of this size, drawn by the seed.")
    calibration_rows: Count = Field(
        512, description="Training rows used for calibration of int8 and of the temperature."
    )

    @property
    def task(self) -> Task:
        """The task of the problem type."""
        return task_of(self.problem_type)


class Optimization(Section):
    """What every training has: AdamW's settings and the batches."""

    epochs: Positive = 3.0
    learning_rate: Positive = 5e-5
    batch_size: Count = 32
    max_batch_tokens: Count | None = Field(
        None, description="Padded tokens of one process's batch, at most: long texts come in smaller batches."
    )
    warmup_ratio: Share = 0.1
    weight_decay: NonNegative = 0.01
    max_grad_norm: Positive = 1.0


class Finetune(Optimization):
    """Training of the teacher on the recipe's data before distillation."""


class Teacher(Section):
    """The classifier to be compressed."""

    model: str = Field(description="Folder in Hugging Face layout, or hub id.")
    revision: str | None = Field(None, description="Commit of the hub model to pin.")
    finetune: Finetune | None = Field(None, description="Absent: the teacher is used as it is.")


class Student(Section):
    """The small classifier: fewer layers and, where wanted, narrower ones."""

    layers: Count = 4
    layer_map: LayerMap | list[Count] = Field(
        "uniform", description="Teacher layer (from 1) that each student layer learns from."
    )
    init: str = Field(
        "teacher",
        description="'teacher' (its mapped layers), 'random', or a folder or hub id of a checkpoint of its own.",
    )
    hidden_size: Count | None = Field(None, description="Narrower than the teacher (init must then not be 'teacher').")
    attention_heads: Count | None = None
    intermediate_size: Count | None = None


class Negatives(Section):
    """Which samples a sample is pushed away from, and where they come from."""

    source: Literal["bank", "batch"] = "bank"
    rule: Literal["label", "all"] = Field("label", description="'label': samples of another label; 'all': all others.")
    count: Count = Field(512, description="Rows drawn from the bank each step (source: bank).")
    regression_gap: NonNegative | None = Field(
        None, description="Regression with rule 'label': negatives differ by more than this; absent: all others."
    )


class Cdl(Section):
    """The contrastive distillation loss on hidden states."""

    temperature: Positive = Field(0.1, description="tau of the contrastive softmax.")
    pooling: Literal["mean", "cls"] = "mean"
    projection: bool = Field(
        False,
        description="Linear projection on the student side also where the widths are equal.",
    )
    layer_weights: list[NonNegative] | None = Field(None, description="One for each student layer; absent: equal.")
    negatives: Negatives = Negatives()


class Sar(Section):
    """Sample adaptive reweighting of the contrastive loss."""

    mode: Literal["predictor", "margin", "exponential", "focal", "uniform", "shuffled"] = "predictor"
    temperature: Positive = Field(0.5, description="lambda of the softmax over samples: smaller means sharper weights.")
    gamma: NonNegative = Field(2.0, description="Exponent of mode 'focal'.")
    min_weight: NonNegative = 0.1
    max_weight: Positive = 5.0
    warmup_ratio: Share = Field(0.1, description="First share of the steps with all weights 1.")
    predictor_hidden: Count = 128
    predictor_learning_rate: Positive = 1e-3

    @model_validator(mode="after")
    def _weights_enclose_one(self) -> Sar:
        if not self.min_weight < 1.0 < self.max_weight:
            raise ValueError("min_weight must be below 1 and max_weight above 1, since the mean weight is 1")
        return self


class Distill(Optimization):
    """The training of the student."""

    method: Method = "ackd"
    baselines: list[Method] = Field([], description="Methods trained beside it from the same start, for the table.")
    ce_weight: NonNegative = 0.5
    kd_weight: NonNegative = 0.5
    kd_temperature: Positive = 2.0
    feature_weight: NonNegative = Field(
        0.5, description="Weight of the method's feature loss: CDL, or PKD's, RKD's and CoDIR's own."
    )
    feature_weights: dict[Method, NonNegative] = Field(
        {}, description="The same for single methods, in place of feature_weight: losses differ in size."
    )
    cdl: Cdl = Cdl()
    sar: Sar = Sar()
    precision: Precision = Field("auto", description="bf16 where the device has it in hardware, else fp32.")
    checkpoint_steps: Count = Field(200, description="Optimizer steps between two checkpoints.")
    log_steps: Count = 20


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
    engine: Literal["auto", "optimum", "torch"] = "auto"
    max_batch: Count = 32
    latency_rounds: Count = Field(15, description="Interleaved rounds of the latency measurement, at most.")
    latency_threads: Count = Field(
        1, description="Threads that each system gets while it is timed, PyTorch and ONNX Runtime alike."
    )
    latency_all_threads: bool = Field(
        True, description="Time all systems with every thread of this machine too, for the table."
    )
    golden_samples: Annotated[int, Field(ge=0, le=1000)] = Field(
        8,
        description="Validation texts stored in the artifact with their answers, for its self-test. They leave with "
        "it: set 0 where the texts are private; the service then warns that it has no self-test.",
    )
    fit_temperature: bool = Field(
        False, description="Fit one temperature on a slice of train, so that scores are closer to frequencies."
    )

    @model_validator(mode="after")
    def _fp32_is_there(self) -> Export:
        if "fp32" not in self.variants:
            raise ValueError("variants must hold fp32: the others are measured against it, and it is the fallback")
        return self


class Gates(Section):
    """Bounds that an exported variant must keep. The defaults are strict."""

    parity_max_abs_diff: Positive = 1e-4
    parity_rows: Count = 256
    require_fusion: bool = True
    max_accuracy_drop: NonNegative = Field(
        0.5, description="Points (0 to 100) the metric may fall below the student's."
    )
    max_error_growth: NonNegative = Field(
        0.05, description="Share by which the error rate may grow over the student's."
    )
    min_agreement: Share = Field(0.99, description="Share of rows with the student's label.")
    undecided: Literal["pass", "fail"] = Field(
        "pass", description="Verdict where the figure keeps its bound but its interval does not."
    )
    invariance_max_flips: Annotated[int, Field(ge=0)] = 0
    invariance_max_score_change: Positive = 1e-3
    max_latency_ratio: Positive | None = Field(
        1.0, description="Time for the workload over that of the teacher in PyTorch; absent: only reported."
    )
    max_size_mb: Positive | None = Field(
        None, description="Size of model.onnx in MB (10^6 bytes); absent: only reported."
    )


class Recipe(Section):
    """Everything that decides a run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        "run", description="Name of the run's folder under runs/; absent: the recipe file's name."
    )
    description: str = ""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    data: Data
    teacher: Teacher
    student: Student = Student()
    distill: Distill = Distill()
    export: Export = Export()
    gates: Gates = Gates()

    @model_validator(mode="after")
    def _map_matches_layers(self) -> Recipe:
        layer_map = self.student.layer_map
        if isinstance(layer_map, list) and len(layer_map) != self.student.layers:
            raise ValueError(
                f"student.layer_map names {len(layer_map)} teacher layers for {self.student.layers} student layers"
            )
        weights = self.distill.cdl.layer_weights
        if weights is not None and len(weights) != self.student.layers:
            raise ValueError(
                f"distill.cdl.layer_weights has {len(weights)} entries for {self.student.layers} student layers"
            )
        return self
