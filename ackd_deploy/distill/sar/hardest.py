"""The hardest training sentences by SAR weight, and the likely label errors by contrastive loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.sar.weight_log import HardestSamples, HardSample

__all__ = ["hardest_rows", "likely_label_errors"]

_SHOWN = 50
_TEXT = 300


def hardest_rows(
    hardest: HardestSamples, rows: LabeledTexts, bank: TeacherBank, *, count: int = _SHOWN
) -> list[dict[str, Any]]:
    """Return the rows with the largest mean SAR weight, hardest first, as plain data.

    Args:
        hardest: what was counted in training.
        rows: the training rows.
        bank: holds the teacher's logits of the same rows.
        count: how many.
    """
    return [_entry(sample, rows, bank) for sample in hardest.hardest(count)]


def likely_label_errors(
    hardest: HardestSamples, rows: LabeledTexts, bank: TeacherBank, *, count: int = _SHOWN
) -> list[dict[str, Any]]:
    """Return the hard rows whose given label the teacher contradicts, those of the largest contrastive loss first.

    The teacher has been trained on these very labels; where it still decides otherwise, and the student too ends up
    among the sentences of the other label, the given label deserves a look. Looks among the hardest twentieth of the
    rows; regression has no such list.
    """
    if rows.problem_type == "regression":
        return []
    looked_at = hardest.hardest(max(count, len(rows) // 20), by="loss")
    entries = (_entry(sample, rows, bank) for sample in looked_at)
    return [entry for entry in entries if entry["likely_label_error"]][:count]


def _entry(sample: HardSample, rows: LabeledTexts, bank: TeacherBank) -> dict[str, Any]:
    logits = bank.logits(np.array([sample.row], dtype=np.int64))[0].double().cpu().numpy()
    entry: dict[str, Any] = {
        "row": sample.row,
        "text": rows.texts[sample.row][:_TEXT],
        "label": _label(rows, rows.labels[sample.row]),
        "weight": sample.weight,
        "contrastive_loss": sample.loss,
        "times": sample.times,
    }
    if rows.pairs is not None:
        entry["pair"] = rows.pairs[sample.row][:_TEXT]
    if rows.problem_type == "regression":
        entry["teacher_label"] = float(logits[0])
        return entry
    if rows.problem_type == "single_label_classification":
        entry["teacher_label"] = _label(rows, int(logits.argmax()))
        entry["teacher_share"] = float(1.0 / np.exp(logits - logits.max()).sum())
    else:
        entry["teacher_label"] = _label(rows, logits > 0)
    entry["likely_label_error"] = entry["teacher_label"] != entry["label"]
    return entry


def _label(rows: LabeledTexts, label: Any) -> Any:
    if rows.problem_type == "single_label_classification":
        return rows.label_names[int(label)]
    if rows.problem_type == "regression":
        return float(label)
    return [name for name, on in zip(rows.label_names, label, strict=True) if on > 0.5]
