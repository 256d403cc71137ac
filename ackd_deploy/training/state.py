"""The state of a training: model, objective, optimizer, running means, time; how it is saved and restored."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

from ackd_deploy.console import log, warn
from ackd_deploy.training.arguments import Placement, Settings
from ackd_deploy.training.checkpoint import Checkpoint, Checkpoints, load_optimizer, optimizer_tensors
from ackd_deploy.training.log_window import LogWindow
from ackd_deploy.training.objective import Objective
from ackd_deploy.training.schedule import learning_rate_factor
from ackd_deploy.training.selection import BestWeights

__all__ = ["TrainingState"]

_OBJECTIVE = "objective."


class TrainingState:
    """The state of one training; a checkpoint holds all of it.

    Args:
        model: classifier, on the device.
        objective: the loss, on the device.
        settings: learning rate and weight decay among them.
        placement: device and processes.

    Attributes:
        best: the best weights so far, where these are to be kept; set before `resume`.
    """

    def __init__(self, model: Any, objective: Objective, settings: Settings, placement: Placement) -> None:
        self.model = model
        self.objective = objective
        self.window = LogWindow()
        self._settings = settings
        self._placement = placement
        self._parameters = [p for p in (*model.parameters(), *objective.parameters()) if p.requires_grad]
        optimization = settings.optimization
        groups = [
            # Biases and norms, which have one dimension, do not decay.
            {"params": [p for p in self._parameters if p.ndim > 1], "weight_decay": optimization.weight_decay},
            {"params": [p for p in self._parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=optimization.learning_rate, fused=True)
        self._seconds_before = 0.0
        self._began = time.perf_counter()
        self.best: BestWeights | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all interruptions."""
        return self._seconds_before + time.perf_counter() - self._began

    def set_learning_rate(self, step: int, steps: int) -> float:
        """Set and return the learning rate of a step (from 0)."""
        optimization = self._settings.optimization
        rate = optimization.learning_rate * learning_rate_factor(step, steps, optimization.warmup_ratio)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        return rate

    def backward(self, loss: Tensor) -> Tensor:
        """Compute the gradients, sum them over the processes, clip them; return their norm before clipping."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._placement.process_group.sum_gradients(self._parameters)
        return nn.utils.clip_grad_norm_(self._parameters, self._settings.optimization.max_grad_norm)

    def update(self) -> None:
        """Make the optimizer's step."""
        self._optimizer.step()

    def save(self, checkpoints: Checkpoints, step: int) -> None:
        """Write a checkpoint after ``step`` steps: all processes call this, the first one writes."""
        group = self._placement.process_group
        sums = self.window.state(group)
        if group.is_first:
            facts = {"seconds": self.seconds, "threads": torch.get_num_threads()}
            checkpoints.save(Checkpoint(step, self._tensors() | sums, facts))
        group.wait()

    def resume(self, checkpoints: Checkpoints, steps: int) -> int:
        """Restore the newest complete checkpoint, if any; return the number of steps done."""
        group = self._placement.process_group
        # The first process chooses, and removes damaged ones; the others load the same.
        checkpoint = checkpoints.load() if group.is_first else None
        step: int | None = group.broadcast(checkpoint.step if checkpoint else None)
        if step is not None and not group.is_first:
            checkpoint = checkpoints.at(step)
        if checkpoint is None:
            self._began = time.perf_counter()
            return 0
        self._restore(checkpoint.tensors)
        self._seconds_before, self._began = checkpoint.facts["seconds"], time.perf_counter()
        stage = self._settings.stage
        if checkpoint.facts["threads"] != torch.get_num_threads():
            warn(
                f"{stage} began with {checkpoint.facts['threads']} threads and continues with "
                f"{torch.get_num_threads()}: its weights will be as good, but not identical to the bit"
            )
        log(f"{stage}: continuing after step {checkpoint.step} of {steps}")
        return checkpoint.step

    def _tensors(self) -> dict[str, Tensor]:
        return {
            **{f"model.{name}": parameter for name, parameter in self.model.named_parameters()},
            **{f"{_OBJECTIVE}{name}": value for name, value in self.objective.state_dict().items()},
            **optimizer_tensors(self._optimizer, "optimizer"),
            **self.objective.extra_tensors(),
            **(self.best.state() if self.best is not None else {}),
        }

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(tensors[f"model.{name}"])
        inside = {k.removeprefix(_OBJECTIVE): v for k, v in tensors.items() if k.startswith(_OBJECTIVE)}
        self.objective.load_state_dict(inside)
        load_optimizer(self._optimizer, tensors, "optimizer")
        self.objective.load_extra_tensors(tensors)
        if self.best is not None:
            self.best.load(tensors)
        self.window.load(tensors, self._placement.device, first=self._placement.process_group.is_first)
