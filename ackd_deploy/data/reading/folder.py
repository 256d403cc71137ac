"""One folder a class: DIR/CLASS/*.txt, each file one text, the folder's name its label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ackd_deploy.data.reading.encoding import decoded_lines
from ackd_deploy.data.reading.records import MAX_RECORD_BYTES, Records, Row, Wanted
from ackd_deploy.errors import DataError

__all__ = ["FOLDER_COLUMNS", "class_files", "read_folder"]

FOLDER_COLUMNS = ("text", "label", "file")
_HINT = "DIR/CLASS/*.txt: one folder a class, each file in it one text (.txt, or without an ending)"


def read_folder(path: Path, wanted: Wanted) -> Records:
    """Read DIR/CLASS/*.txt as records of ``text``, ``label`` (the folder's name) and ``file`` (CLASS/NAME).

    Files without an ending are read too, as in 20 Newsgroups. Hidden entries, and files beside the class folders, are
    not looked at; a folder inside a class, or a file of another ending, is refused.

    Raises:
        DataError: there is no class folder, or one holds something else than texts.
    """
    source = str(path)
    wanted.check(source, FOLDER_COLUMNS)
    files = class_files(path)
    places = [FOLDER_COLUMNS.index(name) for name in wanted.names]

    def rows() -> Iterator[Row]:
        for number, file in enumerate(files, 1):
            values = ("", file.parent.name, f"{file.parent.name}/{file.name}")
            if 0 in places or wanted.whole:
                values = (_text(file, wanted.encoding), *values[1:])
            whole = [dict(zip(FOLDER_COLUMNS, values, strict=True))] if wanted.whole else []
            yield number, [values[place] for place in places] + whole

    return Records(source, "file", list(FOLDER_COLUMNS), rows())


def class_files(path: Path) -> list[Path]:
    """Return the files of all classes, by class and name.

    Raises:
        DataError: as `read_folder` does.
    """
    classes = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        raise DataError(f"{path} is a folder without a folder for each class", hint=_HINT)
    files = []
    for folder in classes:
        for file in sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".")):
            if not file.is_file() or file.suffix.lower() not in ("", ".txt"):
                raise DataError(f"{file} is no text file", hint=_HINT)
            files.append(file)
    return files


def _text(file: Path, encoding: str) -> str:
    if file.stat().st_size > MAX_RECORD_BYTES:
        raise DataError(f"{file}: longer than {MAX_RECORD_BYTES:,} bytes", hint="one file is one text")
    with file.open("rb") as stream:
        return "".join(line for _, line in decoded_lines(stream, str(file), encoding)).rstrip("\r\n")
