"""From a user's file to the data section of a recipe, checked by reading the file with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ackd_deploy.data.labels.align import match_names
from ackd_deploy.data.profile.build import profile_parts
from ackd_deploy.data.profile.guess import Guess, guess_columns
from ackd_deploy.data.profile.lengths import Counter
from ackd_deploy.data.profile.record import Profile
from ackd_deploy.data.profile.sniff import Sniffed, sniff
from ackd_deploy.data.source import Part, load_part
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data, HeldOut
from ackd_deploy.tasks import ProblemType

__all__ = ["Draft", "Given", "draft"]

# The held-out share of a file of fewer rows than this.
_SHARES = ((2_000, 0.2), (50_000, 0.1))
_LARGE_SHARE = 0.05


@dataclass(frozen=True)
class Given:
    """What the user said, where a guess would be wrong; None and empty: guessed."""

    validation: str | None = None
    text: str | None = None
    pair: str | None = None
    label: Sequence[str] = ()
    problem_type: ProblemType | None = None
    delimiter: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, eq=False)
class Draft:
    """A data section that reads its file, with what was found.

    Attributes:
        data: the section.
        guess: of the columns, with reasons.
        profile: of the rows.
        why: the reason of other values, by recipe key.
        keeps_labels: whether the teacher's labels are those of the data already, by name.
        foreign: share of the letters that English doesn't have.
    """

    data: Data
    guess: Guess
    profile: Profile
    why: Mapping[str, str] = field(default_factory=dict)
    keeps_labels: bool = False
    foreign: float = 0.0


def draft(
    train: str,
    given: Given,
    *,
    count: Counter | None = None,
    positions: int | None = None,
    known: Sequence[str] | None = None,
) -> Draft:
    """Look at a file and return the data section that fits it.

    Args:
        train: path of the file, as it will stand in the recipe.
        given: what need not be guessed.
        count: tokens of texts by the teacher's tokenizer; None: estimated.
        positions: the teacher's, which bound max_length.
        known: the teacher's label names.

    Raises:
        UsageError: a guess is not possible; the message says which option tells.
        DataError: the file, or too many rows of it, cannot be read.
    """
    sniffed = sniff(Path(train).expanduser(), delimiter=given.delimiter, encoding=given.encoding)
    if not sniffed.table.numbers:
        raise DataError(f"{sniffed.table.source} holds no rows", hint="a header line alone is no data")
    guess = guess_columns(
        sniffed.table, text=given.text, pair=given.pair, label=given.label, problem_type=given.problem_type
    )
    why: dict[str, str] = {}
    settings = _settings(train, given, sniffed, guess, why)
    data, parts = _read(settings, why)
    length, reason = _max_length(profile_parts(parts, data, count), positions)
    why["max_length"] = reason
    data = data.model_copy(update={"max_length": length})
    names = parts["train"].rows.label_names
    keeps = data.task.has_classes and known is not None and len(known) == len(names) == len(match_names(names, known))
    return Draft(data, guess, profile_parts(parts, data, count), why, keeps, _foreign(parts["train"].rows.texts))


def _settings(train: str, given: Given, sniffed: Sniffed, guess: Guess, why: dict[str, str]) -> dict[str, Any]:
    rows = len(sniffed.table.numbers)
    share = next((share for bound, share in _SHARES if rows < bound), _LARGE_SHARE)
    if given.validation is None:
        why["validation"] = f"{100 * share:.0f} % of {rows:,} rows; equal texts stay together"
    return {
        "train": train,
        "validation": given.validation or HeldOut(share=share),
        "delimiter": None if sniffed.delimiter == "," else sniffed.delimiter,
        "encoding": sniffed.encoding,
        "text": guess.text,
        "text_pair": guess.pair,
        "label": guess.label,
        "problem_type": guess.problem_type,
    }


def _read(settings: dict[str, Any], why: dict[str, str]) -> tuple[Data, dict[str, Part]]:
    def parts(data: Data) -> dict[str, Part]:
        train = load_part(str(data.train), data, None)
        return {"train": train, "validation": load_part(data.validation, data, train.rows.label_names)}

    data = Data(**settings)
    try:
        return data, parts(data)
    except DataError as error:
        skipping = data.model_copy(update={"on_error": "skip"})
        try:
            found = parts(skipping)
        except DataError:
            # Too many of them, or a mistake of the whole file.
            raise error from None
        skipped = sum(len(part.skipped) for part in found.values())
        if not skipped:
            raise
        why["on_error"] = f"{skipped} row{'s' if skipped != 1 else ''} cannot be read; stop: tell and end"
        return skipping, found


def _max_length(profile: Profile, positions: int | None) -> tuple[int, str]:
    lengths = profile.lengths
    counted = "tokens" if lengths.unit == "tokens" else "tokens, estimated from words"
    spread = f"median {lengths.median}, 99 % up to {lengths.p99} {counted}"
    if positions is not None and positions < lengths.suggested:
        return positions, f"{spread}; as many as the teacher has positions for"
    return lengths.suggested, spread


def _foreign(texts: Sequence[str]) -> float:
    """Return the share of letters beyond ASCII in up to 2,000 texts."""
    letters = [character for text in texts[:2000] for character in text if character.isalpha()]
    return sum(not character.isascii() for character in letters) / max(1, len(letters))
