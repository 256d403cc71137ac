"""The hardest training sentences by SAR weight, and the likely label errors among them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ackd_deploy.data.rows import Rows
from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.weight_log import HardestSamples

__all__ = ["hardest_rows"]

_SHOWN = 50
_TEXT = 300


def hardest_rows(
    hardest: HardestSamples, rows: Rows, bank: TeacherBank, *, count: int = _SHOWN
) -> list[dict[str, Any]]:
    """Return the rows with the largest mean weight, hardest first, as plain data.

    A hard row is a likely label error where the teacher decides for another label than the one that was given,
    though it has been trained on that row.

    Args:
        hardest: what SAR has counted.
        rows: the training rows.
        bank: holds the teacher's logits of the same rows.
        count: how many.
    """
    found = []
    for sample in hardest.hardest(count):
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
        else:
            single = rows.problem_type == "single_label_classification"
            decision = int(logits.argmax()) if single else logits > 0
            entry["teacher_label"] = _label(rows, decision)
            entry["likely_label_error"] = entry["teacher_label"] != entry["label"]
        if rows.problem_type == "single_label_classification":
            shares = np.exp(logits - logits.max())
            entry["teacher_share"] = float(shares.max() / shares.sum())
        found.append(entry)
    return found


def _label(rows: Rows, label: Any) -> Any:
    if rows.problem_type == "single_label_classification":
        return rows.label_names[int(label)]
    if rows.problem_type == "regression":
        return float(label)
    return [name for name, on in zip(rows.label_names, label, strict=True) if on > 0.5]
