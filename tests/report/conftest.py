"""A run's folder as the stages leave it, with predictions whose metrics are known by construction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ackd_deploy.files import write_json
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import Run

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


def finish_model(run: Run, stage: str, right: range, labels: np.ndarray, **facts: Any) -> None:
    key = stage.removeprefix("student-")
    save_predictions(run, key, logits_with(right, labels), labels)
    run.finish(
        stage,
        **{
            "metrics": {"accuracy": len(right) / len(labels), "macro_f1": 0.5},
            "primary": "accuracy",
            "validation_rows": len(labels),
            "device": "cpu",
            "precision": "float32",
            "threads": 2,
            "parameters": 1000,
            "size_bytes": 90_000_000 if stage == "teacher" else 60_500_000,
            "seconds": 12.5,
            **facts,
        },
    )


def gate(name: str, verdict: str, figure: float, **changed: Any) -> dict[str, Any]:
    empty = {"variant": "fp32", "bound": None, "n": None, "interval": None, "detail": ""}
    return {**empty, "gate": name, "verdict": verdict, "figure": figure, **changed}


def export_facts(**changed: Any) -> dict[str, Any]:
    """What the stage export records: one row a variant, in the recipe's order."""
    times = {"p50_ms": 1.25, "p99_ms": 2.5, "texts_per_second": 801.0, "tokenizing_share": 0.05, "load_seconds": 0.3,
             "resident_mb": 148.0, "rounds": 15}  # fmt: skip
    fp32 = {
        "name": "fp32", "accuracy": 0.88, "n": None, "size_mb": 60.6, "latency_ratio": 0.45, "verdict": "pass",
        "reasons": [], "note": "", "batch_sensitive": False, "timings": {"single": times, "batch": times},
        "slices": {"4-9 tokens": {"accuracy": 0.91, "rows": 50}, "label positive": {"recall": 0.9, "rows": 100}},
        "gates": [
            gate("parity", "pass", 2.1e-6, bound=1e-4, n=640),
            gate("accuracy drop", "undecided", 0.5, bound=1.0, n=200, interval=[-0.4, 1.6], detail="points lost"),
        ],
    }  # fmt: skip
    int8 = {
        "name": "int8_dynamic", "accuracy": 0.87, "n": None, "size_mb": 45.4, "latency_ratio": 0.2, "verdict": "fail",
        "reasons": ["invariance 3 (bound 0)"], "note": "SmoothQuant 0.7", "batch_sensitive": True, "timings": {},
        "slices": {}, "gates": [],
    }  # fmt: skip
    return {
        "variants": [int8, fp32],
        "chosen": "fp32",
        "latency": {
            "ratios": {"teacher": 1.0, "ackd": 0.55, "finetune": 0.55, "kd": 0.55},
            "torch": {"single": {"teacher": times}},
            "threads": 2,
        },
        "calibration": {"temperature": 1.3, "ece_before": 0.05, "ece_after": 0.01},
        "cpu": {"model": "A processor", "cores": 2, "features": ["avx2"]},
        **changed,
    }


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(ROWS, dtype=np.int64) % 2


@pytest.fixture
def make_run(tmp_path: Path, labels: np.ndarray) -> Callable[..., Run]:
    """Return a function that makes a run, distilled or exported."""

    def make(name: str = "sample", *, exported: bool = True, recipe: str = RECIPE) -> Run:
        run = Run.open(tmp_path / "runs" / name, parse_recipe(recipe, overrides=[f"name={name}"]))
        finish_model(run, "teacher", range(180), labels)
        # Out of the order of the table on purpose.
        finish_model(run, "student-kd", range(172), labels)
        finish_model(
            run,
            "student-ackd",
            range(176),
            labels,
            sar={"correlation": 0.7, "effective_share": 0.62},
            hardest=[
                {"row": 7, "text": "not bad at all", "label": "positive", "weight": 3.2, "times": 3,
                 "teacher_label": "positive", "likely_label_error": False, "teacher_share": 0.8},
                {"row": 9, "text": "a triumph", "label": "negative", "weight": 4.1, "times": 3,
                 "teacher_label": "positive", "likely_label_error": True, "teacher_share": 0.99},
            ],
            label_errors=[
                {"row": 9, "text": "a triumph", "label": "negative", "weight": 4.1, "contrastive_loss": 5.2, "times": 3,
                 "teacher_label": "positive", "likely_label_error": True, "teacher_share": 0.99},
            ],
        )  # fmt: skip
        finish_model(run, "student-finetune", range(170), labels)
        for stage in ("student-finetune", "student-kd", "student-ackd"):
            for step in range(20, 420, 20):
                figures = {"loss": 1 / (1 + step / 100), "ce": 0.5 / (1 + step / 90), "learning_rate": 5e-5}
                if stage == "student-ackd":
                    figures |= {"sar_correlation": 0.7, "sar_effective_share": 0.6, "kd": 0.2, "cdl": 0.4}
                run.log_metrics(stage=stage, step=step, **figures)
        run.path("student").mkdir()
        write_json(run.path("student", "config.json"), {"id2label": {"0": "negative", "1": "positive"}})
        if exported:
            run.finish("export", **export_facts())
        return run

    return make
