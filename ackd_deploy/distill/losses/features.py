"""From hidden states to the unit feature vectors that the feature losses compare."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["POOLINGS", "StudentProjection", "at_least_float32", "normalize", "pool", "pool_layers"]

POOLINGS = ("mean", "cls")


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision becomes float32; float32 and float64 stay as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def pool(hidden: Tensor, attention_mask: Tensor, how: str = "mean") -> Tensor:
    """One vector a sentence from the hidden states of one layer.

    ``mean``: (1/|A|) Σ_{t∈A} h_t over the attended positions A (CoDIR's paper).
    ``cls``: h_1, the [CLS] position (CoDIR's and PKD's code).

    Values at padded positions do not affect the result, not even NaN. A row without any attended position gives zeros
    under ``mean``.

    Args:
        hidden: [B, T, H] hidden states, any float type.
        attention_mask: [B, T], non-zero where there is a token; padding is on the right.
        how: ``mean`` or ``cls``.

    Returns:
        [B, H], in float32 or better.

    Raises:
        ValueError: for another ``how`` or shapes that do not agree.
    """
    if how not in POOLINGS:
        raise ValueError(f"unknown pooling {how!r}: use one of {', '.join(POOLINGS)}")
    if hidden.ndim != 3 or attention_mask.shape != hidden.shape[:2]:
        raise ValueError(f"hidden states {tuple(hidden.shape)} and mask {tuple(attention_mask.shape)} do not agree")
    if how == "cls":
        return at_least_float32(hidden[:, 0])
    attended = attention_mask.bool().unsqueeze(-1)
    # `where` and not a product: 0 * NaN is NaN.
    total = torch.where(attended, at_least_float32(hidden), 0.0).sum(dim=1)
    return total / attended.sum(dim=1).clamp(min=1)


def pool_layers(
    hidden_states: Sequence[Tensor], attention_mask: Tensor, layers: Sequence[int], how: str = "mean"
) -> Tensor:
    """Pool several layers of a model's ``hidden_states``: [len(layers), B, H].

    Args:
        hidden_states: the L + 1 tensors [B, T, H] that a transformer returns; entry 0 is the embeddings' output, so
            that entry m is layer m, counted from 1.
        attention_mask: [B, T].
        layers: the layers to take, counted from 1.
        how: see :func:`pool`.

    Raises:
        ValueError: where a layer is out of range, and as :func:`pool`.
    """
    available = len(hidden_states) - 1
    if any(not 1 <= layer <= available for layer in layers):
        raise ValueError(f"layers {list(layers)} of a model with layers 1 to {available}")
    return torch.stack([pool(hidden_states[layer], attention_mask, how) for layer in layers])


def normalize(features: Tensor, eps: float = 1e-12) -> Tensor:
    """Rows of length one: z = h / ||h||, over the last dimension, in float32 or better.

    A row of length at most ``eps`` is returned unchanged, so that neither its value nor its gradient explodes.
    """
    features = at_least_float32(features)
    length = torch.linalg.vector_norm(features, dim=-1, keepdim=True)
    return features / torch.where(length > eps, length, 1.0)


class StudentProjection(nn.Module):
    """One linear map for each mapped layer, from the student's width to the teacher's.

    It is applied to the student only and dropped after training (CRD and CoDIR have one on each side). The student can
    then match a wider teacher.
    """

    def __init__(self, layers: int, student_width: int, teacher_width: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(student_width, teacher_width) for _ in range(layers))

    def forward(self, features: Tensor) -> Tensor:
        """[M, B, student width] -> [M, B, teacher width]."""
        if features.ndim != 3 or features.shape[0] != len(self.maps):
            raise ValueError(f"features {tuple(features.shape)} for a projection of {len(self.maps)} layers")
        return torch.stack([layer(rows) for layer, rows in zip(self.maps, features, strict=True)])
