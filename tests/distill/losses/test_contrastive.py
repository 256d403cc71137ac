from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from torch import Tensor
from torch.autograd import gradcheck

from ackd_deploy.distill.losses.contrastive import adaptive_mean, cdl, draw_rows, negative_mask
from ackd_deploy.distill.losses.features import normalize

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def unit(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype))


def test_cdl_by_hand() -> None:
    # Similarities: own 1; negatives 0 and 0.6. With tau = 1/ln 2, exp(s/tau) = 2^s.
    student = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    negatives = torch.tensor([[0.0, 1.0], [0.6, 0.8]])
    mask = torch.tensor([[True, False], [True, True]])
    result = cdl(student, student, negatives, mask, 1 / math.log(2.0))
    shares = [2 / (2 + 1), 2 / (2 + 1 + 2**0.6)]
    assert result.probability.tolist() == pytest.approx(shares, rel=1e-6)
    assert result.loss.tolist() == pytest.approx([-math.log(p) for p in shares], rel=1e-6)
    assert result.margin.tolist() == pytest.approx([1.0, 0.4], rel=1e-6)
    assert result.has_negative.tolist() == [True, True]


def test_cdl_against_the_formula_for_several_layers() -> None:
    student, positive, negatives = unit(3, 5, 8), unit(3, 5, 8, seed=1), unit(3, 7, 8, seed=2)
    mask = torch.rand(5, 7, generator=torch.Generator().manual_seed(3)) < 0.5
    mask[:, 0] = True
    result = cdl(student, positive, negatives, mask, 0.2)
    for m in range(3):
        for i in range(5):
            s, t, n = student[m, i].numpy(), positive[m, i].numpy(), negatives[m].numpy()
            own, others = s @ t, n[mask[i].numpy()] @ s
            expected = logsumexp(np.concatenate([[own], others]) / 0.2) - own / 0.2
            assert result.loss[m, i].item() == pytest.approx(expected, rel=1e-12)
            assert result.margin[m, i].item() == pytest.approx(own - others.max(), rel=1e-12)
    single = cdl(student[1], positive[1], negatives[1], mask, 0.2)
    torch.testing.assert_close(single.loss, result.loss[1])


def test_limits() -> None:
    student, positive, negatives = unit(4, 6), unit(4, 6, seed=1), unit(9, 6, seed=2)
    mask = torch.ones(4, 9, dtype=torch.bool)
    # All similarities count the same when the temperature is large: the share is 1/(1 + K).
    hot = cdl(student, positive, negatives, mask, 1e9)
    torch.testing.assert_close(hot.loss, torch.full((4,), math.log(10.0), dtype=torch.float64))
    # When it is small only the hardest negative counts: tau * l tends to max(0, -d).
    cold = cdl(student, positive, negatives, mask, 1e-4)
    torch.testing.assert_close(cold.loss * 1e-4, (-cold.margin).clamp(min=0), rtol=0, atol=1e-3)
    # A candidate that equals the positive halves the share.
    twin = cdl(student, positive, positive, torch.eye(4, dtype=torch.bool), 0.1)
    torch.testing.assert_close(twin.probability, torch.full((4,), 0.5, dtype=torch.float64))


@pytest.mark.parametrize("temperature", [1e-3, 1e-6])
def test_no_overflow_in_float32(temperature: float) -> None:
    student = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    negatives = torch.tensor([[-1.0, 0.0]])
    result = cdl(student, teacher, negatives, torch.ones(2, 1, dtype=torch.bool), temperature)
    (gradient,) = torch.autograd.grad(result.loss.sum(), student)
    assert result.loss[0].item() == 0.0
    assert result.loss[1].item() == pytest.approx(2 / temperature, rel=1e-5)
    assert bool(gradient.isfinite().all())


def test_a_small_loss_keeps_its_digits() -> None:
    # l = log(1 + e^-30) = 9.4e-14: a plain -log softmax in float32 would say 0.
    student = torch.tensor([[1.0, 0.0]])
    result = cdl(student, student, torch.tensor([[-0.5, 0.0]]), torch.tensor([[True]]), 0.05)
    assert result.loss.item() == pytest.approx(math.exp(-30.0), rel=1e-5)


def test_a_sample_without_negatives_stays_out() -> None:
    student = unit(3, 6).requires_grad_()
    mask = torch.tensor([[True, True], [False, False], [False, True]])
    result = cdl(student, unit(3, 6, seed=1), unit(2, 6, seed=2), mask, 0.1)
    assert result.has_negative.tolist() == [True, False, True]
    assert (result.loss[1].item(), result.probability[1].item(), result.margin[1].item()) == (0.0, 1.0, 0.0)
    mean = adaptive_mean(result.loss, torch.ones(3), result.has_negative)
    torch.testing.assert_close(mean, (result.loss[0] + result.loss[2]) / 2)
    (gradient,) = torch.autograd.grad(mean, student)
    assert bool(gradient.isfinite().all())
    assert float(gradient[1].abs().max()) == 0.0
    assert float(gradient[0].abs().max()) > 0.0


@pytest.mark.parametrize("candidates", [0, 4])
def test_a_batch_without_negatives_is_zero_and_differentiable(candidates: int) -> None:
    student = unit(2, 3, 6).requires_grad_()
    mask = torch.zeros(3, candidates, dtype=torch.bool)
    result = cdl(student, unit(2, 3, 6, seed=1), unit(2, candidates, 6, seed=2), mask, 0.1)
    mean = adaptive_mean(result.loss, torch.zeros(2, 3), result.has_negative)
    (gradient,) = torch.autograd.grad(mean, student)
    assert mean.item() == 0.0
    assert torch.equal(gradient, torch.zeros_like(student))


def test_candidates_that_are_no_negatives_change_nothing() -> None:
    student, positive, negatives = unit(3, 6), unit(3, 6, seed=1), unit(5, 6, seed=2)
    mask = torch.ones(3, 5, dtype=torch.bool)
    alone = cdl(student, positive, negatives, mask, 0.1)
    more = torch.cat([negatives, positive])
    padded = cdl(student, positive, more, torch.cat([mask, torch.zeros(3, 3, dtype=torch.bool)], 1), 0.1)
    torch.testing.assert_close(padded.loss, alone.loss)
    torch.testing.assert_close(padded.margin, alone.margin)


def test_only_the_student_gets_a_gradient() -> None:
    tensors = [unit(3, 6, seed=seed).requires_grad_() for seed in range(3)]
    result = cdl(*tensors, torch.ones(3, 3, dtype=torch.bool), 0.1)
    gradients = torch.autograd.grad(result.loss.sum(), tensors, allow_unused=True)
    assert [gradient is None for gradient in gradients] == [False, True, True]
    assert not result.probability.requires_grad
    assert not result.margin.requires_grad


def test_the_arithmetic_is_float32_under_autocast_and_float64_stays() -> None:
    student, positive, negatives = (unit(4, 64, seed=seed, dtype=torch.float32) for seed in range(3))
    mask = torch.ones(4, 4, dtype=torch.bool)
    plain = cdl(student, positive, negatives, mask, 0.05)
    with torch.autocast("cpu", torch.bfloat16):
        under = cdl(student, positive, negatives, mask, 0.05)
    assert torch.equal(under.loss, plain.loss)
    half = cdl(student.bfloat16(), positive.half(), negatives.half(), mask, 0.05)
    assert half.loss.dtype == torch.float32
    assert cdl(student.double(), positive, negatives, mask, 0.05).loss.dtype == torch.float64


def test_gradients() -> None:
    positive, negatives = unit(2, 3, 5, seed=1), unit(2, 4, 5, seed=2)
    mask = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.bool)
    student = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(7), dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda h: cdl(normalize(h), positive, negatives, mask, 0.2).loss, (student,))

    def total(hidden: Tensor) -> Tensor:
        result = cdl(normalize(hidden), positive, negatives, mask, 0.2)
        weights = torch.tensor([[1.5, 0.0, 0.5], [0.4, 0.0, 1.6]], dtype=torch.float64)
        return adaptive_mean(result.loss, weights, result.has_negative, torch.tensor([1.0, 2.0]))

    assert gradcheck(total, (student,))


def test_shapes_are_checked() -> None:
    feature = unit(3, 6)
    mask = torch.ones(3, 3, dtype=torch.bool)
    for bad in (
        (feature, feature[:2], feature, mask),
        (feature, feature, feature[:, :5], mask),
        (feature, feature, feature, mask[:, :2]),
        (feature, feature, feature, mask.long()),
        (feature, feature, feature.unsqueeze(0), mask),
    ):
        with pytest.raises(ValueError, match="do not agree"):
            cdl(*bad, 0.1)
    with pytest.raises(ValueError, match="temperature"):
        cdl(feature, feature, feature, mask, 0.0)


def test_adaptive_mean_by_hand() -> None:
    loss = torch.tensor([[1.0, 2.0, 9.0], [3.0, 5.0, 9.0]])
    weights = torch.tensor([[0.5, 1.5, 7.0], [1.0, 1.0, 7.0]], requires_grad=True)
    counted = torch.tensor([True, True, False])
    # layers: (0.5 + 3)/2 = 1.75 and (3 + 5)/2 = 4
    assert adaptive_mean(loss, weights, counted).item() == pytest.approx((1.75 + 4) / 2)
    assert adaptive_mean(loss, weights, counted, torch.tensor([3.0, 1.0])).item() == pytest.approx((3 * 1.75 + 4) / 4)
    assert adaptive_mean(loss, weights, counted, torch.zeros(2)).item() == 0.0
    assert adaptive_mean(loss[0], weights[0], counted).item() == pytest.approx(1.75)
    assert not adaptive_mean(loss, weights, counted).requires_grad
    with pytest.raises(ValueError, match="layer weights"):
        adaptive_mean(loss, weights, counted, torch.ones(3))


def test_adaptive_mean_does_not_depend_on_the_batch_size() -> None:
    loss, weights = torch.rand(2, 4), torch.rand(2, 4)
    counted = torch.tensor([True, True, False, True])
    twice = adaptive_mean(loss.repeat(1, 2), weights.repeat(1, 2), counted.repeat(2))
    torch.testing.assert_close(twice, adaptive_mean(loss, weights, counted))


ROWS, OTHER_ROWS = torch.tensor([7, 8]), torch.tensor([5, 8, 9])


def test_negatives_of_single_labels() -> None:
    mask = negative_mask(SINGLE, torch.tensor([0, 2]), torch.tensor([1, 2, 0]), ROWS, OTHER_ROWS)
    assert mask.tolist() == [[True, True, False], [True, False, True]]


def test_negatives_of_label_sets() -> None:
    labels = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    others = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    mask = negative_mask(MULTI, labels, others, ROWS, OTHER_ROWS)
    assert mask.tolist() == [[False, True, True], [True, False, True]]


def test_negatives_of_targets() -> None:
    labels, others = torch.tensor([0.0, 2.0]), torch.tensor([0.5, 2.0, 1.0])
    mask = negative_mask(REGRESSION, labels, others, ROWS, OTHER_ROWS, gap=1.0)
    assert mask.tolist() == [[False, True, False], [True, False, False]]  # a distance of exactly 1 is not more than 1
    everyone = negative_mask(REGRESSION, labels[:, None], others[:, None], ROWS, OTHER_ROWS)
    assert everyone.tolist() == [[True, True, True], [True, False, True]]


@pytest.mark.parametrize("problem", [SINGLE, MULTI, REGRESSION])
def test_rule_all_leaves_out_only_the_sample_itself(problem: str) -> None:
    labels = torch.zeros(2, 2) if problem == MULTI else torch.zeros(2)
    others = torch.zeros(3, 2) if problem == MULTI else torch.zeros(3)
    mask = negative_mask(problem, labels, others, ROWS, OTHER_ROWS, rule="all")
    assert mask.tolist() == [[True, True, True], [True, False, True]]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_within_a_batch_being_a_negative_is_mutual(labels: list[int]) -> None:
    ids, rows = torch.tensor(labels), torch.arange(len(labels))
    mask = negative_mask(SINGLE, ids, ids, rows, rows)
    assert torch.equal(mask, mask.T)
    assert not bool(mask.diagonal().any())
    assert int(mask.sum()) == sum(a != b for a in labels for b in labels)


def test_unknown_rules_are_refused() -> None:
    ids = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="unknown rule"):
        negative_mask(SINGLE, ids, ids, ids, ids, rule="nearest")
    with pytest.raises(ValueError, match="unknown problem type"):
        negative_mask("ranking", ids, ids, ids, ids)


@settings(max_examples=50)
@given(st.integers(1, 300), st.integers(1, 400), st.integers(0, 2**32 - 1), st.integers(0, 10**6))
def test_drawn_rows_are_different_and_repeatable(total: int, count: int, seed: int, step: int) -> None:
    rows = draw_rows(total, count, seed, step)
    assert rows.dtype == np.int64
    assert len(rows) == len(set(rows.tolist())) == min(count, total)
    assert 0 <= rows.min() <= rows.max() < total
    assert np.array_equal(rows, draw_rows(total, count, seed, step))


def test_every_row_is_drawn_equally_often_and_each_step_anew() -> None:
    counts = np.zeros(20)
    for step in range(2000):
        counts[draw_rows(20, 5, 3, step)] += 1
    # 500 +- 5 standard deviations of sqrt(2000 * .25 * .75) = 19.4
    assert counts.min() > 400
    assert counts.max() < 600
    assert not np.array_equal(draw_rows(1000, 10, 3, 0), draw_rows(1000, 10, 3, 1))
