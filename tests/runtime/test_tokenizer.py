import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from tokenizers.processors import RobertaProcessing

from ackd_deploy.errors import ArtifactError, DataError
from ackd_deploy.runtime.tokenizer import TextTokenizer, Tokens, pad
from tests.artifact_builder import MAX_LENGTH, SENTENCES
from tests.runtime.in_threads import problems_in_threads

words = st.sampled_from(" ".join(SENTENCES).split())
texts = st.lists(words, max_size=60).map(" ".join)


@pytest.fixture(scope="module")
def untruncated(tiny_artifact: Path) -> Tokenizer:
    """The same file, with neither truncation nor padding: what a text's tokens really are."""
    tokenizer = Tokenizer.from_file(str(tiny_artifact / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_artifact: Path) -> TextTokenizer:
    return TextTokenizer(tiny_artifact / "tokenizer.json", MAX_LENGTH)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts)
def test_counts_the_whole_text_and_keeps_its_beginning(tokenizer, untruncated, text):
    whole = untruncated.encode(text).ids
    (tokens,) = tokenizer.encode([text])
    assert tokens.num_tokens == len(whole)
    assert tokens.truncated == (len(whole) > MAX_LENGTH)
    expected = whole if len(whole) <= MAX_LENGTH else [*whole[: MAX_LENGTH - 1], whole[-1]]
    assert tokens.ids == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=texts, second=texts)
def test_counts_whole_pairs_and_marks_the_second(tokenizer, untruncated, first, second):
    whole = untruncated.encode(first, second)
    (tokens,) = tokenizer.encode([(first, second)])
    assert tokens.num_tokens == len(whole.ids)
    assert len(tokens.ids) == min(len(whole.ids), MAX_LENGTH)
    if not tokens.truncated:
        assert tokens.type_ids == whole.type_ids
    assert set(tokens.type_ids) <= {0, 1}


def test_byte_level_tokenizer_with_four_special_tokens_around_a_pair(tmp_path):
    """As RoBERTa has it: <s> A </s></s> B </s>."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        SENTENCES, vocab_size=400, min_frequency=1, special_tokens=["<s>", "<pad>", "</s>"], show_progress=False
    )
    trained._tokenizer.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    trained.save(str(tmp_path / "tokenizer.json"))
    tokenizer = TextTokenizer(tmp_path / "tokenizer.json", 16)
    whole = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    long, short = SENTENCES[0] * 5, SENTENCES[1]
    one, pair = tokenizer.encode([long, (long, short)])
    assert (one.num_tokens, len(one.ids)) == (len(whole.encode(long)), 16)
    assert (pair.num_tokens, len(pair.ids)) == (len(whole.encode(long, short)), 16)
    assert pair.ids.count(2) == 3
    assert tokenizer.encode(["x" * 3, ("x", "y")])[1].truncated is False


def test_mixture_of_singles_and_pairs_keeps_its_order(tokenizer):
    mixed = [SENTENCES[0], (SENTENCES[1], SENTENCES[2]), "", SENTENCES[3] * 9]
    together = tokenizer.encode(mixed)
    assert together == [tokenizer.encode([text])[0] for text in mixed]
    assert len(together[2].ids) == 2
    assert tokenizer.encode([]) == []


def test_padding_by_hand():
    rows = [Tokens([5, 6, 7], [0, 0, 1], 3), Tokens([5], [0], 9)]
    arrays = pad(rows, pad_id=1, inputs=["attention_mask", "input_ids", "token_type_ids"])
    assert list(arrays) == ["attention_mask", "input_ids", "token_type_ids"]
    assert arrays["input_ids"].tolist() == [[5, 6, 7], [5, 1, 1]]
    assert arrays["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert arrays["token_type_ids"].tolist() == [[0, 0, 1], [0, 0, 0]]
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}
    assert list(pad(rows, 0, ["input_ids"])) == ["input_ids"]


def test_truncation_and_padding_that_the_file_asks_for_are_overruled(tiny_artifact, tmp_path):
    content = json.loads((tiny_artifact / "tokenizer.json").read_text())
    content["truncation"] = {"max_length": 4, "stride": 1, "strategy": "OnlyFirst", "direction": "Left"}
    content["padding"] = {
        "strategy": {"Fixed": 40}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "[PAD]",
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    changed = TextTokenizer(tmp_path / "tokenizer.json", MAX_LENGTH)
    plain = TextTokenizer(tiny_artifact / "tokenizer.json", MAX_LENGTH)
    assert changed.encode(SENTENCES) == plain.encode(SENTENCES)


def test_threads_get_what_one_gets_and_the_object_never_changes(tokenizer):
    before = tokenizer._tokenizer.to_str()
    batches = [[*SENTENCES[index:], SENTENCES[index] * 20] for index in range(8)]
    expected = [tokenizer.encode(batch) for batch in batches]

    def work(index: int) -> list[object]:
        return [index for _ in range(50) if tokenizer.encode(batches[index]) != expected[index]]

    assert problems_in_threads(8, work) == []
    assert tokenizer._tokenizer.to_str() == before


@pytest.mark.parametrize("text", [7, None, ("a",), ("a", "b", "c"), ("a", 3), ["a", "b"], b"a"])
def test_what_is_no_text_is_named_by_its_place(tokenizer, text):
    with pytest.raises(DataError, match="text 1"):
        tokenizer.encode(["fine", text])


def test_lone_surrogate_is_refused_and_nul_is_text(tokenizer):
    with pytest.raises(DataError, match="lone surrogate"):
        tokenizer.encode(["\ud800"])
    (tokens,) = tokenizer.encode(["a\0b\U0001f600\u202e"])
    assert tokens.num_tokens >= 2


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": "1.0", "model": {"type": "BPE"}}', "\0"])
def test_a_file_that_is_no_tokenizer(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ArtifactError, match="is not a tokenizer"):
        TextTokenizer(path, 16)


def test_missing_file_and_no_room(tmp_path, tiny_artifact):
    with pytest.raises(ArtifactError, match="missing"):
        TextTokenizer(tmp_path / "tokenizer.json", 16)
    with pytest.raises(ArtifactError, match="no room"):
        TextTokenizer(tiny_artifact / "tokenizer.json", 3)
