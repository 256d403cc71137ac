from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from ackd_deploy.distill.losses.codir import codir, concatenate_layers
from ackd_deploy.distill.losses.contrastive import cdl


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_concatenation_by_hand() -> None:
    features = torch.tensor([[[3.0, 4.0]], [[0.0, 2.0]]])
    expected = torch.tensor([[0.6, 0.8, 0.0, 1.0]]) / 2**0.5
    torch.testing.assert_close(concatenate_layers(features), expected)


def test_its_similarity_is_the_mean_of_the_layers_cosines() -> None:
    first, second = random(3, 4, 5, seed=0), random(3, 4, 5, seed=1)
    cosines = torch.nn.functional.cosine_similarity(first, second, dim=-1).mean(0)
    torch.testing.assert_close((concatenate_layers(first) * concatenate_layers(second)).sum(-1), cosines)


def test_one_layer_is_cdl() -> None:
    student, positive, negatives = (torch.nn.functional.normalize(random(4, 5, seed=s), dim=-1) for s in range(3))
    mask = ~torch.eye(4, dtype=torch.bool)
    whole = codir(student[None], positive[None], negatives[None], mask, 0.1)
    torch.testing.assert_close(whole.loss, cdl(student, positive, negatives, mask, 0.1).loss)
    assert whole.loss.shape == (4,)


def test_gradient() -> None:
    student = random(2, 3, 4, seed=0).requires_grad_()
    positive, negatives = random(2, 3, 4, seed=1), random(2, 5, 4, seed=2)
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 1]], dtype=torch.bool)
    assert gradcheck(lambda x: codir(x, positive, negatives, mask, 0.2).loss, (student,))
    with pytest.raises(ValueError, match="expected"):
        concatenate_layers(positive[0])
