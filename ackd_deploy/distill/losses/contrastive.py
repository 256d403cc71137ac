"""CDL, the contrastive distillation loss on hidden-state features, and which samples are negatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd_deploy.distill.losses.features import at_least_float32
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, Task, task_of

__all__ = ["Contrast", "adaptive_mean", "cdl", "draw_rows", "negative_mask"]


class Contrast(NamedTuple):
    """What CDL says of each sample: all [..., B]; only ``loss`` carries a gradient."""

    loss: Tensor
    """l: −log of the probability, 0 for a sample without negatives."""
    probability: Tensor
    """p: the softmax probability of the positive among itself and the negatives; 1 for a sample without negatives."""
    margin: Tensor
    """d: similarity of the positive less that of the hardest negative, in [−2, 2]; 0 for one without negatives."""
    has_negative: Tensor
    """[B] bool: False where the sample has no negatives; it is then left out of every mean."""


def cdl(student: Tensor, positive: Tensor, negatives: Tensor, negative_mask: Tensor, temperature: float) -> Contrast:
    """Contrast each student feature with the teacher's features of the same and of other sentences.

    For sample i, with s_ij = zS_i · zT_j and the negatives N(i)::

        l_i = −log  exp(s_ii/τ) / (exp(s_ii/τ) + Σ_{j∈N(i)} exp(s_ij/τ))
            =  log (1 + exp(logsumexp_{j∈N(i)} s_ij/τ − s_ii/τ))
        p_i = exp(−l_i)
        d_i = s_ii − max_{j∈N(i)} s_ij

    The second form is the one computed: it is precise when l is small. All of it is computed in float32 (float64 stays
    float64), also under autocast. No gradient flows into the teacher's features.

    Args:
        student: [..., B, D] unit features of the student. Leading dimensions are layers.
        positive: [..., B, D] unit features of the teacher for the same sentences, from the mapped layers.
        negatives: [..., K, D] unit features of the teacher for the candidate negatives.
        negative_mask: [B, K] bool, True where candidate k is a negative of sample i.
        temperature: τ > 0.

    Returns:
        A :class:`Contrast` of [..., B] tensors.

    Example:
        Two sentences of different labels, each the other's negative. The first student feature equals its teacher's,
        the second is half-way between both:

        >>> import torch
        >>> student = torch.tensor([[1.0, 0.0], [0.5**0.5, 0.5**0.5]])
        >>> teacher = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> negatives = torch.tensor([[False, True], [True, False]])
        >>> contrast = cdl(student, teacher, teacher, negatives, temperature=0.5)
        >>> contrast.loss  # log(1 + exp(-2)), log 2
        tensor([0.1269, 0.6931])
        >>> contrast.margin
        tensor([1., 0.])

    References:
        Guo et al., Adaptive Contrastive Knowledge Distillation for BERT Compression, Findings of ACL 2023 (the
        abstract; positives and negatives as in CRD, Tian et al. 2020, and CoDIR, Sun et al. 2020).
    """
    _check(student, positive, negatives, negative_mask)
    if not temperature > 0.0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    has_negative = negative_mask.any(dim=-1)
    with torch.autocast(student.device.type, enabled=False):
        student = at_least_float32(student)
        positive = positive.detach().to(student.dtype)
        negatives = negatives.detach().to(student.dtype)
        own = (student * positive).sum(-1)
        if negatives.shape[-2] == 0:
            # max and logsumexp are undefined over no entries; the product keeps the autograd graph connected.
            zero = own * 0.0
            return Contrast(zero, torch.ones_like(zero).detach(), zero.detach(), has_negative)
        # A row without negatives keeps all its candidates here and is set to 0 below: masking them all would make
        # the gradient of logsumexp NaN.
        excluded = ~negative_mask & has_negative.unsqueeze(-1)
        others = (student @ negatives.transpose(-1, -2)).masked_fill(excluded, -torch.inf)
        excess = torch.logsumexp(others / temperature, dim=-1) - own / temperature
        loss = torch.where(has_negative, torch.logaddexp(excess, torch.zeros_like(excess)), 0.0)
        with torch.no_grad():
            probability = torch.exp(-loss)
            margin = torch.where(has_negative, own - others.amax(dim=-1), 0.0)
    return Contrast(loss, probability, margin, has_negative)


def negative_mask(
    problem_type: str,
    labels: Tensor,
    other_labels: Tensor,
    rows: Tensor,
    other_rows: Tensor,
    *,
    rule: str = "label",
    gap: float | None = None,
) -> Tensor:
    """Which candidates are negatives of which samples: [B, K] bool.

    ``rule='label'``: another class; another set of labels where there are several; for regression a target that
    differs by more than ``gap``, or every other row where ``gap`` is None. ``rule='all'``: every other row.
    A candidate with the sample's own global row id is the sample itself and never its negative.

    Args:
        problem_type: as in the recipe.
        labels: of the samples: [B] class ids, [B] targets, or [B, C] zeros and ones.
        other_labels: of the candidates: the same with K.
        rows: [B] global row ids of the samples.
        other_rows: [K] global row ids of the candidates.
        rule: ``label`` or ``all``.
        gap: δ for regression, in the target's unit.

    Example:
        >>> import torch
        >>> labels, rows = torch.tensor([0, 1, 1]), torch.arange(3)
        >>> negative_mask("single_label_classification", labels, labels, rows, rows)
        tensor([[False,  True,  True],
                [ True, False, False],
                [ True, False, False]])
    """
    others = rows.unsqueeze(1) != other_rows.unsqueeze(0)
    if rule == "all":
        return others
    if rule != "label":
        raise ValueError(f"unknown rule for negatives {rule!r}: use label or all")
    return others & _LABELS_DIFFER[task_of(problem_type)](labels, other_labels, gap)


def _other_class(labels: Tensor, others: Tensor, gap: float | None) -> Tensor:
    return labels.unsqueeze(1) != others.unsqueeze(0)


def _other_set(labels: Tensor, others: Tensor, gap: float | None) -> Tensor:
    return ((labels > 0.5).unsqueeze(1) != (others > 0.5).unsqueeze(0)).any(dim=-1)


def _other_value(labels: Tensor, others: Tensor, gap: float | None) -> Tensor:
    distance = (labels.reshape(-1, 1) - others.reshape(1, -1)).abs()
    return torch.ones_like(distance, dtype=torch.bool) if gap is None else distance > gap


_LABELS_DIFFER: dict[Task, Callable[[Tensor, Tensor, float | None], Tensor]] = {
    SINGLE_LABEL: _other_class,
    MULTI_LABEL: _other_set,
    REGRESSION: _other_value,
}


def draw_rows(total: int, count: int, seed: int, step: int) -> NDArray[np.int64]:
    """Rows of the teacher's bank that serve as candidates in one step: ``min(count, total)`` different ones, [K].

    A pure function of (seed, step): a resumed run draws the same rows as an uninterrupted one.
    """
    generator = np.random.default_rng((seed, step))
    drawn = generator.choice(total, size=min(count, total), replace=False, shuffle=False)
    return np.sort(drawn).astype(np.int64)  # sorted: a memory-mapped bank is read sequentially


def adaptive_mean(loss: Tensor, weights: Tensor, has_negative: Tensor, layer_weights: Tensor | None = None) -> Tensor:
    """The adaptive contrastive loss of a batch: mean over layers of mean_{i: N(i)≠∅} w[i,m]·l[i,m], a scalar.

    Args:
        loss: [..., B] from :func:`cdl`; leading dimension, if any, is layers.
        weights: [..., B], detached here.
        has_negative: [B]; the others are left out of the mean. No sample with a negative: 0.
        layer_weights: [M] relative weights of the layers, for [M, B] losses; None: equal.
    """
    counted = has_negative.to(loss.dtype)
    per_layer = (loss * weights.detach().to(loss.dtype) * counted).sum(-1) / counted.sum().clamp(min=1.0)
    if layer_weights is None:
        return per_layer.mean()
    if layer_weights.shape != per_layer.shape:
        raise ValueError(f"{tuple(layer_weights.shape)} layer weights for losses {tuple(loss.shape)}")
    total = layer_weights.sum().to(loss.dtype)
    return (per_layer * layer_weights.to(loss.dtype)).sum() / torch.where(total > 0, total, 1.0)


def _check(student: Tensor, positive: Tensor, negatives: Tensor, mask: Tensor) -> None:
    agree = (
        student.ndim >= 2
        and student.shape == positive.shape
        and negatives.shape[:-2] == student.shape[:-2]
        and negatives.shape[-1] == student.shape[-1]
        and mask.shape == (student.shape[-2], negatives.shape[-2])
        and mask.dtype == torch.bool
    )
    if not agree:
        raise ValueError(
            f"student {tuple(student.shape)}, positive {tuple(positive.shape)}, negatives {tuple(negatives.shape)} "
            f"and mask {tuple(mask.shape)} {mask.dtype} do not agree"
        )
