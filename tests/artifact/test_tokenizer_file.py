"""Tokenizers that would take hours to load are refused at once; those of every family in use pass."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from ackd_deploy.artifact.tokenizer_file import check_tokenizer, read_tokenizer
from ackd_deploy.errors import ArtifactError, DataError
from ackd_deploy.runtime.tokenizer import TextTokenizer


def plain(**changed: object) -> dict[str, object]:
    made = json.loads(Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]")).to_str())
    return {**made, **changed}


def replace(pattern: dict[str, str], content: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(*steps: object) -> dict[str, object]:
    return {"type": "Sequence", "normalizers": list(steps)}


def added(count: int) -> list[dict[str, object]]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
    return [{"id": 2 + i, "content": f"added{i}", **flags} for i in range(count)]


DOUBLE = replace({"String": "a"}, "aa")
HOSTILE = {
    "doubled forty times": plain(normalizer=sequence(*[DOUBLE] * 40), added_tokens=added(1)),
    "doubled in nested sequences": plain(normalizer=sequence(sequence(*[DOUBLE] * 20), sequence(*[DOUBLE] * 20))),
    "an empty pattern": plain(normalizer=sequence(*[replace({"String": ""}, "xx")] * 5)),
    "a pattern that matches nothing": plain(normalizer=sequence(*[replace({"Regex": "x*"}, "yyyy")] * 4)),
    "prefixes": plain(normalizer=sequence(*[{"type": "Prepend", "prepend": "long"}] * 5)),
    "300,000 added tokens": plain(added_tokens=added(300_000)),
    "a thousand steps": plain(normalizer=sequence(*[{"type": "NFC"}] * 1000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refused_before_it_is_loaded(name: str, tmp_path: Path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(HOSTILE[name]))
    with pytest.raises(ArtifactError):
        TextTokenizer(path, 16)


def test_a_given_models_tokenizer_is_refused_as_data(tmp_path: Path):
    from ackd_deploy.data.tokenizer import TokenizerFile

    (tmp_path / "tokenizer.json").write_text(json.dumps(HOSTILE["doubled forty times"]))
    with pytest.raises(DataError, match="times as long"):
        TokenizerFile(tmp_path)


def test_nested_without_end(tmp_path: Path):
    path = tmp_path / "tokenizer.json"
    path.write_text('{"normalizer": ' + '{"normalizers": [' * 5000 + "]}" * 5000 + "}")
    with pytest.raises(ArtifactError):
        read_tokenizer(path)


def test_what_families_in_use_have_passes():
    # The normalizers of ALBERT, T5 and XLM-R, and byte-level BPE's pre-tokenizer.
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.Replace("''", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Prepend("\u2581"),
            normalizers.Replace(" ", "\u2581"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(), pre_tokenizers.Digits()])
    check_tokenizer(json.loads(tokenizer.to_str()), "test")
    check_tokenizer(plain(added_tokens=added(1000)), "test")


LONG = st.integers(0, 200).map("a".__mul__)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | LONG


def step(inner: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """An object like a tokenizer's steps; each field may hold anything, and often a long text."""
    kinds = st.sampled_from(["Prepend", "Replace", "Sequence"]) | inner
    fields = {"prepend": LONG | inner, "content": LONG | inner}
    return st.fixed_dictionaries({"type": kinds, **fields}, optional={"pattern": inner, "normalizers": inner})


JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | step(inner), max_leaves=20)


def test_any_json_is_judged_without_another_error():
    outcomes = set()

    @given(st.dictionaries(st.sampled_from(["normalizer", "added_tokens", "decoder"]), JSON | st.lists(step(LEAVES))))
    def judge(content: dict[str, object]) -> None:
        try:
            check_tokenizer(content, "test")
        except ArtifactError:
            outcomes.add("refused")
        else:
            outcomes.add("taken")

    judge()
    # What is never refused would try half of the code.
    assert outcomes == {"taken", "refused"}
