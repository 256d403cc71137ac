"""Tokenizers that would take hours to load are refused at once; those of every family in use pass."""

import base64
import json
import os
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


def without_type(step: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in step.items() if name != "type"}


def template(single: list[str], **special: object) -> dict[str, object]:
    pieces = [{"Sequence": {"id": name, "type_id": 0}} for name in single]
    pair = [{"Sequence": {"id": name, "type_id": 0}} for name in "AB"]
    return {"type": "TemplateProcessing", "single": pieces, "pair": pair, "special_tokens": special}


def charsmap(longest: int) -> str:
    return base64.b64encode((4).to_bytes(4, "little") + b"\0" * 4 + b"x" * longest + b"\0").decode()


def model(**changed: object) -> dict[str, object]:
    return plain(model={**plain()["model"], **changed})  # type: ignore[dict-item]


DOUBLE = replace({"String": "a"}, "aa")
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
LETTERS = replace({"String": "\u0627"}, "\ufdfa")
SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
HOSTILE = {
    "doubled forty times": plain(normalizer=sequence(*[DOUBLE] * 40), added_tokens=added(1)),
    "doubled in nested sequences": plain(normalizer=sequence(sequence(*[DOUBLE] * 20), sequence(*[DOUBLE] * 20))),
    "an empty pattern": plain(normalizer=sequence(*[replace({"String": ""}, "xx")] * 5)),
    "a pattern that matches nothing": plain(normalizer=sequence(*[replace({"Regex": "x*"}, "yyyy")] * 4)),
    "prefixes": plain(normalizer=sequence(*[{"type": "Prepend", "prepend": "long"}] * 5)),
    "300,000 added tokens": plain(added_tokens=added(300_000)),
    "steps without a type": plain(normalizer=sequence(*[without_type(DOUBLE)] * 40)),
    "a sequence without a type": plain(normalizer=without_type(sequence(*[DOUBLE] * 40))),
    "steps with no type": plain(normalizer=sequence(*[{**DOUBLE, "type": None}] * 40)),
    "bytes of bytes": plain(normalizer=sequence(*[{"type": "ByteLevel"}] * 20)),
    "bytes of bytes, later": plain(pre_tokenizer={"type": "Sequence", "pretokenizers": [BYTES] * 20}),
    "letters of letters": plain(normalizer=sequence(*[{"type": "NFKC"}, LETTERS] * 10)),
    "a table that writes long texts": plain(
        normalizer={"type": "Precompiled", "precompiled_charsmap": charsmap(longest=2000)}
    ),
    "both parts together": plain(normalizer=sequence(*[DOUBLE] * 4), pre_tokenizer=BYTES, decoder=None)
    | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [BYTES] * 4}},
    "a text twice": plain(post_processor=template(["A", "A"])),
    "a text twice in a sequence": plain(post_processor={"type": "Sequence", "processors": [template(["A", "A"])]}),
    "a text 10,000 times": plain(post_processor=template(["A"] * 10_000)),
    "a special token of 10,000": plain(
        post_processor=template(["A"], x={"id": "x", "ids": [1] * 10_000, "tokens": ["a"] * 10_000})
    ),
    "an added token of 2,000 letters": plain(added_tokens=[{**added(1)[0], "content": "a" * 2000}]),
    "9,000 long added tokens": plain(added_tokens=[{**token, "content": "ab" * 100} for token in added(9000)]),
    "a token of 100,000 letters": model(vocab={"[UNK]": 0, "a" * 100_000: 1}),
    "a piece of 100,000 letters": plain(model={"type": "Unigram", "unk_id": 0, "vocab": [["a" * 100_000, 0.0]]}),
    "a prefix of 100,000 letters": model(continuing_subword_prefix="a" * 100_000),
    "words without end": model(max_input_chars_per_word=10**9),
    "a pattern of 100,000 letters": plain(pre_tokenizer={**SPLIT, "pattern": {"Regex": "a|" * 50_000}}),
    "a million empty lists": plain(more=[[]] * 1_000_000),
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


def test_a_tokenizer_that_makes_rust_panic_is_refused_as_data(tmp_path: Path):
    from ackd_deploy.data.tokenizer import TokenizerFile

    broken = plain(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(broken))
    with pytest.raises(DataError, match="cannot be read as a tokenizer"):
        TokenizerFile(tmp_path)


@pytest.mark.timeout(20)
def test_pipes_and_devices_are_no_tokenizers(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ArtifactError, match="not a regular file"):
            read_tokenizer(path)


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
    # ALBERT's, with its table and its pre-tokenizer.
    albert = sequence(
        replace({"String": "``"}, '"'),
        *[{"type": kind} for kind in ("NFKD", "StripAccents", "Lowercase")],
        {"type": "Precompiled", "precompiled_charsmap": charsmap(longest=33)},
        replace({"Regex": " {2,}"}, " "),
    )
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    split = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]}
    check_tokenizer(plain(normalizer=albert, pre_tokenizer=split, post_processor=template(["A"])), "test")


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

    parts = st.sampled_from(["normalizer", "added_tokens", "decoder", "model", "post_processor"])

    @given(st.dictionaries(parts, JSON | st.lists(step(LEAVES))))
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
