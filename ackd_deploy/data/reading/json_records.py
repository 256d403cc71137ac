"""JSON Lines, and JSON arrays of objects, which are read one element at a time."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from ackd_deploy.data.reading.encoding import decoded_lines, marked, undecodable
from ackd_deploy.data.reading.records import MAX_RECORD_BYTES, Records, Row, Wanted
from ackd_deploy.errors import DataError, first_line

__all__ = ["read_json", "read_json_lines"]

_CHUNK = 2**16
_BLANK = " \t\r\n"
Objects = Iterator[tuple[int, dict[str, Any]]]


def read_json_lines(stream: BinaryIO, source: str, wanted: Wanted) -> Records:
    """Read one object a line. Blank lines are skipped; a key that a later record lacks is a missing value."""
    return _records(_line_objects(stream, source, wanted), source, "line", wanted)


def read_json(stream: BinaryIO, source: str, wanted: Wanted) -> Records:
    """Read an array of objects; a file that starts with an object is JSON Lines, as `datasets` calls them .json."""
    start = stream.read(_CHUNK)
    stream.seek(0)
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        return read_json_lines(stream, source, wanted)
    return _records(_array_objects(stream, source, wanted.encoding), source, "row", wanted)


def _records(objects: Objects, source: str, noun: str, wanted: Wanted) -> Records:
    first = next(objects, None)
    if first is None:
        return Records(source, noun, list(wanted.names), iter(()))
    number, record = first
    wanted.check(f"{source}, {noun} {number},", list(record))

    def rows() -> Iterator[Row]:
        for place, content in chain([first], objects):
            yield place, [content.get(name) for name in wanted.names] + ([content] if wanted.whole else [])

    return Records(source, noun, list(record), rows())


def _line_objects(stream: BinaryIO, source: str, wanted: Wanted) -> Objects:
    for number, line in decoded_lines(stream, source, wanted.encoding):
        if not line.strip():
            continue
        try:
            yield number, _line_object(line, f"{source}, line {number}")
        except DataError as error:
            if wanted.on_bad is None:
                raise
            wanted.on_bad(number, error.message.removeprefix(f"{source}, line {number}: "))


def _line_object(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _invalid(where, error) from error
    if not isinstance(record, dict):
        raise DataError(
            f'{where}: a JSON object is expected, such as {{"text": ...}}',
            hint="a file with one array of objects ends in .json" if isinstance(record, list) else None,
        )
    return record


def _array_objects(stream: BinaryIO, source: str, encoding: str) -> Objects:
    text = _Window(stream, source, encoding)
    if text.next_character() != "[":
        raise DataError(f"{source}: an array of JSON objects, or JSON Lines, is expected in a .json file")
    text.skip()
    number = 0
    if text.next_character() == "]":
        text.skip()
    else:
        while True:
            number += 1
            if text.next_character() != "{":
                raise DataError(f'{source}, row {number}: a JSON object is expected, such as {{"text": ...}}')
            yield number, text.next_object(number)
            after = text.next_character()
            text.skip()
            if after == "]":
                break
            if after != ",":
                raise DataError(f"{source}, row {number}: not valid JSON: a comma or ] is expected after it")
    if text.next_character():
        raise DataError(f"{source}: not valid JSON: there is more after the closing ]")


class _Window:
    """A part of the text: what is not yet read of the chunks at hand."""

    def __init__(self, stream: BinaryIO, source: str, encoding: str) -> None:
        self._stream = stream
        self._source = source
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(marked(encoding))()
        self._json = json.JSONDecoder()
        self._text = ""
        self._place = 0
        self._done = False

    def next_character(self) -> str:
        """Skip blanks and return the character at hand, or nothing at the end."""
        while True:
            while self._place < len(self._text) and self._text[self._place] in _BLANK:
                self._place += 1
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more(_CHUNK):
                return ""

    def skip(self) -> None:
        """Go past one character."""
        self._place += 1

    def next_object(self, number: int) -> dict[str, Any]:
        """Decode the object at hand. It ends in a brace, so no beginning of it is valid by itself."""
        while True:
            try:
                content, self._place = self._json.raw_decode(self._text, self._place)
            except (ValueError, RecursionError) as error:
                held = len(self._text) - self._place
                if held > MAX_RECORD_BYTES:
                    raise DataError(
                        f"{self._source}, row {number}: no object of less than {MAX_RECORD_BYTES:,} characters",
                        hint="is a quote or a brace missing?",
                    ) from error
                # As much again, so that a long object is tried a few times and not once for each chunk.
                if isinstance(error, RecursionError) or not self._more(max(_CHUNK, held)):
                    raise _invalid(f"{self._source}, row {number}", error) from error
            else:
                return dict(content)

    def _more(self, size: int) -> bool:
        if self._done:
            return False
        raw = self._stream.read(size)
        self._done = not raw
        try:
            added = self._decoder.decode(raw, final=self._done)
        except UnicodeDecodeError as error:
            sample = raw[max(0, error.start - 4) :] or raw
            raise undecodable(self._source, self._encoding, sample) from error
        self._text = self._text[self._place :] + added
        self._place = 0
        return True


def _invalid(where: str, error: Exception) -> DataError:
    # The message alone: the place that follows it counts from the start of the piece at hand.
    what = getattr(error, "msg", None) or first_line(error)
    return DataError(f"{where}: not valid JSON: {what}", hint='each record is one JSON object, such as {"text": ...}')
