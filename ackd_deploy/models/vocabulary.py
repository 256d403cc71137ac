"""Whether tokenizers and models go together, told from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ackd_deploy.errors import DataError
from ackd_deploy.files import read_json

__all__ = ["check_same_vocabulary"]


def check_same_vocabulary(tokenizer_folder: Path, student_folder: Path, reference: str) -> None:
    """Check that the student's own checkpoint reads the token ids of the teacher's tokenizer.

    Args:
        tokenizer_folder: of the teacher.
        student_folder: of the checkpoint.
        reference: value of student.init, for the message.

    Raises:
        DataError: it has another vocabulary.
    """
    if _vocabulary(tokenizer_folder) != _vocabulary(student_folder):
        raise DataError(
            f"student.init {reference} has another vocabulary than the teacher",
            hint="teacher and student read the same token ids: choose a checkpoint with the teacher's tokenizer",
        )


def _vocabulary(folder: Path) -> Any:
    if (folder / "tokenizer.json").is_file():
        return read_json(folder / "tokenizer.json")["model"].get("vocab")
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines() if (folder / "vocab.txt").is_file() else []
    return {word: index for index, word in enumerate(words)}
