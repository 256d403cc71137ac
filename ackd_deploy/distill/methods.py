"""What each method's loss is made of: a table, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ackd_deploy.recipe.sections import Distill

__all__ = ["Feature", "LossWeights", "loss_weights", "poolings"]

Feature = Literal["none", "pkd", "rkd", "codir", "cdl"]


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """The loss of one method: L = ce·CE + kd·T²·KL + feature_weight·feature loss.

    Attributes:
        ce: weight of the loss against the labels.
        kd: weight of the loss against the teacher's logits.
        feature: which loss on hidden states.
        feature_weight: its weight.
        pooling: of the hidden states.
        sar: SAR's mode, for ``feature`` cdl.
    """

    ce: float
    kd: float = 0.0
    feature: Feature = "none"
    feature_weight: float = 0.0
    pooling: Literal["mean", "cls"] = "mean"
    sar: str = "uniform"

    @property
    def needs_bank(self) -> bool:
        """Whether the loss needs anything of the teacher."""
        return self.kd > 0 or self.feature != "none"


def loss_weights(method: str, distill: Distill) -> LossWeights:
    """Return a method's loss under the recipe's weights.

    ``finetune`` is trained with the labels alone, at weight 1. PKD and CoDIR read [CLS], as their code does.
    """
    ce, kd = distill.ce_weight, distill.kd_weight
    weight = distill.feature_weights.get(method, distill.feature_weight)  # type: ignore[call-overload]
    own = distill.cdl.pooling
    table = {
        "finetune": LossWeights(ce=1.0),
        "kd": LossWeights(ce=ce, kd=kd),
        "pkd": LossWeights(ce=ce, kd=kd, feature="pkd", feature_weight=weight, pooling="cls"),
        "rkd": LossWeights(ce=ce, kd=kd, feature="rkd", feature_weight=weight, pooling=own),
        "codir": LossWeights(ce=ce, kd=kd, feature="codir", feature_weight=weight, pooling="cls"),
        "cdl": LossWeights(ce=ce, kd=kd, feature="cdl", feature_weight=weight, pooling=own),
        "ackd": LossWeights(ce=ce, kd=kd, feature="cdl", feature_weight=weight, pooling=own, sar=distill.sar.mode),
    }
    return table[method]


def poolings(methods: Iterable[str], distill: Distill) -> tuple[str, ...]:
    """Return the poolings that the bank must hold for these methods."""
    found = (loss_weights(method, distill) for method in methods)
    return tuple(sorted({weights.pooling for weights in found if weights.feature != "none"}))
