"""The sign of SAR: after training, the planted hard samples carry more weight than the rest (METHOD.md, the trap)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from ackd_deploy.distill.losses.contrastive import Contrast, adaptive_mean, cdl, negative_mask
from ackd_deploy.distill.losses.features import normalize
from ackd_deploy.distill.sar.weight_log import HardestSamples, weight_statistics
from ackd_deploy.distill.sar.weights import DifficultyPredictor, predictor_loss, sample_weights

ROWS, WIDTH, HARD, LAYERS = 400, 16, 24, 2


@dataclass
class Planted:
    """Two classes of features; the first HARD rows, of both classes, lie between them: alike, unlike in meaning."""

    inputs: Tensor
    teacher: Tensor
    labels: Tensor


def plant(seed: int) -> Planted:
    generator = torch.Generator().manual_seed(seed)
    centers = normalize(torch.randn(2, LAYERS, WIDTH, generator=generator))
    labels = torch.arange(ROWS) % 2
    middle = centers[labels]
    middle[:HARD] = centers.mean(0)
    features = middle.transpose(0, 1) + 0.2 * torch.randn(LAYERS, ROWS, WIDTH, generator=generator)
    teacher = normalize(features)
    mixing = torch.randn(WIDTH, WIDTH, generator=generator) / WIDTH**0.5
    inputs = teacher @ mixing + 0.05 * torch.randn(LAYERS, ROWS, WIDTH, generator=generator)
    return Planted(inputs, teacher, labels)


def contrast_of(student: nn.Module, data: Planted, rows: Tensor) -> tuple[Tensor, Contrast]:
    features = normalize(student(data.inputs[:, rows]))
    everyone = torch.arange(ROWS)
    mask = negative_mask("single_label_classification", data.labels[rows], data.labels, rows, everyone)
    return features, cdl(features, data.teacher[:, rows], data.teacher, mask, 0.1)


def train(data: Planted, seed: int, *, trap: bool = False) -> tuple[nn.Module, DifficultyPredictor, HardestSamples]:
    """The adaptive contrastive loss with the real parts; ``trap`` trains the predictor on it too, as one must not."""
    torch.manual_seed(seed)
    student = nn.Linear(WIDTH, WIDTH)
    predictor = DifficultyPredictor(WIDTH, LAYERS, hidden=32)
    optimizer = torch.optim.AdamW(student.parameters(), lr=5e-3)
    own_optimizer = torch.optim.AdamW(predictor.parameters(), lr=3e-3)
    hardest = HardestSamples(ROWS)
    for step in range(300):
        rows = torch.randperm(ROWS)[:32]
        features, found = contrast_of(student, data, rows)
        predicted = predictor(features, data.teacher[:, rows])
        weights = sample_weights("predictor", found, predicted=predicted)
        if step > 100:
            hardest.update(rows, weights, found.loss, found.has_negative)
        own_optimizer.zero_grad()
        if trap:
            (torch.softmax(-predicted / 0.5, dim=-1) * found.loss.detach()).sum(-1).mean().backward()
        else:
            predictor_loss(predicted, found).backward()
        own_optimizer.step()
        optimizer.zero_grad()
        adaptive_mean(found.loss, weights, found.has_negative).backward()
        optimizer.step()
    return student, predictor, hardest


def judge(data: Planted, student: nn.Module, predictor: DifficultyPredictor) -> tuple[Tensor, Contrast]:
    with torch.no_grad():
        features, found = contrast_of(student, data, torch.arange(ROWS))
        return sample_weights("predictor", found, predicted=predictor(features, data.teacher)), found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_hard_samples_carry_more_weight(seed: int) -> None:
    data = plant(seed)
    student, predictor, hardest = train(data, seed)
    weights, found = judge(data, student, predictor)
    # The planting worked: they are the less discriminative ones, also once the student has learnt.
    assert found.margin[:, :HARD].mean() < found.margin[:, HARD:].mean() - 0.1
    for layer in range(LAYERS):
        assert weights[layer, :HARD].mean() > 1.2 * weights[layer, HARD:].mean()
    torch.testing.assert_close(weights.mean(-1), torch.ones(LAYERS), rtol=0, atol=1e-6)
    correlation = weight_statistics(weights, found.loss, found.has_negative)["correlation"]
    assert correlation is not None
    assert correlation > 0.4
    # The log names them: chance would put 1 or 2 of them among the first 24.
    planted = sum(sample.row < HARD for sample in hardest.hardest(HARD))
    assert planted > HARD / 3


@pytest.mark.parametrize("seed", [0, 1])
def test_the_mean_loss_finds_mislabeled_rows(seed: int) -> None:
    """Flipped labels deep inside a class: the predictor, which sees no label, cannot find them; the loss does."""
    data = plant(seed)
    flipped = torch.arange(HARD, 2 * HARD)
    data.labels[flipped] = 1 - data.labels[flipped]
    _, _, hardest = train(data, seed)
    suspects = {sample.row for sample in hardest.hardest(2 * HARD, by="loss")}
    assert len(suspects & set(flipped.tolist())) > 0.75 * HARD


def test_the_trap_would_turn_the_sign() -> None:
    """A predictor that minimizes the weighted loss favors the easy samples: why predictor_loss is a regression."""
    data = plant(0)
    student, predictor, _ = train(data, 0, trap=True)
    weights, found = judge(data, student, predictor)
    assert weights[:, :HARD].mean() < weights[:, HARD:].mean()
    correlation = weight_statistics(weights, found.loss, found.has_negative)["correlation"]
    assert correlation is not None
    assert correlation < 0


def test_weights_follow_the_student() -> None:
    """They change as it learns, and what it has mastered loses weight (C5)."""
    data = plant(3)
    torch.manual_seed(0)
    student = nn.Linear(WIDTH, WIDTH)
    with torch.no_grad():
        _, before = contrast_of(student, data, torch.arange(ROWS))
        first = sample_weights("margin", before)
    trained, _, _ = train(data, 3)
    with torch.no_grad():
        _, after = contrast_of(trained, data, torch.arange(ROWS))
        last = sample_weights("margin", after)
    assert after.loss.mean() < before.loss.mean()
    improved = torch.corrcoef(torch.stack([(after.margin - before.margin).flatten(), (last - first).flatten()]))
    assert improved[0, 1] < 0
