"""What in held-out rows makes figures on them say less than they seem to."""

from __future__ import annotations

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.problems import listed
from ackd_deploy.data.profile.findings import SAME_TEXT, class_counts, finding_of, row_count
from ackd_deploy.data.profile.pieces import pieces_of
from ackd_deploy.data.profile.record import Finding
from ackd_deploy.data.profile.train_findings import conflicts
from ackd_deploy.data.source import Part
from ackd_deploy.data.split import shared_rows

__all__ = ["find_in_held_out"]


def find_in_held_out(train: Part, labeled: Part, other: Part, name: str) -> list[Finding]:
    """Return what is found in held-out rows, called ``name``, beside the training rows and those with a label."""
    known = shared_rows(train.rows, other.rows)
    found = [
        finding_of(
            other, known, "leak", name,
            f"{row_count(len(known), 'stands', 'stand')} in the training data too",
            rule=SAME_TEXT,
            hint="remove them from one of both: figures on them say nothing about new texts",
        ),
        _pieces(train, other, set(known.tolist()), name),
        _lacking(labeled.rows, other.rows, name),
        conflicts(other, name),
    ]  # fmt: skip
    return [finding for finding in found if finding]


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
    return finding_of(
        other, rows, "pieces", name, f"{row_count(len(rows), 'is a piece', 'are pieces')} of training texts",
        rule="four words or more, in a row, inside a training text; case aside",
        hint="cut the data by whole texts, as ackd_deploy.data.containment does",
    )  # fmt: skip
