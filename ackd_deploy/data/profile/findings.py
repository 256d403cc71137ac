"""What in the data costs quality, or flatters the figures: each with its rule, its rows and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from ackd_deploy.data.balance import find_imbalance
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.problems import listed
from ackd_deploy.data.profile.names import alike
from ackd_deploy.data.profile.pieces import pieces_of
from ackd_deploy.data.profile.record import Finding, Lengths
from ackd_deploy.data.source import Part
from ackd_deploy.data.split import normalized_texts, shared_rows

__all__ = ["find_cut", "find_in_held_out", "find_in_train", "find_skipped"]

_SHOWN = 6
_SAME = "equal texts (and pairs), case and blanks aside"
# Two annotators of a regression rarely give the same number.
_TARGET_SHARE = 0.1
_FEW_ROWS = 8
_CUT_SHARE = 0.01


def find_in_train(part: Part) -> list[Finding]:
    """Return what is found in the training rows alone."""
    found = [_conflicts(part), _duplicates(part), *_like_classes(part), _imbalance(part), _few_rows(part)]
    return [finding for finding in found if finding]


def find_in_held_out(train: Part, other: Part, name: str) -> list[Finding]:
    """Return what is found in held-out rows, called ``name``, beside the training rows."""
    known = shared_rows(train.rows, other.rows)
    found = [
        _finding(
            other, known, "leak", name,
            f"{_rows(len(known))} stand in the training data too",
            rule=_SAME,
            hint="remove them from one of both: figures on them say nothing about new texts",
        ),
        _pieces(train, other, set(known.tolist()), name),
        _lacking(train.rows, other.rows, name),
        _conflicts(other, name),
    ]  # fmt: skip
    return [finding for finding in found if finding]


def find_skipped(part: Part, name: str) -> list[Finding]:
    """Return the rows that the recipe said to skip."""
    rows = [row.number for row in part.skipped]
    if not rows:
        return []
    reasons = listed(dict.fromkeys(row.reason for row in part.skipped), 3)
    return [
        Finding(
            kind="skipped", part=name, count=len(rows), noun=part.skipped[0].noun, rows=rows[:_SHOWN],
            message=f"{_rows(len(rows))} cannot be read and are skipped",
            rule=f"data.on_error: skip ({reasons})",
            hint="mend them, or remove them from the file",
        )
    ]  # fmt: skip


def find_cut(part: Part, lengths: Lengths, cut: Sequence[int]) -> list[Finding]:
    """Return the training rows that are cut by data.max_length.

    Args:
        part: the training rows.
        lengths: of them, or of a sample.
        cut: row indices that are longer than the bound.
    """
    if not cut:
        return []
    share = lengths.cut / lengths.rows
    of = f"{100 * share:.3g} % of the rows" if lengths.rows == len(part.rows) else f"{100 * share:.3g} % of a sample"
    longer = lengths.suggested > lengths.max_length
    few = "few enough to leave it"
    hint = f"data.max_length: {lengths.suggested} cuts at most 1 %" if longer and share > _CUT_SHARE else few
    if share > _CUT_SHARE and not longer:
        hint = "the text beyond is never seen: is what decides at its beginning?"
    finding = _finding(
        part, cut, "cut", "train",
        f"{_rows(lengths.cut)} ({of}) are longer than max_length",
        rule=f"more than data.max_length: {lengths.max_length} {lengths.unit}",
        hint=hint,
    )  # fmt: skip
    return [finding] if finding else []


def _finding(
    part: Part, rows: Iterable[int], kind: str, name: str, message: str, *, rule: str, hint: str
) -> Finding | None:
    places = [int(row) for row in rows]
    if not places:
        return None
    return Finding(
        kind=kind, part=name, message=message, rule=rule, hint=hint, count=len(places),
        noun=part.noun, rows=[part.numbers[row] for row in places[:_SHOWN]],
    )  # fmt: skip


def _rows(count: int) -> str:
    return f"{count:,} row" + ("s" if count != 1 else "")


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


def _conflicts(part: Part, name: str = "train") -> Finding | None:
    groups = [group for group in _groups(part.rows) if _differ(part.rows, group)]
    rows = [row for group in groups for row in group]
    what = "labels" if part.rows.task.has_classes else "targets"
    tenth = "" if part.rows.task.has_classes else ", targets more than a tenth of their range apart"
    return _finding(
        part, rows, "conflicting_labels", name,
        f"{len(groups):,} text{'s' if len(groups) != 1 else ''} in {_rows(len(rows))} with different {what}",
        rule=_SAME + tenth,
        hint=f"decide on one of the {what}, or remove these rows: no model can get all of them right",
    )  # fmt: skip


def _duplicates(part: Part) -> Finding | None:
    rows = sorted(row for group in _groups(part.rows) if not _differ(part.rows, group) for row in group[1:])
    return _finding(
        part, rows, "duplicates", "train", f"{_rows(len(rows))} repeat an earlier one",
        rule=f"{_SAME}, and the same label",
        hint="remove them, unless their number means something",
    )  # fmt: skip


def _like_classes(part: Part) -> list[Finding]:
    rows, found = part.rows, []
    for names, difference in alike(rows.label_names if rows.task.has_classes else ()):
        ids = [rows.label_names.index(name) for name in names]
        with_it = np.isin(rows.labels, ids[1:]) if rows.labels.ndim == 1 else rows.labels[:, ids[1:]].any(axis=1)
        finding = _finding(
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


def class_counts(rows: LabeledTexts) -> list[int]:
    """Return how many rows have each label."""
    if rows.labels.ndim == 2:
        return [int(count) for count in rows.labels.sum(axis=0)]
    return [int(count) for count in np.bincount(rows.labels, minlength=len(rows.label_names))]


def _lacking(train: LabeledTexts, other: LabeledTexts, name: str) -> Finding | None:
    if not train.task.has_classes:
        return None
    counts = zip(train.label_names, class_counts(train), class_counts(other), strict=True)
    lacking = [label for label, known, held in counts if known and not held]
    if not lacking:
        return None
    return Finding(
        kind="lacking_class", part=name, count=len(lacking),
        message=f"no row of {listed(map(repr, lacking), 5)}, which the training data has",
        rule="a class of the training rows without a held-out row",
        hint="no gate can tell whether the model ever finds it: add rows",
    )  # fmt: skip


def _pieces(train: Part, other: Part, shared: set[int], name: str) -> Finding | None:
    rows = [row for row in pieces_of(other.rows.items, train.rows.items) if row not in shared]
    return _finding(
        other, rows, "pieces", name, f"{_rows(len(rows))} are pieces of training texts",
        rule="four words or more, in a row, inside a training text; case aside",
        hint="cut the data by whole texts, as ackd_deploy.data.containment does",
    )  # fmt: skip
