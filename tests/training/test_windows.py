"""A text's figures are the mean over its windows, and its gradient reaches each of them."""

from __future__ import annotations

import torch

from ackd_deploy.training.windows import mean_of_windows


def test_means_along_either_axis_by_hand():
    values = torch.tensor([[1.0, 2.0], [3.0, 0.0], [5.0, 5.0]])
    owners = torch.tensor([0, 0, 1])
    assert mean_of_windows(values, owners, 2).tolist() == [[2.0, 1.0], [5.0, 5.0]]
    assert mean_of_windows(values.T, owners, 2, dim=1).tolist() == [[2.0, 5.0], [1.0, 5.0]]
    assert mean_of_windows(values, None, 3) is values


def test_each_window_has_its_share_of_the_gradient():
    values = torch.ones((3, 1), requires_grad=True)
    mean_of_windows(values, torch.tensor([0, 0, 1]), 2).sum().backward()
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [0.5, 0.5, 1.0]


def test_half_precision_is_summed_in_full():
    values = torch.full((4096, 1), 1.0, dtype=torch.bfloat16)
    found = mean_of_windows(values, torch.zeros(4096, dtype=torch.int64), 1)
    assert found.dtype == torch.float32
    assert found.item() == 1.0
