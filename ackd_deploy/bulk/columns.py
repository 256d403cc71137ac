"""Which columns of a file hold the text, and what the columns of the answers are called beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ackd_deploy.artifact.schema import Columns, Manifest
from ackd_deploy.bulk.predict import figure_kinds
from ackd_deploy.data.problems import listed
from ackd_deploy.data.reading import Records
from ackd_deploy.errors import UsageError

__all__ = ["COLUMN_HINT", "PREFIX", "TextColumns", "answer_prefix", "text_columns"]

COLUMN_HINT = "--text-column and --pair-column name the columns"
PREFIX = "predicted_"


@dataclass(frozen=True)
class TextColumns:
    """Column of the text and, for pairs, of the second one.

    Attributes:
        text: of the text.
        pair: of the second text; None for single texts.
        refused: a column that must not be there: that of a second text, which a model of single texts would ignore.
    """

    text: str
    pair: str | None
    refused: str | None = None

    @property
    def names(self) -> list[str]:
        """One name, or two."""
        return [self.text] if self.pair is None else [self.text, self.pair]

    def check(self, records: Records) -> None:
        """Refuse a file of pairs for a model of single texts.

        Raises:
            UsageError: it has a column of second texts.
        """
        if self.refused is not None and self.refused in records.columns:
            raise UsageError(
                f"{records.source} has a column {self.refused!r}: this model takes single texts",
                hint="remove or rename the column, use a model of pairs, or name the text's column (--text-column)",
            )


def text_columns(manifest: Manifest, text: str | None = None, pair: str | None = None) -> TextColumns:
    """Return the columns to read: the given names, else those of the artifact, else ``text`` and ``text_pair``.

    Raises:
        UsageError: a second column for a model of single texts, or one column for both.
    """
    kept = manifest.columns or Columns()
    first, usual = text or kept.text, "text_pair"
    if not manifest.text_pairs:
        if pair is not None:
            raise UsageError("this model takes single texts, so there is no column of a second one")
        return TextColumns(first, None, refused=usual if text is None and first != usual else None)
    second = pair or kept.text_pair or usual
    if first == second:
        raise UsageError(f"the column {first!r} cannot hold both texts of a pair")
    return TextColumns(first, second)


def answer_prefix(columns: Iterable[str], given: str | None = None, *, abstains: bool = False) -> str:
    """Return what stands before the names of the answers' columns, so that none has a name of the file's.

    Nothing where no name clashes, else ``predicted_`` before all of them; ``given`` decides otherwise.

    Args:
        columns: of the file.
        given: the prefix; None: chosen.
        abstains: whether the answers have a decision.

    Raises:
        UsageError: names clash also with that.
    """
    present, names = set(columns), figure_kinds(abstains=abstains)
    for prefix in ("", PREFIX) if given is None else (given,):
        clashes = [prefix + name for name in names if prefix + name in present]
        if not clashes:
            return prefix
    raise UsageError(
        f"the file has columns that the answers are to have: {listed(map(repr, clashes))}",
        hint="--prefix gives the answers' columns other names, such as --prefix student_",
    )
