from __future__ import annotations

import math

import numpy as np
import pytest

from ackd_deploy.tasks.activations import sigmoid, softmax


def test_softmax_of_known_logits_and_no_overflow() -> None:
    # e^0 : e^ln3 = 1 : 3
    assert softmax(np.array([[0.0, math.log(3.0)]])) == pytest.approx(np.array([[0.25, 0.75]]))
    assert softmax(np.array([[1e4, -1e4]])) == pytest.approx(np.array([[1.0, 0.0]]))
    assert softmax(np.array([[0.0, 2 * math.log(3.0)]]), 2.0) == pytest.approx(np.array([[0.25, 0.75]]))


def test_sigmoid_of_known_logits_and_no_overflow() -> None:
    assert sigmoid(np.array([math.log(3.0), 0.0, 1e4, -1e4])) == pytest.approx(np.array([0.75, 0.5, 1.0, 0.0]))
    assert sigmoid(np.array([4 * math.log(3.0)]), 4.0) == pytest.approx(np.array([0.75]))
