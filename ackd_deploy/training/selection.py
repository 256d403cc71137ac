"""Which step's weights a training ends with: the last one's, or those that were best on rows it was not trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ackd_deploy.console import log
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.recipe.sections import Optimization
from ackd_deploy.run.records import EvaluationRecord, SelectionRecord
from ackd_deploy.tasks import Task
from ackd_deploy.training.arguments import Placement
from ackd_deploy.training.evaluate import predict_logits

__all__ = ["BestWeights", "SelectionRows"]

_PREFIX = "best."


@dataclass(frozen=True, kw_only=True)
class SelectionRows:
    """What the best weights are chosen by.

    Attributes:
        encoded: rows that nothing is trained on.
        task: with the metric that decides.
    """

    encoded: Encoded
    task: Task


class BestWeights:
    """The best weights of a training so far, on the CPU; every process holds the same.

    Args:
        rows: to evaluate on.
        optimization: says how often, and after how many evaluations without a better one to stop.
        placement: device and processes.
        stage: name in the log.
        steps: of the whole training.
    """

    def __init__(
        self, rows: SelectionRows, optimization: Optimization, placement: Placement, *, stage: str, steps: int
    ) -> None:
        self._rows = rows
        self._placement = placement
        self._stage = stage
        self._steps = steps
        # An epoch may be half a step long, or a batch short.
        self._every = optimization.evaluation_steps or max(1, round(steps / max(1.0, optimization.epochs)))
        self._patience = optimization.early_stopping
        self._tensors: dict[str, Tensor] = {}
        self.evaluations: list[EvaluationRecord] = []
        self.best: EvaluationRecord | None = None

    @property
    def metric(self) -> str:
        """The name of the deciding metric."""
        return self._rows.task.metric.name

    def after(self, step: int, model: Any) -> bool:
        """Evaluate the model where it is time to, and keep its weights where they are the best; say whether to stop."""
        if step % self._every and step != self._steps:
            return False
        value = self._placement.process_group.broadcast(self._value(model))
        model.train()
        found = EvaluationRecord(step=step, value=value)
        self.evaluations.append(found)
        if self.best is None or self._better(value, self.best.value):
            self.best = found
            self._tensors = {name: p.detach().cpu().clone() for name, p in model.named_parameters()}
        since = sum(evaluation.step > self.best.step for evaluation in self.evaluations)
        if self._placement.process_group.is_first:
            place = "the best so far" if self.best is found else f"step {self.best.step} had {self.best.value:.4f}"
            rows = len(self._rows.encoded)
            log(f"{self._stage}: step {step}: {self.metric} {value:.4f} on {rows} tuning rows, {place}")
        return self._patience is not None and since >= self._patience and step < self._steps

    def conclude(self, model: Any) -> SelectionRecord:
        """Put the best weights into the model; return what was chosen among what."""
        best = self.best
        assert best is not None  # noqa: S101 - the last step is always evaluated
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(self._tensors[name])
        return SelectionRecord(
            step=best.step,
            value=best.value,
            metric=self.metric,
            rows=len(self._rows.encoded),
            stopped_early=self.evaluations[-1].step < self._steps,
            evaluations=self.evaluations,
        )

    def state(self) -> dict[str, Tensor]:
        """Return named tensors for a checkpoint."""
        history = torch.tensor([[e.step, e.value] for e in self.evaluations], dtype=torch.float64).reshape(-1, 2)
        return {f"{_PREFIX}evaluations": history, **{f"{_PREFIX}model.{k}": v for k, v in self._tensors.items()}}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` returned."""
        self.evaluations = [
            EvaluationRecord(step=int(step), value=value) for step, value in tensors[f"{_PREFIX}evaluations"].tolist()
        ]
        self.best = None
        for found in self.evaluations:
            if self.best is None or self._better(found.value, self.best.value):
                self.best = found
        inside = f"{_PREFIX}model."
        self._tensors = {k.removeprefix(inside): v.clone() for k, v in tensors.items() if k.startswith(inside)}

    def _value(self, model: Any) -> float | None:
        if not self._placement.process_group.is_first:
            return None
        logits = predict_logits(model, self._rows.encoded, self._placement.device)
        return self._rows.task.score(logits, self._rows.encoded.labels)

    def _better(self, value: float, other: float) -> bool:
        if math.isnan(other):
            return not math.isnan(value)
        return value < other if self._rows.task.metric.facts.lower_is_better else value > other
