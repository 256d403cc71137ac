"""What the stages of a run found, as run.json holds it: written and read through these classes alone."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from ackd_deploy.artifact import Decision
from ackd_deploy.runtime.cpu import CpuInfo
from ackd_deploy.tasks.intervals import Interval

__all__ = [
    "CONSTANT",
    "BankRecord",
    "BaselineRecord",
    "BaselinesRecord",
    "CalibrationRecord",
    "ClassRecord",
    "EvaluationRecord",
    "ExportRecord",
    "GateRecord",
    "HardSentence",
    "LatencyRecord",
    "ModelRecord",
    "PerClassRecord",
    "Record",
    "SelectionRecord",
    "SliceRecord",
    "StudentRecord",
    "TimingRecord",
    "TrainingRecord",
    "VariantRecord",
]

CONSTANT = "constant"
"""Key of the best constant answer among the baselines."""

Label = str | float | list[str] | None
"""The label of one row by name: of a class, of the classes of a multi-label row, or a regression target."""


class Record(BaseModel):
    """Base of all records: unknown fields, NaN and infinities are errors, and nothing mutates."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrainingRecord(Record):
    """One training, over all its interruptions."""

    steps: int
    samples: int
    seconds: float
    samples_per_second: float | None
    clip_rate: float
    """Share of the steps whose gradient was clipped."""
    last: dict[str, float | None]
    """The figures of the last log line, by name."""
    selection: SelectionRecord | None = None
    """None where the last step's weights were kept."""


class EvaluationRecord(Record):
    """The deciding metric on the tuning rows after some optimizer steps."""

    step: int
    value: float


class SelectionRecord(Record):
    """How the weights of a training were chosen among its steps."""

    step: int
    """The optimizer step whose weights were kept."""
    value: float
    metric: str
    rows: int
    """Tuning rows that it was evaluated on."""
    stopped_early: bool
    evaluations: list[EvaluationRecord]


class HardSentence(Record):
    """One training row that stood out by its weight or its contrastive loss."""

    row: int
    text: str
    pair: str | None = None
    label: Label
    weight: float
    contrastive_loss: float
    times: int
    """How often it was seen while weights were counted."""
    teacher_label: Label
    teacher_share: float | None = None
    """The teacher's probability of its own label; of single-label tasks."""
    likely_label_error: bool | None = None
    """Whether teacher and given label differ; None for regression."""


class StudentRecord(Record):
    """What only a student has."""

    method: str
    seed: int
    layers: int
    layer_map: tuple[int, ...]
    """Teacher layer (from 1) of each student layer."""
    init: str
    sar: dict[str, float | None] | None = None
    """Statistics of the weights at the last log line; None for methods without a contrastive loss."""
    hardest: list[HardSentence] | None = None
    label_errors: list[HardSentence] | None = None


class GateRecord(Record):
    """One gate of one model or variant; infinite figures are None."""

    gate: str
    variant: str
    """Of the model: a variant's name, a method, or ``teacher``."""
    verdict: Literal["pass", "fail", "undecided", "info"]
    figure: float | None
    bound: float | None = None
    n: int | None = None
    interval: tuple[float | None, float | None] | None = None
    detail: str = ""


class ClassRecord(Record):
    """One class against all others, on the validation rows."""

    label: str
    labeled: int
    """Rows that have it: its support."""
    predicted: int
    hits: int
    precision: float
    recall: float
    f1: float


class PerClassRecord(Record):
    """Each class of a model, in the order of its labels."""

    classes: list[ClassRecord]
    confusions: list[tuple[str, str, int]]
    """(label, other answer, rows), the most frequent first; none where a row may have several labels."""


class BaselineRecord(Record):
    """What a model must beat, on the validation rows: the best constant answer, or a classifier without a network."""

    key: str
    """`CONSTANT`, or the name of the file of its predictions."""
    name: str
    """For people."""
    answer: Label = None
    """Of a constant: what it says to every row."""
    logits: tuple[float, ...] | None = None
    """Of a constant: that answer as logits [C]; None for others, whose predictions are saved."""
    metrics: dict[str, float]
    interval: Interval | None
    """Of the deciding metric, over rows."""
    seconds: float | None = None
    """Of its training; None where nothing was trained."""


class BaselinesRecord(Record):
    """The baselines of a run."""

    primary: str
    """The name of the deciding metric."""
    validation_rows: int
    train_rows: int
    models: list[BaselineRecord]

    def find(self, key: str) -> BaselineRecord | None:
        """Return one of them."""
        return next((model for model in self.models if model.key == key), None)


class ModelRecord(Record):
    """A teacher or a student, after training and evaluation."""

    metrics: dict[str, float]
    primary: str
    """The name of the deciding metric among ``metrics``."""
    interval: Interval | None
    """Of the deciding metric, over rows."""
    validation_rows: int
    train_rows: int
    unlabeled_rows: int | None = None
    """Further rows that it was trained on without their labels, by the teacher's answers."""
    test_metrics: dict[str, float] | None = None
    test_rows: int | None = None
    parameters: int
    predictions_sha256: str
    device: str
    precision: str
    threads: int
    processes: int
    peak_memory_mb: float
    data_fingerprint: str
    cpu: CpuInfo
    training: TrainingRecord | None = None
    """None where a given teacher was used as it is."""
    size_bytes: int | None = None
    """Of the weights; None where an ablation keeps none."""
    files: dict[str, str] = {}
    """SHA-256 of each file that the model is read from; empty where an ablation keeps none."""
    student: StudentRecord | None = None
    label_names: tuple[str, ...] = ()
    """Index to name; absent from earlier runs, as what follows."""
    gates: list[GateRecord] = []
    """Against the world: whether it has learned anything; by the bounds that stood in the recipe last."""
    per_class: PerClassRecord | None = None

    def held_out(self, name: str) -> tuple[dict[str, float], int]:
        """Return metrics and number of rows of the ``validation`` or the ``test`` rows.

        Raises:
            LookupError: the recipe named no test rows.
        """
        if name == "validation":
            return self.metrics, self.validation_rows
        if self.test_metrics is None or self.test_rows is None:
            raise LookupError(f"no figures on {name} rows were recorded")
        return self.test_metrics, self.test_rows

    @property
    def value(self) -> float:
        """The deciding metric on the validation rows."""
        return self.metrics[self.primary]


class BankRecord(Record):
    """The teacher's feature bank."""

    key: dict[str, JsonValue]
    size_bytes: int
    seconds: float


class TimingRecord(Record):
    """What one system took for one workload; times are of one call."""

    p50_ms: float
    p99_ms: float
    texts_per_second: float
    tokenizing_share: float | None
    load_seconds: float
    resident_mb: float | None
    rounds: int


class SliceRecord(Record):
    """A metric on a part of the validation rows."""

    metric: str
    value: float
    rows: int


class VariantRecord(Record):
    """An exported variant: its quality, its gates, its times."""

    name: str
    metric: float | None
    """The deciding metric, whose name stands in the export's record; None where the variant could not be run."""
    interval: Interval | None
    rows: int | None
    size_mb: float | None
    latency_ratio: float | None
    """Time for the recipe's workload over that of the teacher in PyTorch."""
    latency_ratios: dict[str, float]
    """The same for every workload and reference: ``single to teacher``."""
    verdict: Literal["pass", "fail", "undecided"]
    reasons: list[str]
    engine: str | None
    precision: str | None
    for_gpu: bool
    batch_sensitive: bool
    note: str
    timings: dict[str, TimingRecord]
    slices: dict[str, SliceRecord]
    gates: list[GateRecord]

    def gate(self, name: str) -> GateRecord | None:
        """Return one of its gates by name."""
        return next((gate for gate in self.gates if gate.gate == name), None)


class LatencyRecord(Record):
    """Times of the models in PyTorch, and how the measurement was made."""

    ratios: dict[str, float]
    """Time of each PyTorch model over that of the teacher, for the recipe's workload."""
    torch: dict[str, dict[str, TimingRecord]]
    """Workload to model to times."""
    threads: int
    all_threads: int


class CalibrationRecord(Record):
    """The temperature of the artifact, and what it does to the expected calibration error."""

    temperature: float
    ece_before: float | None
    ece_after: float | None


class ExportRecord(Record):
    """The export: all variants, and the one that was chosen."""

    variants: list[VariantRecord]
    chosen: str | None
    workload: str
    metric: str
    """The name of the deciding metric."""
    student: dict[str, float]
    """The student's metrics in PyTorch."""
    validation_rows: int
    latency: LatencyRecord
    engine: str
    opset: int
    provider: str
    cpu: CpuInfo
    decision: Decision | None = None
    """How the artifact decides; None where by the largest score, or 1/2 for each label."""
    calibration: CalibrationRecord | None = None
    """Of the chosen variant; None where none was chosen, as those that follow."""
    per_class: PerClassRecord | None = None
    metrics: dict[str, float] | None = None
    """All of the task's, by name."""
    seconds: float | None = None
    artifact: str | None = None

    def variant(self, name: str) -> VariantRecord:
        """Return a variant by name.

        Raises:
            KeyError: there is none of that name.
        """
        found = next((variant for variant in self.variants if variant.name == name), None)
        if found is None:
            raise KeyError(name)
        return found
