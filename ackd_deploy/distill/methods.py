"""What each method's loss is made of: a table, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ackd_deploy.recipe.sections import Distill

__all__ = ["LossWeights", "loss_weights", "poolings"]

Feature = Literal["none", "pkd", "rkd", "codir", "cdl"]


@dataclass(frozen=True)
class LossWeights:
    """The terms of one method: L = ce·CE + kd·T²·KL + weight·feature loss.

    Attributes:
        ce: weight of the loss against the labels.
        kd: weight of the loss against the teacher's logits.
        feature: which feature loss.
        weight: its weight.
        pooling: of the hidden states.
        sar: how the samples of the contrastive loss are weighted.
    """

    ce: float
    kd: float = 0.0
    feature: Feature = "none"
    weight: float = 0.0
    pooling: Literal["mean", "cls"] = "mean"
    sar: str = "uniform"

    @property
    def needs_bank(self) -> bool:
        """Whether anything of the teacher is used."""
        return self.kd > 0 or self.feature != "none"


def loss_weights(method: str, distill: Distill) -> LossWeights:
    """Return the terms of a method under the recipe's weights.

    ``finetune`` is trained with the labels alone, at weight 1. PKD and CoDIR read [CLS], as their code does.
    """
    ce, kd = distill.ce_weight, distill.kd_weight
    weight = distill.feature_weights.get(method, distill.feature_weight)  # type: ignore[call-overload]
    own = distill.cdl.pooling
    table = {
        "finetune": LossWeights(1.0),
        "kd": LossWeights(ce, kd),
        "pkd": LossWeights(ce, kd, "pkd", weight, "cls"),
        "rkd": LossWeights(ce, kd, "rkd", weight, own),
        "codir": LossWeights(ce, kd, "codir", weight, "cls"),
        "cdl": LossWeights(ce, kd, "cdl", weight, own),
        "ackd": LossWeights(ce, kd, "cdl", weight, own, distill.sar.mode),
    }
    return table[method]


def poolings(methods: list[str], distill: Distill) -> tuple[str, ...]:
    """Return the poolings that the bank must hold for these methods."""
    return tuple(sorted({t.pooling for t in (loss_weights(m, distill) for m in methods) if t.feature != "none"}))
