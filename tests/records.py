"""Complete records of stages for tests, of the classes that the stages write; each test changes what it is about."""

from __future__ import annotations

from typing import Any

from ackd_deploy.run.records import (
    BankRecord,
    ExportRecord,
    HardSentence,
    LatencyRecord,
    ModelRecord,
    StudentRecord,
    TimingRecord,
    TrainingRecord,
    VariantRecord,
)
from ackd_deploy.runtime.cpu import CpuInfo

CPU = CpuInfo(machine="x86_64", model="A processor", features=("avx2",), cores=2, quota=None, effective=2)
TRAINING = TrainingRecord(steps=40, samples=640, seconds=12.5, samples_per_second=51.2, clip_rate=0.5, last={})
TIMING = TimingRecord(
    p50_ms=1.25,
    p99_ms=2.5,
    texts_per_second=801.0,
    tokenizing_share=0.05,
    load_seconds=0.3,
    resident_mb=148.0,
    rounds=15,
)


def model_record(**changed: Any) -> ModelRecord:
    """A teacher's record; with ``student`` a student's."""
    plain: dict[str, Any] = {
        "metrics": {"accuracy": 0.9, "macro_f1": 0.5},
        "primary": "accuracy",
        "interval": None,
        "validation_rows": 200,
        "train_rows": 640,
        "parameters": 1000,
        "predictions_sha256": "0" * 64,
        "device": "cpu",
        "precision": "float32",
        "threads": 2,
        "processes": 1,
        "peak_memory_mb": 500.0,
        "data_fingerprint": "f" * 64,
        "cpu": CPU,
        "training": TRAINING,
        "size_bytes": 1_000_000,
        "files": {"model.safetensors": "1" * 64},
    }
    return ModelRecord(**{**plain, **changed})


def student_record(method: str = "ackd", **changed: Any) -> StudentRecord:
    plain: dict[str, Any] = {"seed": 42, "layers": 2, "layer_map": (2, 4), "init": "teacher"}
    return StudentRecord(**{"method": method, **plain, **changed})


def hard_sentence(**changed: Any) -> HardSentence:
    plain: dict[str, Any] = {
        "row": 7,
        "text": "not bad at all",
        "label": "positive",
        "weight": 3.2,
        "contrastive_loss": 1.0,
        "times": 3,
        "teacher_label": "positive",
        "teacher_share": 0.8,
        "likely_label_error": False,
    }
    return HardSentence(**{**plain, **changed})


def bank_record() -> BankRecord:
    return BankRecord(key={}, size_bytes=1, seconds=0.1)


def variant_record(name: str = "fp32", **changed: Any) -> VariantRecord:
    plain: dict[str, Any] = {
        "metric": 0.88,
        "interval": None,
        "rows": 200,
        "size_mb": 60.6,
        "latency_ratio": 0.45,
        "latency_ratios": {"single to teacher": 0.45},
        "verdict": "pass",
        "reasons": [],
        "engine": "onnxruntime",
        "precision": "fp32",
        "for_gpu": False,
        "batch_sensitive": False,
        "note": "",
        "timings": {},
        "slices": {},
        "gates": [],
    }
    return VariantRecord(**{"name": name, **plain, **changed})


def export_record(**changed: Any) -> ExportRecord:
    plain: dict[str, Any] = {
        "variants": [variant_record()],
        "chosen": "fp32",
        "workload": "single",
        "metric": "accuracy",
        "student": {"accuracy": 0.88, "macro_f1": 0.5},
        "validation_rows": 200,
        "latency": LatencyRecord(ratios={"teacher": 1.0}, torch={}, threads=2, all_threads=2),
        "engine": "torch",
        "opset": 17,
        "provider": "cpu",
        "cpu": CPU,
    }
    return ExportRecord(**{**plain, **changed})
