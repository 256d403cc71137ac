"""Parquet, by way of pyarrow, a few thousand rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from ackd_deploy.data.reading.records import Records, Row, Wanted
from ackd_deploy.errors import DataError, MissingExtra, first_line
from ackd_deploy.extras import install_hint

__all__ = ["read_parquet", "read_values", "readable"]

_ROWS = 4096


def read_parquet(stream: BinaryIO, source: str, wanted: Wanted) -> Records:
    """Read the wanted columns of all row groups.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingExtra(
            "reading Parquet needs pyarrow, which is not installed", hint=install_hint("parquet")
        ) from error
    with readable(source):
        file = parquet.ParquetFile(stream)
        schema = file.schema_arrow
    wanted.check(source, list(schema.names))
    return Records(source, "row", list(schema.names), _rows(file, source, wanted), _class_names(schema.metadata))


def _rows(file: Any, source: str, wanted: Wanted) -> Iterator[Row]:
    number = 0
    whole = list(file.schema_arrow.names) if wanted.whole else []
    batches = file.iter_batches(batch_size=_ROWS, columns=whole or list(dict.fromkeys(wanted.names)))
    while True:
        with readable(source):
            batch = next(batches, None)
            if batch is None:
                return
            found = {name: read_values(batch.column(name), name, source, number) for name in [*whole, *wanted.names]}
        for place in range(batch.num_rows):
            number += 1
            record = [{name: found[name][place] for name in whole}] if wanted.whole else []
            yield number, [found[name][place] for name in wanted.names] + record


def read_values(column: Any, name: str, source: str, before: int) -> list[Any]:
    """Return the values of an Arrow column; ``before`` rows of the file come before it.

    Raises:
        DataError: a string is no UTF-8.
    """
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        # pyarrow writes and reads string columns without looking at their bytes. Which row is it?
        for number, value in enumerate(column, before + 1):
            try:
                value.as_py()
            except UnicodeDecodeError as error:
                raise DataError(f"{source}, row {number}: not valid UTF-8 in column {name!r}") from error
        raise


@contextmanager
def readable(source: str) -> Iterator[None]:
    """Tell what pyarrow finds wrong with a file as a DataError."""
    import pyarrow

    try:
        yield
    except pyarrow.ArrowException as error:
        raise DataError(f"{source} is not a readable Parquet file: {first_line(error)}") from error


def _class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the class names that `datasets` leaves in the files it writes."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        found = {name: _names_of(feature) for name, feature in features.items()}
        return {name: names for name, names in found.items() if names}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _names_of(feature: Any) -> list[str]:
    """Return the names of a ClassLabel, or of a list of them: Sequence(...), List(...) or [...]."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names_of(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") in {"Sequence", "List", "LargeList"}:
        return _names_of(feature.get("feature"))
    return [str(label) for label in feature["names"]] if feature.get("_type") == "ClassLabel" else []
