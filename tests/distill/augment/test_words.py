"""Which words are replaced, how often, and what the text becomes."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from ackd_deploy.distill.augment.words import Replacement, Word, plan, replaced, single_piece_words


@pytest.fixture
def tokenizer() -> Tokenizer:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "good", "film", "un", "##kind", ".", "7"]
    made = Tokenizer(WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


def test_words_of_one_piece_and_letters_alone(tokenizer: Tokenizer) -> None:
    text = "a good unkind film 7 strange ."
    found = single_piece_words(tokenizer.encode(text), [text], 1)
    # In two pieces, a number, unknown, a sign: these stay.
    assert [text[word.start : word.end] for word in found] == ["a", "good", "film"]
    assert [word.position for word in found] == [1, 2, 5]


def test_both_texts_of_a_pair(tokenizer: Tokenizer) -> None:
    pair = ("a film", "good")
    found = single_piece_words(tokenizer.encode(*pair), pair, 1)
    assert found == [Word(0, 0, 1, 1), Word(0, 2, 6, 2), Word(1, 0, 4, 4)]


def test_only_the_words_change() -> None:
    text = "A good,  bad film!"
    words = [Word(0, 2, 6, 2), Word(0, 9, 12, 4), Word(0, 13, 17, 5)]
    candidates = {0: ["splendid", "fine"], 2: ["x"]}
    replacements = [Replacement(0, 1), Replacement(1, 0), Replacement(2, 8)]
    assert replaced([text], words, replacements, candidates) == ["A fine,  bad x!"]
    assert replaced([text], words, [], candidates) == [text]


def test_a_plan_follows_from_seed_row_and_copy_alone() -> None:
    first = plan(9, 3, 0.4, 15, seed=1, row=4)
    assert first == plan(9, 3, 0.4, 15, seed=1, row=4)
    # More copies begin with the same ones.
    assert plan(9, 5, 0.4, 15, seed=1, row=4)[:3] == first
    assert first != plan(9, 3, 0.4, 15, seed=1, row=5)
    assert first != plan(9, 3, 0.4, 15, seed=2, row=4)


def test_the_probability_is_that_of_a_word() -> None:
    copies = plan(50, 400, 0.4, 15, seed=0, row=0)
    count = sum(map(len, copies))
    # 20,000 draws: 8,000 expected, five standard deviations are 346.
    assert abs(count - 8000) < 346
    drawn = np.bincount([r.candidate for copy in copies for r in copy], minlength=15)
    assert drawn.min() > count / 15 * 0.75
    assert plan(50, 2, 0.0, 15, seed=0, row=0) == [[], []]
    assert [len(copy) for copy in plan(50, 2, 1.0, 15, seed=0, row=0)] == [50, 50]
