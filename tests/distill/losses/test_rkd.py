from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from ackd_deploy.distill.losses.rkd import rkd, rkd_angle, rkd_distance


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def huber(x: float) -> float:
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def test_distance_by_hand() -> None:
    # Teacher on a line at 0, 1, 3: distances 1, 3, 2, mean 2 -> 0.5, 1.5, 1.
    # Student at 0, 2, 4: distances 2, 4, 2, mean 8/3 -> 0.75, 1.5, 0.75. Differences 0.25, 0, -0.25.
    teacher, student = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.0], [2.0], [4.0]])
    expected = (huber(0.25) + huber(0) + huber(0.25)) / 3
    assert rkd_distance(student, teacher).item() == pytest.approx(expected)


def test_angle_by_hand() -> None:
    # Teacher: a right angle at the first point, 45 degrees at the others; student: a line, so cosines 1, -1 and 1.
    teacher = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    student = torch.tensor([[0.0], [1.0], [2.0]])
    expected = (huber(1 - 0.0) + huber(-1 - 0.5**0.5) + huber(1 - 0.5**0.5)) / 3
    assert rkd_angle(student, teacher).item() == pytest.approx(expected, rel=1e-6)


def test_against_a_loop_over_triples() -> None:
    student, teacher = random(5, 3), random(5, 7, seed=1)

    def cosine(x: Tensor, i: int, j: int, k: int) -> float:
        a, b = x[j] - x[i], x[k] - x[i]
        return float(a @ b / (a.norm() * b.norm()))

    triples = list(itertools.permutations(range(5), 3))
    angle = sum(huber(cosine(student, *t) - cosine(teacher, *t)) for t in triples) / len(triples)
    assert rkd_angle(student, teacher).item() == pytest.approx(angle, rel=1e-10)

    def relative(x: Tensor) -> dict[tuple[int, int], float]:
        pairs = {(i, j): float((x[i] - x[j]).norm()) for i, j in itertools.permutations(range(5), 2)}
        return {pair: value * len(pairs) / sum(pairs.values()) for pair, value in pairs.items()}

    ours, theirs = relative(student), relative(teacher)
    distance = sum(huber(ours[pair] - theirs[pair]) for pair in ours) / len(ours)
    assert rkd_distance(student, teacher).item() == pytest.approx(distance, rel=1e-10)
    assert rkd(student, teacher).item() == pytest.approx(distance + 2 * angle, rel=1e-10)


def test_scale_rotation_and_shift_cost_nothing() -> None:
    teacher = random(6, 4)
    rotation = torch.linalg.qr(random(4, 4, seed=1)).Q
    moved = 7.0 * teacher @ rotation + 3.0
    assert rkd(moved, teacher).item() == pytest.approx(0.0, abs=1e-15)


def test_gradients() -> None:
    student, teacher = random(4, 3).requires_grad_(), random(4, 5, seed=1)
    assert gradcheck(lambda x: rkd_distance(x, teacher), (student,))
    assert gradcheck(lambda x: rkd_angle(x, teacher), (student,))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_coinciding_samples_and_small_batches_stay_finite(count: int) -> None:
    student = torch.ones(count, 3, requires_grad=True)
    value = rkd(student, random(count, 3).float())
    (gradient,) = torch.autograd.grad(value, student)
    assert bool(value.isfinite())
    assert bool(gradient.isfinite().all())


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="do not agree"):
        rkd(random(3, 2), random(4, 2))
