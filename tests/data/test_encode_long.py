"""Long texts: training, the runtime and transformers read the same tokens of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ackd_deploy.check.torch_windows import text_windows
from ackd_deploy.data import LabeledTexts, encode_rows
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.runtime.tokenizer import TextTokenizer, Tokens
from ackd_deploy.tasks.long_texts import LongTextRule
from ackd_deploy.tasks.text import Text, parts, zipped
from ackd_deploy.training.token_batches import TokenBatches

RULES = (
    LongTextRule(mode="head_tail"),
    LongTextRule(mode="windows"),
    LongTextRule(mode="windows", overlap=0.5, max_windows=3),
)
WORDS = st.lists(st.one_of(st.sampled_from(["film", "warm", "[SEP]", "Ünïcode", "zzz", "."]), st.text(max_size=12)))
TEXT = WORDS.map(" ".join)


def encode(folder: Path, cache: Path, texts: list[str], pairs: list[str] | None, rule: LongTextRule) -> Encoded:
    labels = np.zeros(len(texts), dtype=np.int64)
    return encode_rows(
        LabeledTexts(texts, pairs, labels, ("a", "b"), "single_label_classification"), folder, 12, cache, rule
    )


@pytest.fixture(scope="module")
def tokenizer(tiny_teacher: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_teacher)


def as_lists(windows: list[Tokens]) -> list[tuple[list[int], list[int]]]:
    return [(window.ids, window.type_ids) for window in windows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(texts=[("", "")], rule=RULES[0], pairs=True)
@example(texts=[("film", "")], rule=RULES[0], pairs=True)
@given(texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), rule=st.sampled_from(RULES), pairs=st.booleans())
def test_training_runtime_and_transformers_read_the_same_tokens(
    tiny_teacher: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tokenizer: Any,
    texts: list[tuple[str, str]],
    rule: LongTextRule,
    pairs: bool,
):
    pairs = pairs and rule.mode == "head_tail"
    firsts, seconds = [first for first, _ in texts], [second for _, second in texts] if pairs else None
    items: list[Text] = zipped(firsts, seconds)
    encoded = encode(tiny_teacher, tmp_path_factory.mktemp("cache"), firsts, seconds, rule)
    served = TextTokenizer(tiny_teacher / "tokenizer.json", 12, rule).encode(items)
    for row, (item, tokens) in enumerate(zip(items, served, strict=True)):
        by_hand = text_windows(tokenizer, item, 12, rule)
        assert as_lists(list(tokens.windows)) == [(w["input_ids"], w["token_type_ids"]) for w in by_hand]
        assert encoded.row(row).tolist() == [token for window in tokens.windows for token in window.ids]
        assert encoded.truncated[row] == tokens.truncated
        assert encoded.lengths[row] == sum(len(window.ids) for window in tokens.windows)
        whole = tokenizer(*([part] for part in parts(item)), truncation=False, verbose=False)
        assert tokens.num_tokens == len(whole["input_ids"][0])
        assert tokens.used_tokens <= tokens.num_tokens


def test_batches_hold_every_window_and_whose_it_is(tiny_teacher: Path, tmp_path: Path):
    texts = ["a film", "a warm and funny film " * 5, "film", "film " * 14]
    encoded = encode(tiny_teacher, tmp_path, texts, None, RULES[1])
    rows, cpu = np.array([3, 0, 1, 3]), torch.device("cpu")
    batch = encoded.batch(rows)
    for resident in (True, False):
        tokens = TokenBatches(encoded, cpu, resident=resident)
        assert all(np.array_equal(value.numpy(), batch[name]) for name, value in tokens.batch(rows).items())
        owners = tokens.owners(rows)
    expected = TextTokenizer(tiny_teacher / "tokenizer.json", 12, RULES[1]).encode([texts[row] for row in rows])
    flat = [window.ids for row in expected for window in row.windows]
    assert owners is not None
    assert owners.tolist() == [place for place, row in enumerate(expected) for _ in row.windows]
    assert len(flat) > len(rows)
    for ids, mask, window in zip(batch["input_ids"], batch["attention_mask"], flat, strict=True):
        assert ids[mask == 1].tolist() == window


def test_without_long_texts_nothing_is_said_of_windows(tiny_teacher: Path, tmp_path: Path):
    encoded = encode_rows(
        LabeledTexts(["a film"], None, np.zeros(1, dtype=np.int64), ("a", "b"), "single_label_classification"),
        tiny_teacher, 12, tmp_path,
    )  # fmt: skip
    assert encoded.windows(np.array([0]))[1] is None
    assert not (encoded.folder / "windows.npy").exists()
    assert TokenBatches(encoded, torch.device("cpu")).owners(np.array([0])) is None


def test_each_rule_has_an_encoding_of_its_own(tiny_teacher: Path, tmp_path: Path):
    found = {encode(tiny_teacher, tmp_path, ["a film " * 20], None, rule).fingerprint for rule in RULES}
    assert len(found) == len(RULES)
