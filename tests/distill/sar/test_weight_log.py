from __future__ import annotations

import pytest
import torch
from scipy.stats import pearsonr

from ackd_deploy.distill.sar.weight_log import HardestSamples, weight_statistics

ALL3 = torch.tensor([True, True, True])


def test_statistics_by_hand() -> None:
    weights = torch.tensor([2.0, 0.5, 0.5, 7.0])
    loss = torch.tensor([3.0, 1.0, 2.0, 9.0])
    counted = torch.tensor([True, True, True, False])
    found = weight_statistics(weights, loss, counted)
    # (sum w)^2 / sum w^2 = 9 / 4.5 = 2 of 3 samples
    assert found["mean"] == 1.0
    assert found["largest"] == 2.0
    assert found["effective"] == 2.0
    assert found["effective_share"] == pytest.approx(2 / 3)
    assert found["without_negative"] == 1.0
    assert found["correlation"] == pytest.approx(pearsonr([2.0, 0.5, 0.5], [3.0, 1.0, 2.0]).statistic)


def test_statistics_are_means_over_layers() -> None:
    weights = torch.tensor([[2.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    loss = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    found = weight_statistics(weights, loss, ALL3)
    assert found["effective"] == pytest.approx((9 / 5 + 3) / 2)
    assert found["largest"] == 1.5
    assert found["correlation"] == pytest.approx(1.0)  # the second layer's weights are constant: it has none


def test_statistics_where_nothing_can_be_said() -> None:
    assert weight_statistics(torch.ones(3), torch.rand(3), ALL3)["correlation"] is None
    nothing = weight_statistics(torch.zeros(2, 3), torch.zeros(2, 3), ~ALL3)
    assert nothing.pop("without_negative") == 3.0
    assert set(nothing.values()) == {None}


def test_hardest_by_hand() -> None:
    hardest = HardestSamples(6)
    first_loss, second_loss = torch.tensor([8.0, 1.0, 9.0]), torch.tensor([[1.0, 4.0, 2.0], [2.0, 6.0, 4.0]])
    hardest.update(
        torch.tensor([0, 4, 2]), torch.tensor([1.0, 3.0, 9.0]), first_loss, torch.tensor([True, True, False])
    )
    hardest.update(torch.tensor([4, 5, 0]), torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 1.0]]), second_loss, ALL3)
    # weights 4: (3 + 1.5)/2 = 2.25; 5: 3; 0: 1; losses 4: (1 + 1.5)/2; 5: 5; 0: (8 + 3)/2; 2 was never weighed
    expected = [(5, 3.0, 5.0, 1), (4, 2.25, 1.25, 2), (0, 1.0, 5.5, 2)]
    assert hardest.hardest(10) == expected
    assert [sample.row for sample in hardest.hardest(1)] == [5]
    assert [sample.row for sample in hardest.hardest(2, by="loss")] == [0, 5]
    assert HardestSamples(3).hardest(5) == []


def test_halves_merge_to_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    whole, parts = HardestSamples(50), [HardestSamples(50), HardestSamples(50)]
    for step in range(20):
        rows = torch.randperm(50, generator=generator)[:8]
        weights = torch.rand(3, 8, generator=generator)
        counted = torch.rand(8, generator=generator) < 0.8
        loss = torch.rand(3, 8, generator=generator)
        whole.update(rows, weights, loss, counted)
        parts[step % 2].update(rows, weights, loss, counted)
    parts[0].merge(parts[1])
    assert [(s.row, s.times) for s in parts[0].hardest(50)] == [(s.row, s.times) for s in whole.hardest(50)]
    assert [s.weight for s in parts[0].hardest(50)] == pytest.approx([s.weight for s in whole.hardest(50)])
    with pytest.raises(ValueError, match="merged"):
        whole.merge(HardestSamples(49))


def test_state_survives_safetensors() -> None:
    from safetensors.torch import load, save

    hardest = HardestSamples(4)
    hardest.update(torch.tensor([1, 3, 0]), torch.tensor([0.1, 2.0, 0.9]), torch.rand(3), ALL3)
    again = HardestSamples(4)
    again.load_state_dict(load(save(hardest.state_dict())))
    assert again.hardest(4) == hardest.hardest(4)
    hardest.update(torch.tensor([1, 3, 0]), torch.tensor([5.0, 2.0, 0.9]), torch.rand(3), ALL3)
    assert again.hardest(1)[0].row == 3, "the state is a copy"
    with pytest.raises(ValueError, match="4 rows"):
        again.load_state_dict(HardestSamples(5).state_dict())
    with pytest.raises(ValueError, match="4 rows"):
        again.load_state_dict({"weight": torch.zeros(4)})
