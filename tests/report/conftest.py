"""A run's folder as the stages leave it, with predictions whose metrics are known by construction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ackd_deploy.files import sha256_file, write_json
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import EXPORT, TEACHER, Run, Stage, student_stage
from ackd_deploy.run.records import (
    CalibrationRecord,
    ExportRecord,
    GateRecord,
    LatencyRecord,
    ModelRecord,
    SliceRecord,
)
from ackd_deploy.tasks.intervals import wilson_interval
from tests.records import TIMING, export_record, hard_sentence, model_record, student_record, variant_record

RECIPE = """
name: sample
description: Movie snippets
data: {train: train.tsv, validation: validation.tsv}
teacher: {model: minilm}
student: {layers: 3}
distill: {method: ackd, baselines: [finetune, kd]}
"""
ROWS = 200


def logits_with(right: range | list[int], labels: np.ndarray, margin: float = 2.0) -> np.ndarray:
    """Logits [N, 2] that are right on exactly the given rows."""
    decided = 1 - labels
    decided[list(right)] = labels[list(right)]
    signed = np.where(decided == 1, margin, -margin).astype(np.float32)
    return np.stack([-signed, signed], axis=1) / 2


def save_predictions(run: Run, key: str, logits: np.ndarray, labels: np.ndarray) -> None:
    run.path("predictions").mkdir(exist_ok=True)
    save_file({"logits": logits, "labels": labels}, run.path("predictions", f"{key}.safetensors"))


def finish_model(
    run: Run, stage: Stage[ModelRecord], right: range, labels: np.ndarray, *, given: dict[str, Any] | None = None,
    **changed: Any,
) -> None:  # fmt: skip
    """Finish a model that is right on these rows; ``given`` goes into its student's part."""
    save_predictions(run, stage.model, logits_with(right, labels), labels)
    record = model_record(
        metrics={"accuracy": len(right) / len(labels), "macro_f1": 0.5},
        interval=wilson_interval(len(right), len(labels)),
        validation_rows=len(labels),
        size_bytes=90_000_000 if stage == TEACHER else 60_500_000,
        predictions_sha256=sha256_file(run.predictions(stage)),
        student=None if stage == TEACHER else student_record(stage.model, **(given or {})),
    )
    run.finish(stage, record.model_copy(update=changed))


def gate(name: str, verdict: str, figure: float, **changed: Any) -> GateRecord:
    return GateRecord.model_validate({"gate": name, "variant": "fp32", "verdict": verdict, "figure": figure, **changed})


def exported(**changed: Any) -> ExportRecord:
    """What the stage export records: one row a variant, in the recipe's order."""
    fp32 = variant_record(
        "fp32",
        interval=wilson_interval(176, 200),
        timings={"single": TIMING, "batch": TIMING},
        slices={
            "4-9 tokens": SliceRecord(metric="accuracy", value=0.91, rows=50),
            "label positive": SliceRecord(metric="recall", value=0.9, rows=100),
        },
        gates=[
            gate("parity", "pass", 2.1e-6, bound=1e-4, n=640),
            gate("accuracy drop", "undecided", 0.5, bound=1.0, n=200, interval=(-0.4, 1.6), detail="points lost"),
        ],
    )
    int8 = variant_record(
        "int8_dynamic",
        metric=0.87,
        size_mb=45.4,
        latency_ratio=0.2,
        verdict="fail",
        reasons=["invariance 3 (bound 0)"],
        note="SmoothQuant 0.7",
        batch_sensitive=True,
    )
    plain = export_record(
        variants=[int8, fp32],
        latency=LatencyRecord(
            ratios={"teacher": 1.0, "ackd": 0.55, "finetune": 0.55, "kd": 0.55},
            torch={"single": {"teacher": TIMING}},
            threads=2,
            all_threads=2,
        ),
        calibration=CalibrationRecord(temperature=1.3, ece_before=0.05, ece_after=0.01),
    )
    return plain.model_copy(update=changed)


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(ROWS, dtype=np.int64) % 2


@pytest.fixture
def make_run(tmp_path: Path, labels: np.ndarray) -> Callable[..., Run]:
    """Return a function that makes a run, distilled or exported."""

    def make(name: str = "sample", *, with_export: bool = True, recipe: str = RECIPE) -> Run:
        run = Run.open(tmp_path / "runs" / name, parse_recipe(recipe, overrides=[f"name={name}"]))
        finish_model(run, TEACHER, range(180), labels)
        # Out of the order of the table on purpose.
        finish_model(run, student_stage("kd"), range(172), labels)
        wrong = hard_sentence(row=9, text="a triumph", label="negative", weight=4.1, contrastive_loss=5.2,
                              teacher_share=0.99, likely_label_error=True)  # fmt: skip
        weights = {"sar": {"correlation": 0.7, "effective_share": 0.62}}
        given = {**weights, "hardest": [hard_sentence(), wrong], "label_errors": [wrong]}
        finish_model(run, student_stage("ackd"), range(176), labels, given=given)
        finish_model(run, student_stage("finetune"), range(170), labels)
        for stage in ("student-finetune", "student-kd", "student-ackd"):
            for step in range(20, 420, 20):
                figures = {"loss": 1 / (1 + step / 100), "ce": 0.5 / (1 + step / 90), "learning_rate": 5e-5}
                if stage == "student-ackd":
                    figures |= {"sar_correlation": 0.7, "sar_effective_share": 0.6, "kd": 0.2, "cdl": 0.4}
                run.log_metrics(stage=stage, step=step, **figures)
        run.path("student").mkdir()
        write_json(run.path("student", "config.json"), {"id2label": {"0": "negative", "1": "positive"}})
        if with_export:
            run.finish(EXPORT, exported())
        return run

    return make
