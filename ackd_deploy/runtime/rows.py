"""Texts from a file, one at a time: nothing is held but the line at hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ackd_deploy.errors import DataError
from ackd_deploy.tasks.text import Text

__all__ = ["decode_line", "read_rows"]


class _Plain(csv.excel_tab):
    # Tab-separated files as GLUE writes them quote nothing: a lone quotation mark is text there.
    quoting = csv.QUOTE_NONE


def read_rows(path: Path) -> Iterator[Text]:
    """Yield the texts of a file, or pairs where it has a second text.

    ``.jsonl`` holds objects with ``text`` (and ``text_pair``), ``.csv`` and ``.tsv`` columns of these
    names; any other file is one text a line.

    Raises:
        DataError: missing, not UTF-8, or without a text; the message has the line.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing or not a file")
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        yield from _table(path, "," if kind == ".csv" else "\t")
        return
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            line = decode_line(raw, number, str(path))
            if kind != ".jsonl":
                yield line
            elif line.strip():
                yield _object(line, f"{path}, line {number}")


def decode_line(raw: bytes, number: int, source: str) -> str:
    """Return one line as text, without its end.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{source}, line {number} is not UTF-8: {error.reason}") from None


def _object(line: str, where: str) -> Text:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{where} holds no JSON object")
    return _text(content, where)


def _table(path: Path, delimiter: str) -> Iterator[Text]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        dialect: type[csv.Dialect] = _Plain if delimiter == "\t" else csv.excel
        reader = csv.DictReader(stream, dialect=dialect)
        try:
            for row in reader:
                yield _text(row, f"{path}, line {reader.line_num}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}") from None


def _text(row: dict[str, Any], where: str) -> Text:
    first, second = row.get("text"), row.get("text_pair")
    if not isinstance(first, str) or not (second is None or isinstance(second, str)):
        raise DataError(f"{where} has no text", hint="name the column 'text', and the second of a pair 'text_pair'")
    return first if second is None else (first, second)
