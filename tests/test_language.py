"""British spellings and phrases that a reader of English as a second language stumbles over do not come back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Each word in two parts, so that this file does not hold it.
SPELLINGS = [
    "arte" + "fact", "col" + "our", "behavi" + "our", "neighb" + "our", "fav" + "our", "normal" + "is", "quant" + "is",
    "token" + "ise", "token" + "isi",
    "optim" + "ise", "optim" + "isa", "minim" + "ise", "label" + "led", "licen" + "ce", "judg" + "ement",
    "unauthor" + "is", "initial" + "is", "summar" + "is", "distil" + "s ", "recogn" + "is", "analy" + "se",
]  # fmt: skip
PHRASES = [
    "stop the " + "line", "stops the " + "line", "stran" + "ger", "said al" + "oud", "could not be " + "had",
    "fore" + "tell", "the " + "rooms", "one value a " + "sample", "is no " + "number",
    "not to be " + "had", "some" + "body else may", "for com" + "pany", "from com" + "pany", "keeps the " + "room",
]  # fmt: skip
SKIPPED = (".png", ".json", "constraints/", "uv.lock")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if not any(part in name for part in SKIPPED)]


@pytest.mark.parametrize("words", [SPELLINGS, PHRASES], ids=["spellings", "phrases"])
def test_no_such_word(words: list[str]):
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    files = [file for file in tracked() if file.is_file()]
    assert len(files) > 300
    found = [
        f"{file.relative_to(ROOT)}:{number}: {match[0]}: {line.strip()[:80]}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        for match in pattern.finditer(line)
    ]
    assert found == []
