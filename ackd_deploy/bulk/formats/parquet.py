"""Parquet: columns of a Parquet input keep their types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from ackd_deploy.bulk.formats.base import Column, Format, json_text
from ackd_deploy.errors import DataError, first_line

__all__ = ["Parquet"]

# Rows of a row group: readers are slow with small ones, and one is held in memory.
_GROUP_ROWS = 65_536


class Parquet(Format):
    """Each part is a small file; the whole has large row groups.

    Args:
        columns: of the output.
        labels: names of the classes, the fields of a ``scores`` column.
        source: the Parquet file that columns of kind ``source`` come from.
    """

    def __init__(self, columns: Sequence[Column], labels: Sequence[str], source: Path | None) -> None:
        super().__init__(columns)
        import pyarrow
        import pyarrow.parquet

        self._parquet = pyarrow.parquet
        read = pyarrow.parquet.read_schema(source) if source is not None else None
        kinds = {
            "string": pyarrow.string(), "json": pyarrow.string(), "int": pyarrow.int64(), "float": pyarrow.float64(),
            "bool": pyarrow.bool_(), "labels": pyarrow.list_(pyarrow.string()),
            "scores": pyarrow.struct([(name, pyarrow.float64()) for name in labels]),
        }  # fmt: skip
        fields = [
            read.field(c.name) if read is not None and c.kind == "source" else pyarrow.field(c.name, kinds[c.kind])
            for c in columns
        ]
        # What `datasets` noted of the old columns would contradict the new ones.
        kept = {k: v for k, v in ((read.metadata if read else None) or {}).items() if k != b"huggingface"}
        self._schema = pyarrow.schema(fields, metadata=kept or None)
        self._pyarrow = pyarrow

    def encode(self, records: Sequence[dict[str, Any]]) -> bytes:
        """Return a small Parquet file.

        Raises:
            DataError: values that pyarrow cannot write again in the type that they were read from.
        """
        arrays = [self._array(records, column) for column in self.columns]
        stream = BytesIO()
        self._parquet.write_table(self._pyarrow.table(arrays, schema=self._schema), stream)
        return stream.getvalue()

    def join(self, parts: Iterable[bytes], sink: BinaryIO) -> None:
        """Write large row groups."""
        with self._parquet.ParquetWriter(sink, self._schema) as writer:
            held: list[Any] = []
            for part in parts:
                held.append(self._parquet.read_table(BytesIO(part), schema=self._schema))
                if sum(len(table) for table in held) >= _GROUP_ROWS:
                    writer.write_table(self._pyarrow.concat_tables(held), row_group_size=_GROUP_ROWS * 2)
                    held = []
            if held:
                writer.write_table(self._pyarrow.concat_tables(held), row_group_size=_GROUP_ROWS * 2)

    def _array(self, records: Sequence[dict[str, Any]], column: Column) -> Any:
        values = [record.get(column.name) for record in records]
        if column.kind == "json":
            values = [None if value is None else json_text(value) for value in values]
        try:
            return self._pyarrow.array(values, type=self._schema.field(column.name).type)
        except (self._pyarrow.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"column {column.name!r} cannot be written to Parquet: {first_line(error)}") from error
