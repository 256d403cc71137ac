"""The recipe's sections ``distill.cdl`` and ``distill.sar``: the contrastive loss and the weights of its samples.

Marks in the descriptions say where a choice comes from: [P] the paper's abstract, [R] a relative's paper or released
code, [I] our own design.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ackd_deploy.recipe.sections.base import Count, NonNegative, Positive, Section, Share

__all__ = ["Cdl", "Negatives", "Sar"]


class Negatives(Section):
    """Which samples a sample is pushed away from, and where they come from."""

    source: Literal["bank", "batch"] = Field(
        "bank",
        description="'bank': rows drawn anew at each step from the teacher's features of all training rows [I]; "
        "'batch': the other rows of the mini-batch. [R: LRC-BERT]",
    )
    rule: Literal["label", "all"] = Field(
        "label",
        description="'label': samples of another label [R: CRD, CoDIR]; 'all': all other samples. [R: LRC-BERT]",
    )
    count: Count = Field(512, description="Rows drawn from the bank at each step (source 'bank'). [I]")
    regression_gap: NonNegative | None = Field(
        None,
        description="Regression with rule 'label': negatives' targets differ by more than this, in the target's unit; "
        "absent: all other samples. [I]",
    )


class Cdl(Section):
    """CDL, the contrastive distillation loss on hidden states [P]."""

    temperature: Positive = Field(
        0.1, description="τ, by which cosines are divided in the contrastive softmax; smaller is harder. [R: InfoNCE]"
    )
    pooling: Literal["mean", "cls"] = Field(
        "mean",
        description="A text's feature: the mean over its tokens [R: CoDIR's paper] or its first position. "
        "[R: CoDIR's code, PKD]",
    )
    projection: bool = Field(
        False,
        description="A linear projection for each mapped layer on the student's side, dropped after training, also "
        "where the widths are equal; where they differ there always is one. [R: CRD, CoDIR]",
    )
    layer_weights: list[NonNegative] | None = Field(
        None, description="Relative weight of each student layer in the mean over layers; absent: equal. [I]"
    )
    negatives: Negatives = Field(Negatives(), description="Which samples are negatives.")


class Sar(Section):
    """SAR, sample adaptive reweighting of the contrastive loss [P]. Used by method ``ackd``."""

    mode: Literal["predictor", "margin", "exponential", "focal", "uniform", "shuffled"] = Field(
        "predictor",
        description="How a sample's weight follows from its features: 'predictor' by its predicted margin, 'margin' "
        "by the measured one, 'exponential' by its loss [I], 'focal' by the positive's share of the softmax [R: Lin "
        "et al. 2017]; 'uniform' and 'shuffled' are controls. [I]",
    )
    temperature: Positive = Field(
        0.5,
        description="λ, by which margins or losses are divided in the softmax over samples: smaller means sharper "
        "weights. [I]",
    )
    gamma: NonNegative = Field(2.0, description="γ, the exponent of mode 'focal'. [R: Lin et al. 2017]")
    min_weight: NonNegative = Field(
        0.1, description="Smallest weight of a sample, below 1; the mean over the batch is 1. [I]"
    )
    max_weight: Positive = Field(5.0, description="Largest weight of a sample, above 1. [I]")
    warmup_ratio: Share = Field(0.1, description="First share of the steps, in which all weights are 1. [I]")
    predictor_hidden: Count = Field(128, description="Hidden units of the network that predicts the margin. [I]")
    predictor_learning_rate: Positive = Field(1e-3, description="Learning rate of that network's own Adam. [I]")

    @model_validator(mode="after")
    def _weights_enclose_one(self) -> Sar:
        if not self.min_weight < 1.0 < self.max_weight:
            raise ValueError("min_weight must be below 1 and max_weight above 1, since the mean weight is 1")
        return self
