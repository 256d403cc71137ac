"""The recipe's section ``distill``: the training of the student."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ackd_deploy.recipe.sections.base import Count, NonNegative, Optimization, Positive, Share
from ackd_deploy.recipe.sections.contrastive import Cdl, Sar
from ackd_deploy.recipe.sections.data import LabelName

__all__ = ["Distill", "Method"]

Method = Literal["finetune", "kd", "pkd", "rkd", "codir", "cdl", "ackd"]
MethodOrNone = Literal[Method, "none"]


class Distill(Optimization):
    """The training of the student."""

    method: MethodOrNone = Field(
        "ackd",
        description="What the loss is made of: 'finetune' (labels alone), 'kd' (and the teacher's logits), 'pkd', "
        "'rkd', 'codir', 'cdl' (and a loss on hidden states), 'ackd' (CDL with SAR). 'none': there is no student, "
        "and the teacher itself is exported.",
    )
    baselines: list[Method] = Field(
        [], description="Methods trained beside it from the same start and in the same order of rows, for the table."
    )
    tfidf: bool = Field(
        True,
        description="Fit a classifier without a network too, for the table: TF-IDF of words and pairs of words with "
        "logistic regression (regression: ridge), by scikit-learn on the same training rows, 100,000 at most.",
    )
    ce_weight: NonNegative = Field(
        0.5, description="Weight of the loss against the labels (cross-entropy); method 'finetune' has 1."
    )
    soft_label_weight: Share = Field(
        0.5,
        description="Part of data.soft_labels in the target of that loss, where a row has a label too: "
        "0 the label alone, 1 the soft labels alone. A row with one of them has that one as target. [I]",
    )
    kd_weight: NonNegative = Field(
        0.5, description="Weight of the loss against the teacher's logits, T²·KL. [R: Hinton et al. 2015]"
    )
    kd_temperature: Positive = Field(
        2.0, description="T, by which logits are divided in that loss; T² keeps its size. [R: Hinton et al. 2015]"
    )
    feature_weight: NonNegative = Field(
        0.5, description="Weight of the method's feature loss: CDL, or PKD's, RKD's and CoDIR's own. [I]"
    )
    feature_weights: dict[Method, NonNegative] = Field(
        {}, description="The same for single methods, in place of feature_weight: losses differ in size. [I]"
    )
    class_weights: Literal["balanced"] | Annotated[dict[LabelName, Positive], Field(min_length=1)] | None = Field(
        None,
        description="Weights of the classes in the loss against the labels, the teacher's fine-tuning included: "
        "'balanced' (rare classes count more), or a weight for each label, 1 where it has none. For multi-label "
        "tasks: of the rows that have the label. Absent: all 1. [R: King and Zeng 2001]",
    )
    cdl: Cdl = Field(Cdl(), description="The contrastive loss.")
    sar: Sar = Field(Sar(), description="The weights of its samples.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Of the matrix products; 'auto': bf16 where the device has it in hardware, else fp32."
    )
    checkpoint_steps: Count = Field(200, description="Optimizer steps between two checkpoints, the teacher's too.")
    log_steps: Count = Field(20, description="Optimizer steps between two lines of metrics.jsonl, the teacher's too.")
