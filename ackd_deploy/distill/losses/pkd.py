"""PKD, patient knowledge distillation: match the normalized [CLS] states of the inner layers."""

from __future__ import annotations

from torch import Tensor

from ackd_deploy.distill.losses.features import normalize

__all__ = ["pkd"]


def pkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of normalized features: mean_m || zS_m/||zS_m|| − zT_m/||zT_m|| ||², which is 2 − 2 cos.

    The sum over the width is the paper's; its code takes PyTorch's mean over all elements, which is 1/H of this and
    makes the loss's weight depend on the width. The paper leaves out the top layer: pass the layers that you want.

    Args:
        student: [M, B, H] pooled features, normalized or not.
        teacher: [M, B, H] of the mapped layers; no gradient flows into them.

    Returns:
        [B], in [0, 4].

    References:
        Sun et al., Patient Knowledge Distillation for BERT Model Compression, EMNLP 2019, equation 6.
    """
    if student.ndim != 3 or student.shape != teacher.shape:
        raise ValueError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} do not agree")
    difference = normalize(student) - normalize(teacher.detach())
    return difference.square().sum(-1).mean(0)
