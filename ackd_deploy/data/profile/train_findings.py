"""What in the training rows costs quality: conflicts, repetitions, classes that are rare or one class twice."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from ackd_deploy.data.balance import find_imbalance
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.problems import listed
from ackd_deploy.data.profile.findings import SAME_TEXT, class_counts, finding_of, row_count
from ackd_deploy.data.profile.names import alike
from ackd_deploy.data.profile.record import Finding
from ackd_deploy.data.source import Part
from ackd_deploy.data.split import normalized_texts

__all__ = ["conflicts", "find_in_train"]

# Two annotators of a regression rarely give the same number.
_TARGET_SHARE = 0.1
_FEW_ROWS = 8


def find_in_train(part: Part) -> list[Finding]:
    """Return what is found in the training rows alone."""
    found = [conflicts(part), _duplicates(part), *_like_classes(part), _imbalance(part), _few_rows(part)]
    return [finding for finding in found if finding]


def _groups(rows: LabeledTexts) -> list[list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(normalized_texts(rows)):
        found[text].append(row)
    return [group for group in found.values() if len(group) > 1]


def _differ(rows: LabeledTexts, group: list[int]) -> bool:
    labels = rows.labels[group]
    if rows.task.has_classes:
        return bool((labels != labels[0]).any())
    return bool(np.ptp(labels) > _TARGET_SHARE * np.ptp(rows.labels))


def conflicts(part: Part, name: str = "train") -> Finding | None:
    """Return the rows of equal texts that have different labels, or targets far apart; None without any."""
    groups = [group for group in _groups(part.rows) if _differ(part.rows, group)]
    rows = [row for group in groups for row in group]
    what = "labels" if part.rows.task.has_classes else "targets"
    tenth = "" if part.rows.task.has_classes else ", targets more than a tenth of their range apart"
    return finding_of(
        part, rows, "conflicting_labels", name,
        f"{len(groups):,} text{'s' if len(groups) != 1 else ''} in {row_count(len(rows))} with different {what}",
        rule=SAME_TEXT + tenth,
        hint=f"decide on one of the {what}, or remove these rows: no model can get all of them right",
    )  # fmt: skip


def _duplicates(part: Part) -> Finding | None:
    rows = sorted(row for group in _groups(part.rows) if not _differ(part.rows, group) for row in group[1:])
    return finding_of(
        part, rows, "duplicates", "train", f"{row_count(len(rows), 'repeats', 'repeat')} an earlier one",
        rule=f"{SAME_TEXT}, and the same label",
        hint="remove them, unless their number means something",
    )  # fmt: skip


def _like_classes(part: Part) -> list[Finding]:
    rows, found = part.rows, []
    for names, difference in alike(rows.label_names if rows.task.has_classes else ()):
        ids = [rows.label_names.index(name) for name in names]
        with_it = np.isin(rows.labels, ids[1:]) if rows.labels.ndim == 1 else rows.labels[:, ids[1:]].any(axis=1)
        finding = finding_of(
            part, np.flatnonzero(with_it), "like_classes", "train",
            f"classes {listed(map(ascii, names))} differ by {difference} alone",
            rule="the same after Unicode's NFKC, without case, blanks at the ends and invisible characters",
            hint=f"give them one name in the file, or in data.label_names: {{{names[1]!r}: {names[0]!r}, ...}}",
        )  # fmt: skip
        found += [finding] if finding else []
    return found


def _imbalance(part: Part) -> Finding | None:
    rare = find_imbalance(part.rows) if part.rows.task.has_classes else []
    if not rare:
        return None
    return Finding(
        kind="imbalance", part="train", count=len(rare),
        message=f"{listed(map(str, rare), 3)}",
        rule="one row in ten of the most frequent class, or less",
        hint="distill.class_weights: balanced, and data.metric: macro_f1: accuracy hides a class that is never found",
    )  # fmt: skip


def _few_rows(part: Part) -> Finding | None:
    if not part.rows.task.has_classes:
        return None
    counts = class_counts(part.rows)
    few = [name for name, count in zip(part.rows.label_names, counts, strict=True) if 0 < count < _FEW_ROWS]
    if not few:
        return None
    return Finding(
        kind="few_rows", part="train", count=len(few),
        message=f"{len(few)} class{'es' if len(few) != 1 else ''} with hardly any rows: {listed(map(repr, few), 5)}",
        rule=f"fewer than {_FEW_ROWS} training rows",
        hint="label more of them, or leave the class out",
    )  # fmt: skip
