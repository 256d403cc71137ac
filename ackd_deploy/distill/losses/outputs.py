"""Losses on the outputs of the classifier: [B], one value for each sample; the caller takes the mean.

All take half precision and compute in float32; float64 stays float64.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ackd_deploy.distill.losses.features import at_least_float32
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, Task, task_of

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "kd_binary_kl",
    "kd_kl",
    "kd_loss",
    "squared_error",
    "task_loss",
]


def cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross entropy of one class a sample: −w_y·log softmax(z)[y]; of probabilities p: −Σ_c w_c·p_c·log softmax(z)[c].

    Args:
        logits: [B, C].
        labels: [B] class ids, int64; or [B, C] probabilities.
        class_weights: w, [C]; None: all 1. The mean over samples is not divided by the sum of their weights.

    Returns:
        [B].
    """
    if labels.ndim == 2:
        _same_shape(logits, labels)
    else:
        _same_batch(logits, labels)
    logits = at_least_float32(logits)
    weight = None if class_weights is None else class_weights.to(logits.dtype)
    return functional.cross_entropy(logits, labels, weight=weight, reduction="none")


def binary_cross_entropy(logits: Tensor, labels: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    """Binary cross entropy of a multi-label sample: mean_c −[p_c y_c log σ(z_c) + (1 − y_c) log σ(−z_c)].

    Args:
        logits: [B, C].
        labels: [B, C], 0 or 1.
        pos_weight: p, [C]; None: all 1.

    Returns:
        [B].
    """
    _same_shape(logits, labels)
    logits = at_least_float32(logits)
    weight = None if pos_weight is None else pos_weight.to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(
        logits, labels.to(logits.dtype), pos_weight=weight, reduction="none"
    )
    return losses.mean(-1)


def squared_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """(ŷ − y)², for regression.

    Args:
        predictions: [B] or [B, 1].
        targets: [B] or [B, 1].

    Returns:
        [B].
    """
    predictions, targets = _column(predictions), _column(targets)
    _same_shape(predictions, targets)
    predictions = at_least_float32(predictions)
    return (predictions - targets.to(predictions.dtype)).square()


def kd_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Hinton's distillation: T²·KL(softmax(zT/T) ‖ softmax(zS/T)).

    The mean over samples is PyTorch's ``batchmean``. T² keeps the size of the gradient when T changes: for large T the
    value tends to (1/2C)·Σ_c (δ_c − mean δ)² with δ = zS − zT, which does not depend on T.

    Args:
        student_logits: [B, C].
        teacher_logits: [B, C]; no gradient flows into them.
        temperature: T > 0.

    Returns:
        [B], at least 0.

    References:
        Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015.
    """
    softened = _softened(student_logits, teacher_logits, temperature)
    student, teacher = (functional.log_softmax(logits, dim=-1) for logits in softened)
    return temperature**2 * functional.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


def kd_binary_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Distillation of a multi-label classifier: T²·mean_c KL(Bernoulli(σ(zT_c/T)) ‖ Bernoulli(σ(zS_c/T))).

    Each class is its own two-way softmax over (z_c, 0), so that it is :func:`kd_kl` class by class.

    Args:
        student_logits: [B, C].
        teacher_logits: [B, C]; no gradient flows into them.
        temperature: T > 0.

    Returns:
        [B], at least 0.
    """
    student, teacher = _softened(student_logits, teacher_logits, temperature)
    log_ratio_on = functional.logsigmoid(teacher) - functional.logsigmoid(student)
    log_ratio_off = functional.logsigmoid(-teacher) - functional.logsigmoid(-student)
    share_on = torch.sigmoid(teacher)
    return temperature**2 * (share_on * log_ratio_on + (1.0 - share_on) * log_ratio_off).mean(-1)


def task_loss(problem_type: str, logits: Tensor, labels: Tensor, *, class_weights: Tensor | None = None) -> Tensor:
    """The loss against the labels that belongs to ``problem_type``: [B].

    Args:
        problem_type: as in the recipe.
        logits: [B, C].
        labels: as the loss of the task takes them.
        class_weights: [C], of the classes, or of the positives of each label; see `ackd_deploy.data.balance`.
    """
    return _TASK_LOSSES[task_of(problem_type)](logits, labels, class_weights)


def kd_loss(problem_type: str, student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """The loss against the teacher's outputs that belongs to ``problem_type``: [B].

    Regression has no temperature: it is the squared error to the teacher's value.

    Args:
        problem_type: as in the recipe.
        student_logits: [B, C].
        teacher_logits: [B, C]; no gradient flows into them.
        temperature: T > 0.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[2.0, 0.0], [2.0, 0.0]])
        >>> kd_loss("single_label_classification", student, teacher, temperature=2.0)
        tensor([0.4438, 0.0000])
        >>> kd_loss("regression", torch.tensor([1.0]), torch.tensor([3.0]), temperature=2.0)
        tensor([4.])
    """
    return _KD_LOSSES[task_of(problem_type)](student_logits, teacher_logits, temperature)


def _squared_error(predictions: Tensor, targets: Tensor, class_weights: Tensor | None) -> Tensor:
    if class_weights is not None:
        raise ValueError("a regression has no classes to be weighed")
    return squared_error(predictions, targets)


def _kd_squared_error(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    return squared_error(student, teacher.detach())


_TASK_LOSSES: dict[Task, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    SINGLE_LABEL: cross_entropy,
    MULTI_LABEL: binary_cross_entropy,
    REGRESSION: _squared_error,
}
_KD_LOSSES: dict[Task, Callable[[Tensor, Tensor, float], Tensor]] = {
    SINGLE_LABEL: kd_kl,
    MULTI_LABEL: kd_binary_kl,
    REGRESSION: _kd_squared_error,
}


def _column(values: Tensor) -> Tensor:
    return values.squeeze(-1) if values.ndim == 2 and values.shape[-1] == 1 else values


def _same_batch(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"logits {tuple(logits.shape)} and labels {tuple(labels.shape)} do not agree")


def _same_shape(first: Tensor, second: Tensor) -> None:
    # Broadcasting [B, 1] against [B] would give [B, B] without an error.
    if first.shape != second.shape:
        raise ValueError(f"shapes {tuple(first.shape)} and {tuple(second.shape)} differ")


def _softened(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Both sides over T; no gradient flows into the teacher's."""
    _same_shape(student_logits, teacher_logits)
    if not temperature > 0.0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    return at_least_float32(student_logits) / temperature, at_least_float32(teacher_logits.detach()) / temperature
