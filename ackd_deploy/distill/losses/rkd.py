"""RKD, relational knowledge distillation: match distances and angles between the samples of a batch.

Only relations inside each space are compared, so the two may have different widths.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ackd_deploy.distill.losses.features import at_least_float32, normalize

__all__ = ["rkd", "rkd_angle", "rkd_distance"]


def rkd_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over pairs i ≠ j of Huber(||s_i − s_j||/μ_S − ||t_i − t_j||/μ_T), with μ the mean distance in each space.

    Huber has δ = 1. μ is the mean over the pairs that are apart, as in the released code; where all samples of a space
    coincide, their distances count as 0. The mean leaves out the pairs i = j, which the released code counts as zeros,
    so that its size does not depend on the batch.

    Args:
        student: [B, H] features.
        teacher: [B, H'] features; no gradient flows into them.

    Returns:
        A scalar, at least 0; 0 for fewer than two samples.

    References:
        Park et al., Relational Knowledge Distillation, CVPR 2019, equations 4 to 6.
    """
    _check(student, teacher)
    count = student.shape[0]
    student = at_least_float32(student)
    if count < 2:
        return student.sum() * 0.0
    ours = _relative_distances(student)
    theirs = _relative_distances(teacher.detach().to(student.dtype))
    # The pairs i = j add nothing to the sum, and only have to be left out of the count.
    return functional.smooth_l1_loss(ours, theirs, reduction="sum") / (count * (count - 1))


def rkd_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over triples of distinct i, j, k of Huber(cos∠s_j s_i s_k − cos∠t_j t_i t_k), the angle being at i.

    Takes B²·max(H, B) floats. The degenerate triples, which the released code counts as zeros, are left out.

    Args:
        student: [B, H] features.
        teacher: [B, H'] features; no gradient flows into them.

    Returns:
        A scalar, at least 0; 0 for fewer than three samples.

    References:
        Park et al., Relational Knowledge Distillation, CVPR 2019, equations 7 to 9.
    """
    _check(student, teacher)
    count = student.shape[0]
    student = at_least_float32(student)
    if count < 3:
        return student.sum() * 0.0
    ours = _angles(student)
    theirs = _angles(teacher.detach().to(student.dtype))
    same = torch.eye(count, dtype=torch.bool, device=student.device)
    distinct = ~(same[:, :, None] | same[:, None, :] | same[None, :, :])
    differences = torch.where(distinct, functional.smooth_l1_loss(ours, theirs, reduction="none"), 0.0)
    return differences.sum() / (count * (count - 1) * (count - 2))


def rkd(student: Tensor, teacher: Tensor, distance_weight: float = 1.0, angle_weight: float = 2.0) -> Tensor:
    """``distance_weight`` · :func:`rkd_distance` + ``angle_weight`` · :func:`rkd_angle`; the paper's mix is 1 : 2."""
    return distance_weight * rkd_distance(student, teacher) + angle_weight * rkd_angle(student, teacher)


def _relative_distances(features: Tensor) -> Tensor:
    # Differences and not the Gram matrix: its cancellation loses the small distances in float32.
    distances: Tensor = torch.linalg.vector_norm(features.unsqueeze(0) - features.unsqueeze(1), dim=-1)
    positive = distances > 0
    mean = distances.sum() / positive.sum().clamp(min=1)
    return distances / torch.where(mean > 0, mean, 1.0)


def _angles(features: Tensor) -> Tensor:
    """[i, j, k]: cosine of the angle at i between the directions to j and to k."""
    with torch.autocast(features.device.type, enabled=False):
        directions = normalize(features.unsqueeze(0) - features.unsqueeze(1))
        return directions @ directions.transpose(1, 2)


def _check(student: Tensor, teacher: Tensor) -> None:
    if student.ndim != 2 or teacher.ndim != 2 or student.shape[0] != teacher.shape[0]:
        raise ValueError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} do not agree")
