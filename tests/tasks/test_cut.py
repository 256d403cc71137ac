"""Rows are cut as the tokenizers package cuts them, without what it keeps of the rest."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from ackd_deploy.tasks.cut import cut, portions

PROCESSORS = {
    "none": None,
    "bert": processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)),
    "roberta": processors.RobertaProcessing(("[SEP]", 2), ("[CLS]", 1)),
    "template": processors.TemplateProcessing(
        single="$A:0 [SEP]:0", pair="[CLS]:0 $B:1 [SEP]:0 $A:0 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    ),
}
counts = st.integers(0, 40)


def made(kind: str) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(["[SEP]"])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if PROCESSORS[kind] is not None:
        tokenizer.post_processor = PROCESSORS[kind]
    return tokenizer


@pytest.mark.parametrize("kind", PROCESSORS)
def test_cut_as_the_package_cuts(kind: str):
    whole, package = made(kind), made(kind)

    @given(first=counts, second=counts | st.none(), max_length=st.integers(5, 30))
    def check(first: int, second: int | None, max_length: int) -> None:
        package.enable_truncation(max_length)
        # A special token that somebody typed is of the text.
        texts = ["a a [SEP] " * first] + ([] if second is None else ["b " * second])
        expected, row = package.encode(*texts), whole.encode(*texts)
        assert cut(row, max_length) == (expected.ids, expected.type_ids, len(row.ids))

    check()


@given(st.lists(st.sampled_from([1, 400_000, 999_999, 1_500_000]), max_size=12), st.integers(1, 5))
def test_portions_cover_all_and_stay_small(lengths: list[int], rows: int):
    texts = ["x" * length if length > 1 else ("x", "") for length in lengths]
    slices = list(portions(texts, rows))
    assert [text for portion in slices for text in texts[portion]] == texts
    for portion in slices:
        part = lengths[portion]
        assert 1 <= len(part) <= rows
        assert len(part) == 1 or sum(part) <= 1_000_000


MEMORY = """
import json, resource, sys
from pathlib import Path
from ackd_deploy.runtime.tokenizer import TextTokenizer
tokenizer = TextTokenizer(Path(sys.argv[1]), 16)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = tokenizer.encode([("a " * 3000, "b " * 3000)])
print(json.dumps([rows[0].num_tokens, len(rows[0].ids), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""


def test_two_long_texts_take_little_memory(tmp_path):
    made("bert").save(str(tmp_path / "tokenizer.json"))
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "tokenizer.json")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    tokens, kept, kilobytes = json.loads(answer.stdout)
    # The package's own truncation takes 1.5 GB for them.
    assert (tokens, kept) == (6003, 16)
    assert kilobytes < 100_000
