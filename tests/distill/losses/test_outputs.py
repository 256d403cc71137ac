from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy.special import rel_entr, softmax
from torch import Tensor
from torch.autograd import gradcheck

from ackd_deploy.distill.losses import outputs as losses

LN2 = math.log(2.0)
SINGLE, MULTI = "single_label_classification", "multi_label_classification"


def test_cross_entropy_by_hand() -> None:
    # softmax(ln 3, 0) = (3/4, 1/4)
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0], [5.0, 5.0]])
    expected = torch.tensor([math.log(4 / 3), math.log(4.0), LN2])
    torch.testing.assert_close(losses.cross_entropy(logits, torch.tensor([0, 1, 1])), expected)


def test_binary_cross_entropy_by_hand() -> None:
    # sigma(ln 3) = 3/4 and sigma(0) = 1/2
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
    labels = torch.tensor([[1, 0], [0, 1]])
    expected = torch.tensor([(math.log(4 / 3) + LN2) / 2, (math.log(4.0) + LN2) / 2])
    torch.testing.assert_close(losses.binary_cross_entropy(logits, labels), expected)


def test_class_weights_by_hand() -> None:
    # The sums of the tests above, with a class weighed 3 and 1/2.
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
    weights = torch.tensor([3.0, 0.5])
    found = losses.task_loss(SINGLE, logits, torch.tensor([0, 1]), class_weights=weights)
    torch.testing.assert_close(found, torch.tensor([3 * math.log(4 / 3), 0.5 * math.log(4.0)]))
    # Multi-label: the positive term alone is weighed.
    found = losses.task_loss(MULTI, logits, torch.tensor([[1, 0], [0, 1]]), class_weights=weights)
    torch.testing.assert_close(found, torch.tensor([(3 * math.log(4 / 3) + LN2) / 2, (math.log(4.0) + 0.5 * LN2) / 2]))
    with pytest.raises(ValueError, match="no classes"):
        losses.task_loss("regression", logits[:, :1], torch.tensor([1.0, 2.0]), class_weights=weights)


def test_squared_error_takes_a_column() -> None:
    predictions, targets = torch.tensor([[1.0], [-2.0]]), torch.tensor([3.0, -2.5])
    assert torch.equal(losses.squared_error(predictions, targets), torch.tensor([4.0, 0.25]))


def test_kd_kl_by_hand() -> None:
    # T = 2 halves the logits: teacher (3/4, 1/4), student (1/2, 1/2).
    teacher = torch.tensor([[2 * math.log(3.0), 0.0]])
    student = torch.zeros(1, 2)
    expected = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert losses.kd_kl(student, teacher, 2.0).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_kd_kl_against_scipy(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(6, 5, dtype=torch.float64, generator=generator)
    teacher = torch.randn(6, 5, dtype=torch.float64, generator=generator)
    p = softmax(teacher.numpy() / temperature, axis=-1)
    q = softmax(student.numpy() / temperature, axis=-1)
    expected = torch.from_numpy(temperature**2 * rel_entr(p, q).sum(-1))
    actual = losses.kd_kl(student, teacher, temperature)
    torch.testing.assert_close(actual, expected)
    batchmean = torch.nn.functional.kl_div(torch.from_numpy(q).log(), torch.from_numpy(p), reduction="batchmean")
    torch.testing.assert_close(actual.mean(), temperature**2 * batchmean)


@pytest.mark.parametrize("temperature", [1e3, 1e4])
def test_kd_kl_keeps_its_size_when_the_temperature_grows(temperature: float) -> None:
    # The limit: value (1/2C) sum (delta - mean)^2, gradient (delta_c - mean)/C. Without T^2 both would vanish.
    student = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[0.0, 3.0, 0.0]], dtype=torch.float64)
    value = losses.kd_kl(student, teacher, temperature)
    (gradient,) = torch.autograd.grad(value.sum(), student)
    # delta = (1, -5, .5), its mean -3.5/3
    mean = -3.5 / 3
    centerd = [1.0 - mean, -5.0 - mean, 0.5 - mean]
    assert value.item() == pytest.approx(sum(c * c for c in centerd) / 6, rel=20 / temperature)
    assert gradient[0].tolist() == pytest.approx([c / 3 for c in centerd], rel=20 / temperature)


def test_kd_binary_kl_is_the_two_way_kl_of_each_class() -> None:
    generator = torch.Generator().manual_seed(3)
    student = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    teacher = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    zero = torch.zeros(4, dtype=torch.float64)
    each = [
        losses.kd_kl(torch.stack([student[:, c], zero], 1), torch.stack([teacher[:, c], zero], 1), 3.0)
        for c in range(3)
    ]
    torch.testing.assert_close(losses.kd_binary_kl(student, teacher, 3.0), torch.stack(each, 1).mean(1))


@pytest.mark.parametrize("distill", [losses.kd_kl, losses.kd_binary_kl])
def test_kd_is_zero_for_equal_logits_and_never_negative(distill: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    generator = torch.Generator().manual_seed(4)
    teacher, student = torch.randn(2, 50, 4, generator=generator) * 5
    assert float(distill(teacher, teacher, 2.0).abs().max()) == 0.0
    assert float(distill(student, teacher, 2.0).min()) >= 0.0


@pytest.mark.parametrize("distill", [losses.kd_kl, losses.kd_binary_kl])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_kd_survives_extreme_logits(distill: Callable[[Tensor, Tensor, float], Tensor], dtype: torch.dtype) -> None:
    student = torch.tensor([[6e4, -6e4], [-6e4, 6e4]], dtype=dtype, requires_grad=True)
    teacher = torch.tensor([[-6e4, 6e4], [-6e4, 6e4]], dtype=dtype)
    value = distill(student, teacher, 1.0)
    (gradient,) = torch.autograd.grad(value.sum(), student)
    assert value.dtype == torch.float32
    assert bool(value.isfinite().all())
    assert value[1].item() == 0.0
    assert bool(gradient.isfinite().all())


def test_the_teacher_gets_no_gradient() -> None:
    teacher = torch.ones(1, 2, requires_grad=True)
    student = torch.zeros(1, 2, requires_grad=True)
    for problem in ("single_label_classification", "multi_label_classification", "regression"):
        value = losses.kd_loss(problem, student, teacher, 2.0).sum()
        assert torch.autograd.grad(value, [student, teacher], allow_unused=True)[1] is None


def test_dispatch_by_problem_type() -> None:
    logits, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.0]])
    ids, sets, targets = torch.tensor([1]), torch.tensor([[1.0, 0.0]]), torch.tensor([4.0])
    single, multi, regression = "single_label_classification", "multi_label_classification", "regression"
    assert torch.equal(losses.task_loss(single, logits, ids), losses.cross_entropy(logits, ids))
    assert torch.equal(losses.task_loss(multi, logits, sets), losses.binary_cross_entropy(logits, sets))
    assert losses.task_loss(regression, logits[:, :1], targets).tolist() == [9.0]
    assert torch.equal(losses.kd_loss(single, logits, other, 3.0), losses.kd_kl(logits, other, 3.0))
    assert torch.equal(losses.kd_loss(multi, logits, other, 3.0), losses.kd_binary_kl(logits, other, 3.0))
    assert losses.kd_loss(regression, logits[:, :1], other[:, :1], 3.0).tolist() == [0.25]
    with pytest.raises(ValueError, match="unknown problem type"):
        losses.task_loss("ranking", logits, ids)
    with pytest.raises(ValueError, match="unknown problem type"):
        losses.kd_loss("ranking", logits, other, 1.0)


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    teacher = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    sets = torch.tensor([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
    assert gradcheck(lambda z: losses.cross_entropy(z, torch.tensor([0, 3, 1])), (logits,))
    assert gradcheck(lambda z: losses.binary_cross_entropy(z, sets), (logits,))
    assert gradcheck(lambda z: losses.kd_kl(z, teacher, 2.0), (logits,))
    assert gradcheck(lambda z: losses.kd_binary_kl(z, teacher, 2.0), (logits,))
    assert gradcheck(lambda z: losses.squared_error(z[:, 0], teacher[:, 0]), (logits,))


def test_shapes_are_never_broadcast() -> None:
    with pytest.raises(ValueError, match="differ"):
        losses.squared_error(torch.zeros(3), torch.zeros(1))
    with pytest.raises(ValueError, match="differ"):
        losses.kd_kl(torch.zeros(3, 2), torch.zeros(1, 2), 1.0)
    with pytest.raises(ValueError, match="do not agree"):
        losses.cross_entropy(torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64))
    for temperature in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="temperature"):
            losses.kd_kl(torch.zeros(1, 2), torch.zeros(1, 2), temperature)
