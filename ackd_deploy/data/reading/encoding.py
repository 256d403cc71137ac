"""Bytes to lines of text; what is not UTF-8 is told with the line and the encoding that it most likely has."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from ackd_deploy.data.reading.records import MAX_RECORD_BYTES
from ackd_deploy.errors import DataError

__all__ = ["decoded_lines", "encoding_hint", "looks_western", "marked", "undecodable"]

_SAMPLE_BYTES = 2**20
# Accents and curly quotes of a Western text are few; in Greek, Russian or Chinese most bytes are above ASCII.
_WESTERN_SHARE = 0.3
_CONVERT = "save the file as UTF-8, for example: iconv -f {encoding} -t UTF-8 OLD > NEW"
# The marks of UTF-32 begin like those of UTF-16, so they come first.
_MARKS = {
    b"\xff\xfe\0\0": _CONVERT.format(encoding="UTF-32"),
    b"\0\0\xfe\xff": _CONVERT.format(encoding="UTF-32"),
    b"\xff\xfe": _CONVERT.format(encoding="UTF-16"),
    b"\xfe\xff": _CONVERT.format(encoding="UTF-16"),
    b"\x1f\x8b": "the file is compressed: unpack it first, with gunzip",
    b"PK\x03\x04": "the file is a zip archive or a spreadsheet: unpack it, or save the sheet as CSV in UTF-8",
}


def decoded_lines(stream: BinaryIO, source: str, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    r"""Yield number (from 1) and text of each line, line end included; a byte order mark of UTF-8 is dropped.

    Lines end in ``\n`` alone: no other separator of Unicode ends one.

    Raises:
        DataError: a line that is not of the encoding, or longer than `MAX_RECORD_BYTES`.
    """
    first = marked(encoding)
    number = 0
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        number += 1
        if len(line) > MAX_RECORD_BYTES:
            raise DataError(
                f"{source}, line {number}: longer than {MAX_RECORD_BYTES:,} bytes",
                hint="does the file have line ends? A record of text is far shorter",
            )
        if number == 1:
            _refuse_wide(line, source)
        try:
            # The mark is dropped on the first line alone: later on it is an ordinary character.
            yield number, line.decode(first if number == 1 else encoding)
        except UnicodeDecodeError as error:
            where = f"{source}, line {number}"
            raise undecodable(where, encoding, line + stream.read(_SAMPLE_BYTES), byte=error.start + 1) from error


def marked(encoding: str) -> str:
    """Return the codec that reads a text from its beginning, where a byte order mark may stand."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def undecodable(where: str, encoding: str, sample: bytes, *, byte: int | None = None) -> DataError:
    """Return the error for bytes that are not of the encoding; ``sample`` begins near them."""
    name = "UTF-8" if codecs.lookup(encoding).name == "utf-8" else encoding
    place = f" at byte {byte} of the line" if byte is not None else ""
    hint = encoding_hint(sample) if name == "UTF-8" else "data.encoding names another encoding than the file's"
    return DataError(f"{where}: not valid {name}{place}", hint=hint)


def encoding_hint(sample: bytes) -> str:
    """Return how to make UTF-8 of a file, given a line that isn't and some of what follows it."""
    for mark, hint in _MARKS.items():
        if sample.startswith(mark):
            return hint
    if _mostly_utf8(sample):
        return "the rest of the file is UTF-8: this line is damaged, or comes from another file; mend or remove it"
    if looks_western(sample):
        # Never LATIN1: it has control characters where Windows has curly quotes, and is the same elsewhere.
        return f"data.encoding: cp1252 in the recipe, or {_CONVERT.format(encoding='WINDOWS-1252')}"
    return _CONVERT.format(encoding="ENCODING") + "; `file -i OLD` may know the encoding"


def _mostly_utf8(sample: bytes) -> bool:
    valid = sum(not character.isascii() for character in sample.decode("utf-8", "ignore"))
    return valid > sample.decode("utf-8", "replace").count("\ufffd")


def looks_western(sample: bytes) -> bool:
    """Whether bytes that are no UTF-8 are most likely Windows-1252: all of them are in it, and few are above ASCII.

    Not where most characters above ASCII are valid UTF-8: that is a damaged file.
    """
    if _mostly_utf8(sample):
        return False
    high = sum(byte >= 0x80 for byte in sample)
    letters = sum(chr(byte).isalpha() for byte in sample if byte < 0x80)
    try:
        sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return high <= _WESTERN_SHARE * (high + letters)


def _refuse_wide(line: bytes, source: str) -> None:
    """Refuse UTF-16 without a mark: plain English in it is valid UTF-8, with a NUL after each letter."""
    if line[:1] not in b"\xff\xfe" and line.count(0) * 3 > len(line):
        raise DataError(
            f"{source}, line 1: every other byte is NUL, so this is UTF-16 and not UTF-8",
            hint=_CONVERT.format(encoding="UTF-16LE"),
        )
