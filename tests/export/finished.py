"""A finished student for the export: its record holds what its folder really answers."""

from __future__ import annotations

import json
from pathlib import Path

from ackd_deploy.check.torch_model import TorchClassifier
from ackd_deploy.data import load_rows
from ackd_deploy.data.fingerprint import data_fingerprints
from ackd_deploy.models.fingerprint import model_files
from ackd_deploy.run import TEACHER, Run
from tests.records import model_record, student_record


def finish_student(run: Run, folder: Path) -> None:
    """Record teacher and student of a run whose model files lie in ``folder``."""
    data = run.recipe.data
    names = json.loads((folder / "config.json").read_text())["id2label"]
    validation = load_rows(data.validation, data, tuple(names[key] for key in sorted(names, key=int)))
    texts = validation.texts if validation.pairs is None else list(zip(validation.texts, validation.pairs, strict=True))
    metrics = data.task.metrics(TorchClassifier(folder, data.max_length).logits(texts), validation.labels)
    found = {
        "metrics": metrics,
        "primary": data.task.metric.name,
        "validation_rows": len(validation),
        "files": model_files(folder),
    }
    run.record_inputs(data_fingerprints(data))
    run.finish(TEACHER, model_record(**found))
    run.finish(run.student, model_record(**found, student=student_record(run.recipe.distill.method)))
