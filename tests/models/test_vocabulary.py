"""Whether tokenizers and models go together."""

import json

import pytest

from ackd_deploy.errors import DataError
from ackd_deploy.models.vocabulary import check_same_vocabulary


def test_vocabularies_are_compared_across_file_formats(tmp_path):
    old, new, other = (tmp_path / name for name in ("old", "new", "other"))
    for folder in (old, new, other):
        folder.mkdir()
    (old / "vocab.txt").write_text("[PAD]\nfilm\n")
    (new / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"[PAD]": 0, "film": 1}}}))
    (other / "vocab.txt").write_text("[PAD]\nmovie\n")
    check_same_vocabulary(old, new, "new")
    with pytest.raises(DataError, match=r"student\.init other has another vocabulary"):
        check_same_vocabulary(new, other, "other")
