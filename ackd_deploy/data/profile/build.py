"""From the parts of the data to their profile."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ackd_deploy.data.profile.findings import class_counts
from ackd_deploy.data.profile.held_out_findings import find_in_held_out
from ackd_deploy.data.profile.lengths import Counter, measure, reach
from ackd_deploy.data.profile.record import ClassCount, PartCount, Profile, TargetRange
from ackd_deploy.data.profile.rows_findings import find_cut, find_skipped
from ackd_deploy.data.profile.train_findings import find_in_train
from ackd_deploy.data.source import Part
from ackd_deploy.data.unlabeled import has_label
from ackd_deploy.recipe.sections import Data

__all__ = ["profile_parts"]


def profile_parts(parts: Mapping[str, Part], data: Data, count: Counter | None = None) -> Profile:
    """Return the profile of what a recipe's data section names.

    Args:
        parts: ``train``, and held-out parts by name.
        data: the section.
        count: tokens of texts as the teacher's tokenizer makes them; None: estimated.
    """
    train = parts["train"]
    held_out = {name: part for name, part in parts.items() if name != "train"}
    # Rows that have soft labels alone say nothing of classes.
    labeled = train.take(np.flatnonzero(has_label(train.rows.labels)))
    lengths, cut = measure(train.rows.items, data.max_length, count, read=reach(data))
    findings = [
        *(finding for name, part in parts.items() for finding in find_skipped(part, name)),
        *find_in_train(labeled),
        *(finding for name, part in held_out.items() for finding in find_in_held_out(train, labeled, part, name)),
        *find_cut(train, lengths, cut, data.long_texts),
    ]
    return Profile(
        problem_type=data.problem_type,
        text=data.text,
        text_pair=data.text_pair,
        label=data.label,
        delimiter=data.delimiter,
        encoding=data.encoding,
        parts=[PartCount(name=n, source=p.source, rows=len(p.rows), skipped=len(p.skipped)) for n, p in parts.items()],
        classes=_classes({**parts, "train": labeled}) if train.rows.task.has_classes else [],
        targets=None if train.rows.task.has_classes else _targets(labeled),
        lengths=lengths,
        findings=findings,
    )


def _classes(parts: Mapping[str, Part]) -> list[ClassCount]:
    counts = {name: class_counts(part.rows) for name, part in parts.items()}
    # None has a label where all have soft labels alone.
    total = max(1, len(parts["train"].rows))
    return [
        ClassCount(
            name=label, rows={name: of[place] for name, of in counts.items()}, share=counts["train"][place] / total
        )
        for place, label in enumerate(parts["train"].rows.label_names)
    ]


def _targets(train: Part) -> TargetRange:
    targets = train.rows.labels.astype(float)
    return TargetRange(
        least=float(targets.min()), mean=float(targets.mean()), deviation=float(targets.std()),
        largest=float(targets.max()),
    )  # fmt: skip
