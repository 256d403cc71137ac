"""The arguments of the training loop apart from model, objective and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from ackd_deploy.recipe.sections import Optimization
from ackd_deploy.training.checkpoint import Checkpoints
from ackd_deploy.training.metrics_log import MetricsLog
from ackd_deploy.training.process_group import ProcessGroup

__all__ = ["Persistence", "Placement", "Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the weights that come out.

    Attributes:
        stage: name in logs and metrics.jsonl.
        seed: every random choice follows from it and the step.
        optimization: epochs, learning rate, batch sizes: the recipe's section of the teacher or the student.
        log_steps: optimizer steps between two log lines.
        checkpoint_steps: optimizer steps between two checkpoints.
    """

    stage: str
    seed: int
    optimization: Optimization
    log_steps: int
    checkpoint_steps: int


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where to compute.

    Attributes:
        device: of this process.
        dtype: of the matrix products.
        process_group: the processes that train together; each batch is split among them.
    """

    device: torch.device
    dtype: torch.dtype
    process_group: ProcessGroup = field(default_factory=ProcessGroup)


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Persistence:
    """What is kept while training, and what may end it early.

    Attributes:
        checkpoints: where to resume from, and where to save the state.
        metrics: takes a log line every ``log_steps`` steps; None: no log.
        stop: asked after every step; True writes a checkpoint and raises KeyboardInterrupt.
    """

    checkpoints: Checkpoints
    metrics: MetricsLog | None = None
    stop: Callable[[], bool] = _never
