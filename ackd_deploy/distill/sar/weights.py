"""SAR, sample adaptive reweighting: more weight for the samples whose features are less discriminative."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ackd_deploy.distill.losses.contrastive import Contrast
from ackd_deploy.distill.losses.features import at_least_float32

__all__ = ["MODES", "DifficultyPredictor", "bounded_mean_one", "predictor_loss", "sample_weights"]

MODES = ("predictor", "margin", "exponential", "focal", "uniform", "shuffled")

# exp(-600) is still a normal float64: scores further apart than this are clipped to the same weight.
_LARGEST_SPREAD = 600.0


def sample_weights(
    mode: str,
    contrast: Contrast,
    *,
    predicted: Tensor | None = None,
    temperature: float = 0.5,
    gamma: float = 2.0,
    min_weight: float = 0.1,
    max_weight: float = 5.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Weight of each sample in the contrastive loss: [..., B], mean 1 over the samples that have negatives.

    With l, p and d of :class:`Contrast`, the predictor's d̂, λ = ``temperature`` and γ = ``gamma``:

    ===============  ===========================  ====================================================
    mode             weight                       why it is here
    ===============  ===========================  ====================================================
    ``predictor``    ∝ exp(−d̂/λ)                  the method as reconstructed
    ``margin``       ∝ exp(−d/λ)                  says whether the predictor earns its place
    ``exponential``  ∝ exp(l/λ)                   worst case within a KL ball, no network
    ``focal``        ∝ (1 − p)^γ                  control from the literature (Lin et al. 2017)
    ``uniform``      1                            CDL alone
    ``shuffled``     ``predictor`` in random      is it which samples, or only the spread of weights?
                     order
    ===============  ===========================  ====================================================

    All are then bounded by :func:`bounded_mean_one`. The result is detached; a sample without negatives gets 0.

    Args:
        mode: one of :data:`MODES`.
        contrast: of the same samples.
        predicted: [..., B] d̂ of :class:`DifficultyPredictor`, for ``predictor`` and ``shuffled``.
        temperature: λ > 0.
        gamma: γ ≥ 0.
        min_weight: lower bound, at most 1.
        max_weight: upper bound, at least 1.
        generator: source of the order for ``shuffled``.

    Raises:
        ValueError: for an unknown mode, a missing ``predicted`` or ``generator``, or bounds that do not hold 1.

    Example:
        The sample whose features are less discriminative gets the larger weight, and the mean is 1:

        >>> import torch
        >>> from ackd_deploy import cdl
        >>> student = torch.tensor([[1.0, 0.0], [0.5**0.5, 0.5**0.5]])
        >>> teacher = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> contrast = cdl(student, teacher, teacher, ~torch.eye(2, dtype=torch.bool), temperature=0.5)
        >>> sample_weights("margin", contrast, temperature=1.0)  # 2·softmax([-1, 0])
        tensor([0.5379, 1.4621])
        >>> sample_weights("uniform", contrast)
        tensor([1., 1.])
    """
    if mode not in MODES:
        raise ValueError(f"unknown SAR mode {mode!r}: use one of {', '.join(MODES)}")
    if not temperature > 0.0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    with torch.no_grad():
        if mode == "uniform":
            return contrast.has_negative.to(contrast.loss.dtype).expand(contrast.loss.shape)
        score = _score(mode, contrast, predicted, temperature, gamma)
        weights = bounded_mean_one(score, contrast.has_negative, min_weight, max_weight)
        if mode == "shuffled":
            if generator is None:
                raise ValueError("mode 'shuffled' needs a generator")
            weights = _shuffle(weights, contrast.has_negative, generator)
        return weights


def _score(mode: str, contrast: Contrast, predicted: Tensor | None, temperature: float, gamma: float) -> Tensor:
    """The logarithm of the weight, up to a constant."""
    if mode in ("predictor", "shuffled"):
        if predicted is None or predicted.shape != contrast.loss.shape:
            raise ValueError(f"mode {mode!r} needs the predicted margin of each sample")
        return -predicted.detach() / temperature
    if mode == "margin":
        return -contrast.margin / temperature
    if mode == "exponential":
        return contrast.loss.detach() / temperature
    if gamma > 0.0:  # focal
        # log(1 − p) from l, not from p: 1 − exp(−l) loses its digits where l is small.
        return gamma * torch.log(-torch.expm1(-contrast.loss.detach()))
    return torch.zeros_like(contrast.loss)


def bounded_mean_one(score: Tensor, counted: Tensor, min_weight: float, max_weight: float) -> Tensor:
    """The weights w_i = clip(c·exp(score_i), w_min, w_max) whose mean over the counted samples is 1.

    Where no bound is reached this is N·softmax(score). Clipping and dividing by the mean afterwards would move weights
    over the bound again; instead c is found such that both hold: the mean is a rising, piecewise linear function of c
    with a corner wherever a sample reaches a bound, so the piece that contains 1 is found and solved for c.

    Args:
        score: [..., B] log weights, up to a constant; −inf is allowed.
        counted: [B] bool; the others get weight 0.
        min_weight: w_min in [0, 1].
        max_weight: w_max ≥ 1.

    Returns:
        [..., B], in the type of ``score`` (float32 at least).

    Raises:
        ValueError: where the bounds do not hold 1, since no weights would then do.
    """
    if not 0.0 <= min_weight <= 1.0 <= max_weight or math.isinf(max_weight):
        raise ValueError(f"weights with mean 1 need bounds 0 <= min <= 1 <= max, not {min_weight} and {max_weight}")
    if score.shape[-1:] != counted.shape:
        raise ValueError(f"scores {tuple(score.shape)} and mask {tuple(counted.shape)} do not agree")
    kind = at_least_float32(score).dtype
    counted = counted.expand(score.shape)
    number = counted.sum(-1, keepdim=True).clamp(min=1)
    lowest = torch.finfo(torch.float64).min
    score = score.double().clamp(min=lowest).masked_fill(~counted, lowest)
    relative = (score - score.amax(-1, keepdim=True)).clamp(min=-_LARGEST_SPREAD).exp()

    def clipped_sum(scale: Tensor) -> Tensor:
        clipped = (scale.unsqueeze(-1) * relative.unsqueeze(-2)).clamp(min_weight, max_weight)
        return (clipped * counted.unsqueeze(-2)).sum(-1)

    corners = torch.cat([min_weight / relative, max_weight / relative], dim=-1).sort(-1).values
    reached = clipped_sum(corners) >= number
    # Some corner always reaches it: at the last one every weight is w_max >= 1. Rounding may hide that.
    above = reached.to(torch.int8).argmax(-1, keepdim=True)
    above = torch.where(reached.any(-1, keepdim=True), above, corners.shape[-1] - 1)
    high = corners.gather(-1, above)
    low = torch.where(above > 0, corners.gather(-1, (above - 1).clamp(min=0)), 0.0)
    at_low, at_high = clipped_sum(low), clipped_sum(high)
    rise = at_high - at_low
    part = torch.where(rise > 0, (number - at_low) / torch.where(rise > 0, rise, 1.0), 1.0).clamp(0.0, 1.0)
    scale = low + (high - low) * part
    weights = (scale * relative).clamp(min_weight, max_weight)
    return torch.where(counted, weights, 0.0).to(kind)


def _shuffle(weights: Tensor, counted: Tensor, generator: torch.Generator) -> Tensor:
    """The weights of the counted samples in random order, in each layer its own."""
    keys = torch.rand(weights.shape, generator=generator, device=generator.device).to(weights.device)
    mixed = keys.masked_fill(~counted, torch.inf).argsort(dim=-1)
    places = (~counted).to(torch.int8).argsort(dim=-1, stable=True).expand(weights.shape)
    return torch.zeros_like(weights).scatter(-1, places, weights.gather(-1, mixed))


class DifficultyPredictor(nn.Module):
    """A small network that predicts how discriminative a sample's features are: its margin d.

    Input are the detached unit features of student and teacher and their products, whose sum is the similarity of the
    positive; output is d̂. One network serves all layers, with a learned offset for each. It starts with
    d̂ = 0, so that all weights start equal.

    It is trained by :func:`predictor_loss` with an optimizer of its own, and never to minimize the weighted loss: it
    would then learn to put weight on the easy samples.
    """

    def __init__(self, width: int, layers: int, hidden: int = 128) -> None:
        super().__init__()
        self.width = width
        self.inner = nn.Linear(3 * width, hidden)
        self.layer = nn.Parameter(torch.zeros(layers, 1, hidden))
        self.outer = nn.Linear(hidden, 1)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """[M, B, D] unit features of each -> [M, B]; neither gets a gradient."""
        student = at_least_float32(student.detach())
        teacher = teacher.detach().to(student.dtype)
        # Entries of unit vectors are of size 1/√D; a linear layer expects size 1.
        root = math.sqrt(self.width)
        features = torch.cat([student * root, teacher * root, student * teacher * self.width], dim=-1)
        hidden = nn.functional.gelu(self.inner(features) + self.layer)
        predicted: Tensor = self.outer(hidden).squeeze(-1)
        return predicted


def predictor_loss(predicted: Tensor, contrast: Contrast) -> Tensor:
    """Mean of (d̂ − d)² over layers and the samples that have negatives, a scalar."""
    counted = contrast.has_negative.expand(predicted.shape)
    error = torch.where(counted, predicted - contrast.margin.detach().to(predicted.dtype), 0.0)
    return error.square().sum() / counted.sum().clamp(min=1)
