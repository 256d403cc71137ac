"""ackd_deploy/training/log_window.py"""

from __future__ import annotations

import pytest
import torch

from ackd_deploy.training.log_window import LogWindow
from ackd_deploy.training.process_group import ProcessGroup


def filled() -> LogWindow:
    window = LogWindow()
    for loss, norm in ((2.0, 0.5), (4.0, 3.0)):
        window.add({"loss": torch.tensor(loss)}, torch.tensor(norm), 1.0, 32)
    return window


def test_means_over_the_window() -> None:
    fields = filled().close(ProcessGroup(), 1e-4, {"more": 7.0})
    # (2 + 4) / 2, (0.5 + 3) / 2, and one of two steps clipped at 1.
    assert (fields["loss"], fields["grad_norm"], fields["clip_rate"]) == (3.0, 1.75, 0.5)
    assert (fields["learning_rate"], fields["more"]) == (1e-4, 7.0)


def test_a_window_goes_on_after_a_checkpoint() -> None:
    window = LogWindow()
    window.load(filled().state(ProcessGroup()), torch.device("cpu"))
    window.add({"loss": torch.tensor(9.0)}, torch.tensor(0.5), 1.0, 32)
    assert window.close(ProcessGroup(), 1e-4, {})["loss"] == pytest.approx((2 + 4 + 9) / 3)
    assert window.clip_rate(3) == pytest.approx(1 / 3)


def test_the_sums_of_a_checkpoint_count_in_one_process_alone() -> None:
    # The checkpoint has the sums of all processes, so that all but one begin at nothing, with the same names.
    second = LogWindow()
    second.load(filled().state(ProcessGroup()), torch.device("cpu"), first=False)
    assert second.close(ProcessGroup(1, 1), 1e-4, {})["loss"] == 0.0
