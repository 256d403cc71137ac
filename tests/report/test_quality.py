from __future__ import annotations

import numpy as np
import pytest

from ackd_deploy.report.quality import calibration, label_slices, reliability
from ackd_deploy.run.predictions import Predictions


def model(probability: list[float], labels: list[int]) -> Predictions:
    """Binary logits with the given probability of label 1."""
    p = np.array(probability)
    return Predictions(np.stack([np.log(1 - p), np.log(p)], axis=1), np.array(labels))


def test_calibration_by_hand() -> None:
    # Sure at .9 four times, right three times: confidence .9, accuracy .75, all in one bin.
    teacher = model([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0])
    student = model([0.6, 0.6, 0.4, 0.4], [1, 1, 1, 0])
    first, second = calibration({"teacher": teacher, "student": student}, "teacher")
    assert (first.confidence, first.accuracy, first.error) == pytest.approx((0.9, 0.75, 0.15))
    assert first.agreement is None
    assert second.agreement == 0.5
    assert second.accuracy == 0.75


def test_reliability_leaves_out_thin_bins() -> None:
    saved = model([0.95] * 20 + [0.6] * 3, [1] * 15 + [0] * 5 + [1] * 3)
    confidence, accuracy = reliability(saved)
    assert confidence == pytest.approx([95.0])
    assert accuracy == pytest.approx([75.0])


def test_slices_are_recalls_most_frequent_first() -> None:
    saved = model([0.9, 0.9, 0.1, 0.9, 0.1], [1, 1, 1, 0, 0])
    positive, negative = label_slices({"m": saved}, ["negative", "positive"])
    assert (positive.name, positive.rows) == ("positive", 3)
    assert positive.right[0][0] == pytest.approx(2 / 3)
    assert (negative.name, negative.right[0][0]) == ("negative", 0.5)
    low, high = negative.right[0][1]
    assert 0 < low < 0.5 < high < 1


def test_labels_without_names_still_show() -> None:
    assert label_slices({"m": model([0.9], [1])}, [])[0].name == "label 1"
    assert label_slices({}, []) == []
