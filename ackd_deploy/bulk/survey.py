"""The first pass over a file: its number of records, its columns and all mistakes, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ackd_deploy.bulk.columns import TextColumns
from ackd_deploy.bulk.formats.base import Kind
from ackd_deploy.bulk.items import open_items
from ackd_deploy.data.problems import Problems
from ackd_deploy.errors import DataError

__all__ = ["Survey", "survey"]

_MAX_COLUMNS = 10_000
_TYPED = (".jsonl", ".ndjson", ".json")
# Whole numbers beyond what a double holds exactly are "long"; None: no value so far.
_Width = Kind | Literal["long"] | None
# Beyond these, a double and a 64-bit integer lose digits.
_EXACT_DOUBLE = 2**53
_INT64 = 2**63


class Survey(BaseModel):
    """What the first pass found.

    Attributes:
        noun: what numbers of records count: ``line`` or ``row``.
        rows: number of records, those with a mistake included.
        columns: name to kind, in the order of their first appearance.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    noun: str
    rows: int
    columns: dict[str, Kind]


def survey(
    path: Path, columns: TextColumns, *, unwritable: Callable[[dict[str, Any]], str | None], skip: bool
) -> Survey:
    """Read a whole file once.

    Args:
        path: of the file.
        columns: of the texts.
        unwritable: says why the output cannot hold a record.
        skip: mistakes of single records are not told, since these will be left out.

    Raises:
        DataError: one message for all records that cannot be used, with their numbers.
    """
    with open_items(path, columns, unwritable=unwritable, skip=skip) as opened:
        problems = Problems(opened.source, opened.noun)
        parquet = path.suffix.lower() == ".parquet"
        fixed: _Width = "source" if parquet else None if path.suffix.lower() in _TYPED else "string"
        kinds: dict[str, _Width] = dict.fromkeys(opened.columns, fixed)
        rows = 0
        for item in opened.items:
            rows += 1
            if item.problem is not None and not skip:
                problems.add(item.problem, item.number, item.hint)
            if fixed is None:
                for name, value in item.record.items():
                    kinds[name] = _wider(kinds.get(name), value)
                if len(kinds) > _MAX_COLUMNS:
                    raise DataError(f"{opened.source} has more than {_MAX_COLUMNS:,} different keys")
        problems.raise_if_any()
        if problem := unwritable({name: name for name in kinds}):
            raise DataError(f"{opened.source}: the name of a column has {problem}")
        found: dict[str, Kind] = {name: "int" if kind == "long" else kind or "string" for name, kind in kinds.items()}
        return Survey(noun=opened.noun, rows=rows, columns=found)


def _wider(kind: _Width, value: Any) -> _Width:
    """Return the narrowest kind that holds a column's values so far and one more; None: only missing ones."""
    if value is None or kind == "json":
        return kind
    found: _Width = "json"
    if isinstance(value, bool):
        found = "bool"
    elif isinstance(value, int):
        found = "int" if abs(value) <= _EXACT_DOUBLE else "long" if -_INT64 <= value < _INT64 else "json"
    elif isinstance(value, float):
        found = "float"
    elif isinstance(value, str):
        found = "string"
    if kind is None or kind == found:
        return found
    pair = {kind, found}
    return "long" if pair == {"int", "long"} else "float" if pair == {"int", "float"} else "json"
