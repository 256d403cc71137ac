import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.export.quantization.clip import _cut, clipped_ranges
from ackd_deploy.export.quantization.smooth import activations
from tests.export.quantization.test_smooth import feeds


def test_cut_by_hand():
    # Ten bins of width 1 from 0 to 10, 100 values: half of 4 % are 2 at either end.
    counts = np.array([1, 1, 8, 20, 20, 20, 20, 8, 1, 1])
    assert _cut(counts, 0.0, 10.0, 0.04) == (2.0, 8.0)
    assert _cut(counts, 0.0, 10.0, 0.02) == (1.0, 9.0)
    assert _cut(counts, 0.0, 10.0, 0.0) == (0.0, 10.0)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any), st.floats(0.0, 0.9))
def test_no_more_is_cut_than_the_share(counts, share):
    low, high = _cut(np.array(counts), 0.0, float(len(counts)), share)
    assert low < high
    kept = sum(counts[round(low) : round(high)])
    assert kept >= (1.0 - share) * sum(counts) - 1e-9


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2])
def test_ranges_are_the_quantiles_of_texts_of_unequal_length(graphs, share):
    _, graph = graphs["bert"]
    model, texts = onnx.load(graph.path), feeds(graph.inputs)
    collected = {}
    for values in activations(model, texts):
        for name, value in values.items():
            collected.setdefault(name, []).append(value.ravel())
    (found,) = clipped_ranges(model, texts, [share])
    assert found.keys() == collected.keys() != set()
    for name, parts in collected.items():
        values = np.concatenate(parts)
        # One of the histogram's 4096 bins, and the gap between two neighboring values.
        close = float(np.ptp(values) / 4096 + (share > 0) * 2 * np.diff(np.sort(values)).max()) + 1e-6
        assert found[name] == pytest.approx(np.quantile(values, [share / 2, 1 - share / 2]), abs=close)
