"""CoDIR, contrastive distillation on intermediate representations: one contrast for all layers together."""

from __future__ import annotations

from torch import Tensor

from ackd_deploy.distill.losses.contrastive import Contrast, cdl
from ackd_deploy.distill.losses.features import normalize

__all__ = ["codir", "concatenate_layers"]


def concatenate_layers(features: Tensor) -> Tensor:
    """[M, B, H] -> [B, M·H], rows of length one.

    Each layer is normalized first, so that the cosine of two results is the mean of the layers' cosines and no layer
    dominates by its norm.
    """
    if features.ndim != 3:
        raise ValueError(f"expected [layers, rows, width], got {tuple(features.shape)}")
    return normalize(normalize(features).transpose(0, 1).flatten(1))


def codir(student: Tensor, positive: Tensor, negatives: Tensor, negative_mask: Tensor, temperature: float) -> Contrast:
    """CDL on the layers' features concatenated into one vector a sample, with uniform weights.

    CoDIR passes both sides through a learned linear map and keeps its negatives in a momentum memory; here a
    projection, where wanted, is the student's alone and the negatives are the frozen teacher's exact features.

    Args:
        student: [M, B, H] pooled features of the student ([CLS] in CoDIR's code).
        positive: [M, B, H] of the teacher's mapped layers.
        negatives: [M, K, H] of the teacher for the candidates.
        negative_mask: [B, K] bool.
        temperature: τ > 0.

    Returns:
        A :class:`~ackd_deploy.distill.losses.contrastive.Contrast` of [B] tensors.

    References:
        Sun et al., Contrastive Distillation on Intermediate Representations for Language Model Compression, EMNLP
        2020.
    """
    return cdl(
        concatenate_layers(student),
        concatenate_layers(positive),
        concatenate_layers(negatives),
        negative_mask,
        temperature,
    )
