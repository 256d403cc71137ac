"""Pieces of training texts, against the obvious search."""

from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.data.profile.pieces import pieces_of

words = st.lists(st.sampled_from(["a", "b", "A"]), max_size=9).map(" ".join)


@given(st.lists(words, max_size=8), st.lists(words, max_size=8))
def test_the_same_as_the_obvious_search(texts, wholes):
    def inside(text, whole):
        piece, words = text.casefold().split(), whole.casefold().split()
        return 4 <= len(piece) < len(words) and any(
            words[start : start + len(piece)] == piece for start in range(len(words))
        )

    expected = [place for place, text in enumerate(texts) if any(inside(text, whole) for whole in wholes)]
    assert pieces_of(texts, wholes) == expected


def test_a_pair_needs_the_same_second_text():
    whole = ("it is a warm and funny film", "yes")
    assert pieces_of([("a warm and funny film", "Yes"), ("a warm and funny film", "no")], [whole]) == [0]
