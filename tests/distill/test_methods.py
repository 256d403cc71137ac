"""The table of methods."""

from __future__ import annotations

from typing import get_args

from ackd_deploy.distill.methods import LossWeights, loss_weights, poolings
from ackd_deploy.recipe.sections import Distill, Method


def test_every_method_and_its_loss_on_hidden_states() -> None:
    assert {method: loss_weights(method, Distill()).feature for method in get_args(Method)} == {
        "finetune": "none",
        "kd": "none",
        "pkd": "pkd",
        "rkd": "rkd",
        "codir": "codir",
        "cdl": "cdl",
        "ackd": "cdl",
    }


def test_only_finetune_needs_no_teacher() -> None:
    assert [m for m in get_args(Method) if not loss_weights(m, Distill()).needs_bank] == ["finetune"]


def test_finetune_keeps_the_full_weight_of_the_labels() -> None:
    assert loss_weights("finetune", Distill(ce_weight=0.2)) == LossWeights(ce=1.0)


def test_the_ablation_changes_one_thing_at_a_time() -> None:
    distill = Distill()
    kd, cdl, ackd = (loss_weights(m, distill) for m in ("kd", "cdl", "ackd"))
    assert (kd.ce, kd.kd) == (cdl.ce, cdl.kd) == (ackd.ce, ackd.kd)
    assert (kd.feature, cdl.feature, ackd.feature) == ("none", "cdl", "cdl")
    assert (cdl.feature_weight, cdl.pooling) == (ackd.feature_weight, ackd.pooling)
    assert (cdl.sar, ackd.sar) == ("uniform", "predictor")


def test_poolings_for_the_bank() -> None:
    assert poolings(["finetune", "kd"], Distill()) == ()
    assert poolings(["ackd", "kd"], Distill()) == ("mean",)
    assert poolings(["ackd", "codir", "pkd"], Distill()) == ("cls", "mean")


def test_a_method_can_have_a_weight_of_its_own() -> None:
    distill = Distill(feature_weight=5.0, feature_weights={"pkd": 0.25})
    assert [loss_weights(m, distill).feature_weight for m in ("kd", "pkd", "rkd", "cdl", "ackd")] == [
        0.0,
        0.25,
        5.0,
        5.0,
        5.0,
    ]
