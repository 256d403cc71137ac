"""The hardest training sentences by SAR weight, and the likely label errors by contrastive loss."""

from __future__ import annotations

import numpy as np

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.unlabeled import has_label
from ackd_deploy.distill.bank import TeacherBank
from ackd_deploy.distill.sar.weight_log import HardestSamples, HardSample
from ackd_deploy.run.records import HardSentence
from ackd_deploy.tasks.activations import softmax

__all__ = ["hardest_rows", "likely_label_errors"]

_SHOWN = 50
_TEXT = 300


def hardest_rows(
    hardest: HardestSamples, rows: LabeledTexts, bank: TeacherBank, *, count: int = _SHOWN
) -> list[HardSentence]:
    """Return the rows with the largest mean SAR weight, hardest first.

    Args:
        hardest: the running means of the training.
        rows: that the training was on, with and without labels.
        bank: holds the teacher's logits of the same rows.
        count: how many.
    """
    return [_entry(sample, rows, bank) for sample in hardest.hardest(count)]


def likely_label_errors(
    hardest: HardestSamples, rows: LabeledTexts, bank: TeacherBank, *, count: int = _SHOWN
) -> list[HardSentence]:
    """Return the hard rows whose given label the teacher contradicts, those of the largest contrastive loss first.

    The teacher was trained on these labels; where it still decides otherwise, and the student's features too are close
    to those of the other label, the given label should be checked. Searches the hardest twentieth of the rows;
    regression has no such list.
    """
    if not rows.task.has_classes:
        return []
    looked_at = hardest.hardest(max(count, len(rows) // 20), by="loss")
    entries = (_entry(sample, rows, bank) for sample in looked_at)
    return [entry for entry in entries if entry.likely_label_error][:count]


def _entry(sample: HardSample, rows: LabeledTexts, bank: TeacherBank) -> HardSentence:
    logits = bank.logits(np.array([sample.row], dtype=np.int64)).double().cpu().numpy()
    given = rows.labels[sample.row : sample.row + 1]
    label = rows.task.named(given[0], rows.label_names) if has_label(given)[0] else None
    teacher_label = rows.task.named(rows.task.decide(logits)[0], rows.label_names)
    return HardSentence(
        row=sample.row,
        text=rows.texts[sample.row][:_TEXT],
        pair=None if rows.pairs is None else rows.pairs[sample.row][:_TEXT],
        label=label,
        weight=sample.weight,
        contrastive_loss=sample.loss,
        times=sample.times,
        teacher_label=teacher_label,
        teacher_share=float(softmax(logits).max()) if rows.task.exclusive else None,
        likely_label_error=teacher_label != label if label is not None and rows.task.has_classes else None,
    )
