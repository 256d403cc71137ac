from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from ackd_deploy.distill.losses.pkd import pkd


def test_by_hand() -> None:
    # Layer 1: (3, 4)/5 against (1, 0): 0.4^2 + 0.8^2 = 0.8. Layer 2: equal directions: 0.
    student = torch.tensor([[[3.0, 4.0]], [[0.0, 2.0]]])
    teacher = torch.tensor([[[7.0, 0.0]], [[0.0, 9.0]]])
    assert pkd(student, teacher).tolist() == pytest.approx([0.4])


def test_is_two_less_twice_the_cosine() -> None:
    student, teacher = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cosine = torch.nn.functional.cosine_similarity(student, teacher, dim=-1)
    torch.testing.assert_close(pkd(student, teacher), (2 - 2 * cosine).mean(0))


def test_limits_and_gradient() -> None:
    student = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert float(pkd(teacher * 5, teacher).max()) < 1e-15
    torch.testing.assert_close(pkd(-teacher, teacher), torch.full((3,), 4.0, dtype=torch.float64))
    assert gradcheck(lambda features: pkd(features, teacher), (student,))
    with pytest.raises(ValueError, match="do not agree"):
        pkd(student, teacher[:1])
