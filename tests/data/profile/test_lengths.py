"""Lengths in tokens, measured and estimated."""

import numpy as np
import pytest

from ackd_deploy.data.profile.lengths import ESTIMATED, estimated_tokens, measure, suggested_length
from ackd_deploy.data.tokenizer import TokenizerFile


def test_estimates_count_words_and_single_characters():
    # 5 words: 6.5, rounded to even, and two special tokens; three for pairs.
    assert estimated_tokens(["one two three four five", "", ("a b", "c")]) == [8, 2, 7]
    assert estimated_tokens(["\u65e5\u672c\u8a9e\u306e\u6587"]) == [7]


def test_measured_with_a_tokenizer_nothing_is_cut(tiny_teacher):
    count = TokenizerFile(tiny_teacher).count
    texts = ["a warm and funny film"] * 99 + [" ".join(["film"] * 100)]
    lengths, cut = measure(texts, 64, count)
    assert (lengths.unit, lengths.rows, lengths.median, lengths.longest, lengths.cut) == ("tokens", 100, 7, 102, 1)
    assert cut == [99]
    assert lengths.suggested == 32
    assert count([("a film", "a film")]) == [7]
    assert measure(texts, 64, None)[0].unit == ESTIMATED


@pytest.mark.parametrize(("longest", "many", "expected"), [(32, 2, 32), (33, 1, 32), (33, 2, 48), (600, 2, 512)])
def test_the_suggestion_cuts_at_most_one_row_in_a_hundred(longest, many, expected):
    lengths = np.array([10] * (100 - many) + [longest] * many)
    assert suggested_length(lengths) == expected


def test_a_large_file_is_measured_by_a_sample():
    lengths, cut = measure(["a b c"] * 30_000 + ["a " * 100], 8, None)
    assert lengths.rows == 20_000
    assert cut in ([], [30_000])
