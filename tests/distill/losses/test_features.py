from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from ackd_deploy.distill.losses.features import StudentProjection, normalize, pool, pool_layers

HIDDEN = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[5.0, 0.0], [7.0, 2.0], [0.0, 1.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


def test_mean_is_over_the_attended_positions() -> None:
    assert torch.equal(pool(HIDDEN, MASK, "mean"), torch.tensor([[2.0, 4.0], [4.0, 1.0]]))


def test_cls_is_the_first_position() -> None:
    assert torch.equal(pool(HIDDEN, MASK, "cls"), torch.tensor([[1.0, 2.0], [5.0, 0.0]]))


@pytest.mark.parametrize("how", ["mean", "cls"])
@pytest.mark.parametrize("filler", [0.0, 1e30, math.inf, math.nan])
def test_padding_changes_nothing(how: str, filler: float) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(4, 7, 5, generator=generator, dtype=torch.float64)
    mask = torch.ones(4, 7, dtype=torch.int64)
    longer = torch.cat([hidden, torch.full((4, 9, 5), filler, dtype=torch.float64)], dim=1)
    longer.requires_grad_()
    longer_mask = torch.cat([mask, torch.zeros(4, 9, dtype=torch.int64)], dim=1)
    pooled = pool(longer, longer_mask, how)
    torch.testing.assert_close(pooled, pool(hidden, mask, how), rtol=0, atol=1e-15)
    (gradient,) = torch.autograd.grad(pooled.sum(), longer)
    assert torch.equal(gradient[:, 7:], torch.zeros(4, 9, 5, dtype=torch.float64))
    assert bool(gradient.isfinite().all())


def test_padding_changes_nothing_in_a_real_encoder() -> None:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32)
    model = BertModel(config, add_pooling_layer=False).eval()
    ids = torch.randint(1, 50, (2, 6))
    padded = torch.cat([ids, torch.zeros(2, 5, dtype=torch.int64)], dim=1)
    mask = (padded > 0).long()
    with torch.no_grad():
        short = model(ids, attention_mask=mask[:, :6], output_hidden_states=True).hidden_states
        long = model(padded, attention_mask=mask, output_hidden_states=True).hidden_states
    for how in ("mean", "cls"):
        expected = normalize(pool_layers(short, mask[:, :6], (1, 3), how))
        actual = normalize(pool_layers(long, mask, (1, 3), how))
        assert actual.shape == (2, 2, 16)
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


def test_layers_are_counted_from_one() -> None:
    states = [torch.full((1, 2, 3), float(layer)) for layer in range(4)]
    pooled = pool_layers(states, torch.ones(1, 2), (3, 1))
    assert torch.equal(pooled[:, 0, 0], torch.tensor([3.0, 1.0]))
    for layer in (0, 4):
        with pytest.raises(ValueError, match="layers 1 to 3"):
            pool_layers(states, torch.ones(1, 2), (layer,))


def test_half_precision_is_summed_in_float32() -> None:
    # 1/4096 is lost beside 16 in bfloat16, and 3 x 60000 overflows float16.
    hidden = torch.full((1, 3, 1), 60000.0, dtype=torch.float16)
    assert pool(hidden, torch.ones(1, 3)).item() == 60000.0
    assert pool(hidden, torch.ones(1, 3)).dtype == torch.float32
    assert normalize(torch.tensor([[60000.0, 60000.0]], dtype=torch.float16))[0, 0].item() == pytest.approx(0.5**0.5)
    assert pool(HIDDEN.double(), MASK).dtype == torch.float64


def test_normalize() -> None:
    assert torch.equal(normalize(torch.tensor([[3.0, 4.0], [0.0, -2.0]])), torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


def test_normalize_is_safe_at_zero() -> None:
    features = torch.zeros(2, 3, requires_grad=True)
    unit = normalize(features)
    unit.sum().backward()
    assert torch.equal(unit, torch.zeros(2, 3))
    assert features.grad is not None
    assert float(features.grad.abs().max()) <= 1.0


def test_a_row_without_tokens_pools_to_zero() -> None:
    assert torch.equal(pool(HIDDEN, torch.zeros(2, 3), "mean"), torch.zeros(2, 2))


@pytest.mark.parametrize("how", ["mean", "cls"])
def test_gradients(how: str) -> None:
    hidden = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)

    def unit(values: Tensor) -> Tensor:
        return normalize(pool(values, MASK, how))

    assert gradcheck(unit, (hidden,))


def test_refused() -> None:
    with pytest.raises(ValueError, match="unknown pooling 'max'"):
        pool(HIDDEN, MASK, "max")
    with pytest.raises(ValueError, match="do not agree"):
        pool(HIDDEN, MASK[:, :2])


def test_projection_maps_each_layer_by_itself() -> None:
    projection = StudentProjection(2, 3, 4)
    features = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(2))
    projected = projection(features)
    assert projected.shape == (2, 5, 4)
    torch.testing.assert_close(projected[1], projection.maps[1](features[1]))
    with pytest.raises(ValueError, match="projection of 2 layers"):
        projection(features[:1])
