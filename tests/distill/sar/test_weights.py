from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ackd_deploy.distill.losses.contrastive import Contrast
from ackd_deploy.distill.sar.weights import (
    MODES,
    DifficultyPredictor,
    bounded_mean_one,
    predictor_loss,
    sample_weights,
)

WIDE = {"min_weight": 0.0, "max_weight": 1e9}


def contrast(loss: Tensor, margin: Tensor | None = None, has_negative: Tensor | None = None) -> Contrast:
    everyone = torch.ones(loss.shape[-1], dtype=torch.bool)
    return Contrast(
        loss,
        torch.exp(-loss.detach()),
        torch.zeros_like(loss) if margin is None else margin,
        everyone if has_negative is None else has_negative,
    )


def test_weights_by_hand_where_no_bound_bites() -> None:
    ln2, ln3 = math.log(2.0), math.log(3.0)
    # d = 0, ln 2 with lambda = 1: e^0 : e^-ln2 = 2 : 1, with mean 1.
    margins = torch.tensor([0.0, ln2])
    given_loss = contrast(torch.tensor([ln3, 0.0]), margins)
    assert sample_weights("margin", given_loss, temperature=1.0, **WIDE).tolist() == pytest.approx([4 / 3, 2 / 3])
    assert sample_weights(
        "predictor", given_loss, predicted=-margins, temperature=0.5, **WIDE
    ).tolist() == pytest.approx(
        [2 / 5, 8 / 5]  # half the temperature squares the ratio: 1 : 4
    )
    assert sample_weights("exponential", given_loss, temperature=1.0, **WIDE).tolist() == pytest.approx([3 / 2, 1 / 2])
    # p = 1/3 and 1/2 with gamma = 2: (2/3)^2 : (1/2)^2 = 16 : 9
    halves = contrast(torch.tensor([ln3, ln2]))
    assert sample_weights("focal", halves, gamma=2.0, **WIDE).tolist() == pytest.approx([32 / 25, 18 / 25])
    assert sample_weights("focal", halves, gamma=0.0, **WIDE).tolist() == [1.0, 1.0]
    assert sample_weights("uniform", halves).tolist() == [1.0, 1.0]


def test_softmax_of_the_method() -> None:
    predicted = torch.randn(3, 8, generator=torch.Generator().manual_seed(0)).double()
    weights = sample_weights("predictor", contrast(torch.zeros(3, 8).double()), predicted=predicted, **WIDE)
    torch.testing.assert_close(weights, 8 * torch.softmax(-predicted / 0.5, dim=-1))


def test_clipping_by_hand() -> None:
    # 8 : 1 : 1 : 2 -> 8/3, 1/3, 1/3, 2/3. With the bound 2, the other three share 2 as 1 : 1 : 2.
    score = torch.log(torch.tensor([8.0, 1.0, 1.0, 2.0]))
    everyone = torch.ones(4, dtype=torch.bool)
    assert bounded_mean_one(score, everyone, 0.1, 2.0).tolist() == pytest.approx([2.0, 0.5, 0.5, 1.0])
    # With a floor of 0.7 as well: 4 - 2 - 3 * 0.7 < 0, so the largest gives way: 1.9, 0.7, 0.7, 0.7.
    assert bounded_mean_one(score, everyone, 0.7, 2.0).tolist() == pytest.approx([1.9, 0.7, 0.7, 0.7])


scores = st.lists(
    st.one_of(st.floats(-5, 5), st.floats(-1e4, 1e4), st.just(-math.inf), st.just(0.0)), min_size=1, max_size=40
)


@settings(max_examples=300)
@given(scores, st.floats(0, 1), st.floats(1, 50), st.data())
def test_mean_one_within_the_bounds(values: list[float], low: float, high: float, data: st.DataObject) -> None:
    counted = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    score = torch.tensor(values, dtype=torch.float64)
    weights = bounded_mean_one(score, counted, low, high)
    assert weights.dtype == torch.float64
    assert torch.equal(weights[~counted], torch.zeros(int((~counted).sum()), dtype=torch.float64))
    kept = weights[counted]
    if kept.numel() == 0:
        return
    assert kept.mean().item() == pytest.approx(1.0, abs=1e-9)
    assert kept.min().item() >= low
    assert kept.max().item() <= high
    order = score[counted].argsort()
    assert bool((kept[order].diff() >= -1e-12).all()), "a larger score must not get a smaller weight"


def test_rows_are_independent_of_each_other() -> None:
    score = torch.randn(3, 9, generator=torch.Generator().manual_seed(0)) * 4
    counted = torch.tensor([True] * 7 + [False] * 2)
    together = bounded_mean_one(score, counted, 0.1, 3.0)
    for row in range(3):
        torch.testing.assert_close(together[row], bounded_mean_one(score[row], counted, 0.1, 3.0))
    torch.testing.assert_close(together[:, :7].mean(-1), torch.ones(3))


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.9), (1.1, 2.0), (-0.1, 2.0), (0.1, math.inf), (math.nan, 2.0)])
def test_bounds_without_one_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="mean 1"):
        bounded_mean_one(torch.zeros(3), torch.ones(3, dtype=torch.bool), low, high)


def fixed_contrast() -> tuple[Contrast, Tensor]:
    generator = torch.Generator().manual_seed(0)
    loss = (torch.rand(2, 12, generator=generator) * 8).requires_grad_()
    margin = 1 - loss.detach() / 4 + torch.rand(2, 12, generator=generator)
    has_negative = torch.ones(12, dtype=torch.bool)
    has_negative[[3, 8]] = False
    predicted = (margin * 0.9).requires_grad_()
    return contrast(loss, margin, has_negative), predicted


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_detached_weights_of_mean_one(mode: str) -> None:
    found, predicted = fixed_contrast()
    weights = sample_weights(
        mode, found, predicted=predicted, max_weight=2.0, generator=torch.Generator().manual_seed(1)
    )
    assert not weights.requires_grad
    torch.testing.assert_close(weights[:, found.has_negative].mean(-1), torch.ones(2), rtol=0, atol=1e-6)
    assert torch.equal(weights[:, ~found.has_negative], torch.zeros(2, 2))
    assert float(weights[:, found.has_negative].min()) >= 0.1
    assert float(weights.max()) <= 2.0


@pytest.mark.parametrize("mode", ["predictor", "margin", "exponential", "focal"])
def test_a_less_discriminative_sample_never_weighs_less(mode: str) -> None:
    margin = torch.linspace(-1.5, 1.5, 20)
    loss = torch.nn.functional.softplus(-margin / 0.1)
    weights = sample_weights(mode, contrast(loss, margin), predicted=margin)
    assert bool((weights.diff() <= 1e-6).all())
    assert weights[0] > weights[-1]
    assert torch.corrcoef(torch.stack([weights, loss]))[0, 1] > 0.3


@pytest.mark.parametrize("mode", MODES)
def test_extreme_values_stay_finite(mode: str) -> None:
    loss = torch.tensor([0.0, 1e-30, 2e4, 5.0])
    margin = torch.tensor([2.0, 1.9, -2.0, 0.0])
    for temperature in (1e-4, 1e4):
        weights = sample_weights(
            mode,
            contrast(loss, margin),
            predicted=margin,
            temperature=temperature,
            gamma=50.0,
            max_weight=3.0,
            generator=torch.Generator().manual_seed(0),
        )
        assert bool(weights.isfinite().all())
        assert weights.mean().item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_nobody_or_one_with_negatives(mode: str) -> None:
    loss = torch.tensor([1.0, 2.0])
    for has_negative, expected in (
        (torch.tensor([False, False]), [0.0, 0.0]),
        (torch.tensor([False, True]), [0.0, 1.0]),
    ):
        weights = sample_weights(
            mode,
            contrast(loss, has_negative=has_negative),
            predicted=loss,
            generator=torch.Generator().manual_seed(0),
        )
        assert weights.tolist() == expected


def test_shuffled_has_the_predictors_weights_in_another_order() -> None:
    found, predicted = fixed_contrast()
    plain = sample_weights("predictor", found, predicted=predicted)
    first, again, other = (
        sample_weights("shuffled", found, predicted=predicted, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first.sort(dim=-1).values, plain.sort(dim=-1).values)
    assert torch.equal(first == 0, plain == 0)
    # Every place gets every weight equally often: the mean over many orders is 1 everywhere.
    generator = torch.Generator().manual_seed(3)
    mean = torch.stack(
        [sample_weights("shuffled", found, predicted=predicted, generator=generator) for _ in range(2000)]
    ).mean(0)
    torch.testing.assert_close(mean[:, found.has_negative], torch.ones(2, 10), rtol=0, atol=0.12)


def test_refused() -> None:
    found, predicted = fixed_contrast()
    with pytest.raises(ValueError, match="unknown SAR mode"):
        sample_weights("hardest", found)
    with pytest.raises(ValueError, match="needs the predicted margin"):
        sample_weights("predictor", found)
    with pytest.raises(ValueError, match="needs the predicted margin"):
        sample_weights("shuffled", found, predicted=predicted[0])
    with pytest.raises(ValueError, match="needs a generator"):
        sample_weights("shuffled", found, predicted=predicted)
    with pytest.raises(ValueError, match="temperature"):
        sample_weights("margin", found, temperature=0.0)


def test_the_predictor_starts_with_equal_weights_and_touches_no_feature() -> None:
    torch.manual_seed(0)
    student, teacher = torch.nn.functional.normalize(torch.randn(2, 2, 5, 8), dim=-1).requires_grad_()
    predictor = DifficultyPredictor(8, layers=2, hidden=16)
    predicted = predictor(student, teacher)
    assert predicted.shape == (2, 5)
    assert torch.equal(predicted, torch.zeros(2, 5))
    assert torch.equal(sample_weights("predictor", contrast(torch.zeros(2, 5)), predicted=predicted), torch.ones(2, 5))
    torch.nn.init.normal_(predictor.outer.weight)
    outside = torch.autograd.grad(predictor(student, teacher).sum(), list(predictor.parameters()), allow_unused=True)
    assert all(gradient is not None for gradient in outside)
    assert predictor(student, teacher).grad_fn is not None
    assert torch.autograd.grad(predictor(student, teacher).sum(), student, allow_unused=True) == (None,)


def test_predictor_loss_by_hand() -> None:
    found = contrast(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 5.0]]), torch.tensor([True, True, False]))
    predicted = torch.tensor([[0.5, 1.0, -9.0]], requires_grad=True)
    value = predictor_loss(predicted, found)
    value.backward()
    assert value.item() == pytest.approx((0.25 + 1.0) / 2)
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [[-0.5, 1.0, 0.0]]
    nobody = contrast(torch.zeros(1, 1), has_negative=torch.tensor([False]))
    assert predictor_loss(predicted[:, :1], nobody).item() == 0.0
