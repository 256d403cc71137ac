"""What an ablation found, as results.json holds it: written and shown through these classes alone."""

from __future__ import annotations

from ackd_deploy.run.records import Record

__all__ = ["GapRecord", "MethodRecord"]


class GapRecord(Record):
    """The deciding metric of a method less that of a reference, with its 95 % interval."""

    mean: float
    low: float
    high: float
    beyond_noise: bool
    """Whether the interval, over other seeds and other rows, leaves out 0."""


class MethodRecord(Record):
    """One method over its seeds, on the validation or on the test rows."""

    method: str
    metric: str
    """The name of the deciding metric."""
    seeds: list[int]
    values: list[float]
    """The metric of each seed's training."""
    mean: float
    std: float | None
    """Sample standard deviation over seeds; None for one seed."""
    seconds: float
    """Of one training, on average."""
    differences: dict[str, GapRecord]
    """To the methods ``kd`` and ``finetune``, by name, where they are."""
    above_chance: bool | None = None
    """Whether each of its trainings passes the gate of that name; None where the run has no baselines."""
