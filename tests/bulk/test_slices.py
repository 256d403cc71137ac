import numpy as np

from ackd_deploy.bulk.slices import by_group, by_length, slices
from ackd_deploy.tasks import SINGLE_LABEL
from ackd_deploy.tasks.intervals import wilson_interval


def logits_for(decisions):
    return np.eye(2, dtype=np.float32)[decisions]


def test_each_row_is_in_one_slice_of_length():
    generator = np.random.default_rng(0)
    for lengths in (generator.integers(3, 60, 200), np.full(40, 7), np.array([3] * 50 + [9])):
        named = list(by_length(lengths.tolist()))
        assert np.sum([inside for _, inside in named], axis=0).tolist() == [1] * len(lengths)
    assert [name for name, _ in by_length([5, 5, 5])] == ["5 tokens"]
    assert [name for name, _ in by_length([1, 2, 3, 4, 5, 6, 7, 8])] == [
        "1 to 2 tokens", "3 to 4 tokens", "5 to 6 tokens", "7 to 8 tokens",
    ]  # fmt: skip


def test_the_most_frequent_values_come_first():
    assert [name for name, _ in by_group("x", ["b", "a", "b", ""])] == ["x = b", "x = ", "x = a"]
    assert len(list(by_group("x", [str(number) for number in range(50)]))) == 20


def test_a_slice_that_is_worse_than_the_rest():
    labels = np.zeros(200, dtype=np.int64)
    decisions = np.array([0] * 150 + [1] * 50)
    groups = ["bad"] * 3 + ["good"] * 137 + ["bad"] * 60
    found = {s.name: s for s in slices(SINGLE_LABEL, logits_for(decisions), labels, by_group("x", groups))}
    assert found["x = bad"].against_rest == "worse"
    assert found["x = good"].against_rest == "better"
    assert found["x = bad"].value == 13 / 63
    assert found["x = bad"].interval == wilson_interval(13, 63)
    # All rows, and too few of them.
    (whole,) = slices(SINGLE_LABEL, logits_for(decisions), labels, by_group("x", ["a"] * 195 + ["b"] * 5))
    assert (whole.rows, whole.against_rest) == (195, None)
