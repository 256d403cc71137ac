import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.check.parity import parity_gate, spread_by_length
from ackd_deploy.runtime.tokenizer import Tokens


class Sums:
    """Stands where a session stands: logits are sums of the unmasked ids, which a reader can check by eye."""

    def __init__(self, fault=None):
        self.fault = fault
        self.shapes = []

    def run(self, feed):
        ids, mask = feed["input_ids"], feed["attention_mask"]
        self.shapes.append(ids.shape)
        if self.fault == "frozen batch" and len(ids) != 1:
            raise RuntimeError("Got invalid dimensions for input: input_ids\nindex: 0 Got: 3 Expected: 1")
        if self.fault == "swapped inputs":
            ids, mask = mask, ids
        kept = ids * (mask > 0) if self.fault != "no mask" else ids
        total = kept.sum(axis=1, keepdims=True).astype(np.float32)
        logits = np.concatenate([total, -total], axis=1)
        if self.fault == "off at 3" and len(ids) == 3:
            logits[1, 0] += 0.5
        if self.fault == "nan":
            logits[0, 0] = np.nan
        if self.fault == "columns swapped":
            logits = logits[:, ::-1]
        return logits[:, :1] if self.fault == "one column" else logits


ROWS = [Tokens([2] * length, [0] * length, length) for length in range(1, 12)]
REFERENCE = np.array([[2.0 * n, -2.0 * n] for n in range(1, 12)], dtype=np.float32)


def gate(fault=None, session=None):
    return parity_gate(
        "fp32",
        session or Sums(fault),
        ROWS,
        REFERENCE,
        1e-4,
        inputs=["input_ids", "attention_mask"],
        pad_id=9,
        max_batch=4,
    )


def test_equal_logits_pass():
    result = gate()
    assert (result.verdict, result.figure, result.n) == ("pass", 0.0, 11)


def test_alone_odd_largest_and_padded_batches_are_all_tried():
    session = Sums()
    gate(session=session)
    assert {(1, 1), (1, 11), (3, 3), (4, 4)} <= set(session.shapes)
    # Short rows beside the longest one.
    assert (4, 11) in session.shapes[-4:]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("frozen batch", "Got invalid dimensions"),
        ("swapped inputs", "largest at"),
        ("no mask", "largest at"),
        ("off at 3", "largest at batch 3"),
        ("nan", "largest at"),
        ("one column", "logits of shape"),
        ("columns swapped", "largest at"),
    ],
)
def test_each_fault_fails_and_says_where(fault, words):
    result = gate(fault)
    assert result.verdict == "fail"
    assert words in result.detail


@given(st.lists(st.integers(1, 128), min_size=1, max_size=60), st.integers(1, 80))
def test_the_sample_holds_shortest_and_longest_and_no_row_twice(lengths, count):
    rows = spread_by_length(lengths, count)
    assert len(set(rows)) == len(rows) == min(count, len(lengths))
    if count >= 2:
        assert {lengths[row] for row in rows} >= {min(lengths), max(lengths)}
