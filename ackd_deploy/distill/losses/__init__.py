"""The losses of all methods, as pure functions of tensors."""

from ackd_deploy.distill.losses.contrastive import Contrast, adaptive_mean, cdl, draw_rows, negative_mask
from ackd_deploy.distill.losses.features import StudentProjection, normalize, pool, pool_layers
from ackd_deploy.distill.losses.outputs import kd_loss, task_loss

__all__ = [
    "Contrast",
    "StudentProjection",
    "adaptive_mean",
    "cdl",
    "draw_rows",
    "kd_loss",
    "negative_mask",
    "normalize",
    "pool",
    "pool_layers",
    "task_loss",
]
