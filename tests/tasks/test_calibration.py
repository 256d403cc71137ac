from __future__ import annotations

import numpy as np
import pytest

from ackd_deploy.tasks.activations import softmax
from ackd_deploy.tasks.calibration import Bin, calibration_bins, expected_calibration_error, fit_temperature


def test_ece_by_hand():
    # Two bins of ten: 0.95 twice, one right -> gap 0.45; 0.65 twice, both right -> gap 0.35; each half the rows.
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]])
    labels = np.array([0, 1, 1, 1])
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx(0.4)


def test_a_certain_prediction_falls_into_the_last_bin():
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered(true_temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, size=(20_000, 3))
    labels = np.array([generator.choice(3, p=row) for row in softmax(logits)])
    assert fit_temperature(logits * true_temperature, labels) == pytest.approx(true_temperature, rel=0.05)


def test_a_fitted_temperature_lowers_the_ece_of_an_overconfident_classifier():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 1, size=(4000, 2))
    labels = np.array([generator.choice(2, p=row) for row in softmax(logits)])
    loud = logits * 4
    temperature = fit_temperature(loud[:2000], labels[:2000])
    before = expected_calibration_error(softmax(loud[2000:]), labels[2000:])
    after = expected_calibration_error(softmax(loud[2000:] / temperature), labels[2000:])
    assert after < before / 3


def test_bins_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]])
    low, high = calibration_bins(probabilities, np.array([0, 1, 1, 1]), bins=10)
    assert (low.rows, low.confidence, low.accuracy) == (2, pytest.approx(0.65), 1.0)
    assert high == Bin(2, pytest.approx(0.95), 0.5)
