"""ackd_deploy/training/divergence.py"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ackd_deploy.errors import TrainingDiverged
from ackd_deploy.training.divergence import DivergenceMonitor

ROWS = np.array([3, 1, 4])


def record(monitor: DivergenceMonitor, step: int, loss: float, norm: float = 1.0) -> None:
    monitor.record(step, ROWS, 1e-4, torch.tensor(loss), torch.tensor(norm))


def test_on_a_cpu_the_step_itself_fails_and_names_its_rows() -> None:
    monitor = DivergenceMonitor(torch.device("cpu"))
    record(monitor, 0, 0.5)
    with pytest.raises(TrainingDiverged, match=r"the loss is nan at step 2, learning rate 0\.0001, .*rows 3, 1, 4"):
        record(monitor, 1, float("nan"))


def test_an_infinite_gradient_is_named() -> None:
    with pytest.raises(TrainingDiverged, match="the gradient is inf at step 1"):
        record(DivergenceMonitor(torch.device("cpu")), 0, 0.5, norm=float("inf"))


def test_on_a_gpu_the_first_bad_step_is_named_at_the_next_check() -> None:
    monitor = DivergenceMonitor(torch.device("cuda"))
    for step, loss in enumerate((0.5, float("inf"), float("nan"))):
        record(monitor, step, loss)
    with pytest.raises(TrainingDiverged, match="the loss is inf at step 2"):
        monitor.check()
    monitor.check()
