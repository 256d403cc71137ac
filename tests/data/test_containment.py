"""Cutting phrases apart: no text of one part is a piece of a text of another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.data.containment import cut_by_containment

WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(" ".join)


def holds(whole, piece):
    """Whether a text is a run of whole words of another, by looking at the strings alone."""
    return f" {piece} " in f" {whole} "


@given(st.lists(WORDS, max_size=25), st.integers(0, 99))
def test_parts_share_no_piece(texts, seed):
    parts = cut_by_containment(texts, [0.5, 0.3, 0.2], seed=seed)
    rows = [row for part in parts for row in part.tolist()]
    assert len(rows) == len(set(rows))
    for number, part in enumerate(parts):
        assert part.tolist() == sorted(part.tolist())
        others = [row for other, far in enumerate(parts) if other != number for row in far]
        assert not any(holds(texts[far], texts[row]) for row in part for far in others)


@given(st.lists(WORDS, min_size=1, max_size=25), st.integers(0, 99))
def test_only_pieces_of_several_parts_are_dropped(texts, seed):
    parts = cut_by_containment(texts, [0.5, 0.5], seed=seed)
    home = {texts[row]: number for number, part in enumerate(parts) for row in part}
    for text in set(texts) - set(home):
        assert {home[whole] for whole in home if holds(whole, text)} == {0, 1}


def test_sentences_are_dealt_by_share_and_phrases_follow():
    sentences = [f"s{n} is a film" for n in range(100)]
    texts = [*sentences, *(f"s{n}" for n in range(100)), "a film", "S7 IS"]
    train, held = cut_by_containment(texts, [0.8, 0.2], seed=3)
    assert sum(row < 100 for row in train) == 80
    assert sum(row < 100 for row in held) == 20
    # Each name follows its sentence, the phrase that all share goes nowhere, and case is no difference.
    assert {row - 100 for row in held if 100 <= row < 200} == {row for row in held if row < 100}
    assert 200 not in {*train, *held}
    assert (201 in held) == (7 in held)


def test_one_part_takes_all_and_bad_shares_are_refused():
    assert cut_by_containment(["a b", "a", "a"], [1.0], seed=0)[0].tolist() == [0, 1, 2]
    assert [part.size for part in cut_by_containment([], [0.5, 0.5], seed=0)] == [0, 0]
    for shares in ([0.5, 0.6], [1.5, -0.5]):
        with pytest.raises(ValueError, match="sum to 1"):
            cut_by_containment(["a"], shares, seed=0)
