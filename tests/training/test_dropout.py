"""Fast dropout is dropout: share, scale, gradient, seeds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ackd_deploy.training.dropout import FastDropout, use_fast_dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_and_scale(p: float) -> None:
    torch.manual_seed(0)
    found = FastDropout(p)(torch.ones(1000, 1001))
    # A million draws: the standard deviation of the share is below 0.0005.
    assert float((found == 0).float().mean()) == pytest.approx(p, abs=0.003)
    assert found[found != 0].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 1023])
def test_any_number_of_elements(count: int) -> None:
    found = FastDropout(0.5)(torch.ones(count))
    assert found.shape == (count,)
    assert set(found.tolist()) <= {0.0, 2.0}


def test_the_gradient_goes_through_what_was_kept() -> None:
    x = torch.ones(200, requires_grad=True)
    y = FastDropout(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_elements_of_one_draw_are_independent() -> None:
    torch.manual_seed(1)
    kept = (FastDropout(0.5)(torch.ones(4 * 20000)) > 0).view(-1, 4).double()
    correlations = torch.corrcoef(kept.T) - torch.eye(4, dtype=torch.float64)
    assert float(correlations.abs().max()) < 0.03


def test_a_seed_fixes_the_mask_and_eval_mode_does_nothing() -> None:
    layer, x = FastDropout(0.3), torch.randn(7, 5)
    torch.manual_seed(3)
    first = layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), first)
    assert not torch.equal(layer(x), first)
    assert layer.eval()(x) is x


def test_half_precision_stays_half() -> None:
    assert FastDropout(0.1)(torch.ones(9, dtype=torch.bfloat16)).dtype is torch.bfloat16


def test_edges() -> None:
    assert torch.equal(FastDropout(0.0)(torch.ones(4)), torch.ones(4))
    assert torch.equal(FastDropout(1.0)(torch.ones(4)), torch.zeros(4))


def test_all_of_a_model_are_replaced() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2), nn.Sequential(nn.Dropout(0.3)))
    use_fast_dropout(model)
    assert [m.p for m in model.modules() if isinstance(m, FastDropout)] == [0.2, 0.3]
    use_fast_dropout(model)
    assert len(list(model.modules())) == 5
