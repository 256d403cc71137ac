"""The one training loop: it fine-tunes the teacher and trains the student of every method."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from ackd_deploy.console import log, progress
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.run.records import SelectionRecord, TrainingRecord
from ackd_deploy.training.arguments import Persistence, Placement, Settings
from ackd_deploy.training.batch_schedule import Batch, BatchSchedule
from ackd_deploy.training.device import autocast
from ackd_deploy.training.divergence import DivergenceMonitor
from ackd_deploy.training.dropout import use_fast_dropout
from ackd_deploy.training.objective import Objective
from ackd_deploy.training.schedule import derived_seed
from ackd_deploy.training.selection import BestWeights, SelectionRows
from ackd_deploy.training.state import TrainingState
from ackd_deploy.training.token_batches import TokenBatches
from ackd_deploy.training.windows import mean_of_windows

__all__ = ["Outcome", "train"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a training came to, over all its interruptions.

    Attributes:
        steps: optimizer steps.
        samples: rows trained on, each as often as it was.
        seconds: of training alone.
        clip_rate: share of the steps whose gradient was clipped.
        last: figures of the last log line.
        selection: how the weights were chosen; None: they are the last step's.
    """

    steps: int
    samples: int
    seconds: float
    clip_rate: float
    last: dict[str, float | None]
    selection: SelectionRecord | None = None

    def record(self) -> TrainingRecord:
        """Return it as run.json holds it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return TrainingRecord(**fields, samples_per_second=self.samples / self.seconds if self.seconds else None)


def train(
    model: Any,
    objective: Objective,
    encoded: Encoded,
    settings: Settings,
    placement: Placement,
    persistence: Persistence,
    selection: SelectionRows | None = None,
) -> Outcome:
    """Train a classifier in place, from its last checkpoint where there is one.

    With the same arguments, machine and number of threads the weights come out the same to the bit on a CPU, however
    often the training was stopped or killed in between: every random number follows from the seed and the step. On a
    GPU the order of some sums is not fixed.

    Args:
        model: classifier, on any device.
        objective: the loss.
        encoded: N training rows.
        settings: seed, epochs, rates and sizes.
        placement: device, precision and processes.
        persistence: checkpoints, log, and whether to stop for now.
        selection: rows by which to choose the weights, where ``settings`` wants the best.

    Raises:
        TrainingDiverged: a loss or gradient became NaN or infinite.
        KeyboardInterrupt: ``persistence.stop`` returned True; the state is saved.
        EnvironmentProblem: a checkpoint could not be written.
    """
    optimization, group, device = settings.optimization, placement.process_group, placement.device
    use_fast_dropout(model)
    model.to(device).train()
    objective.to(device).train()
    state = TrainingState(model, objective, settings, placement)
    monitor = DivergenceMonitor(device)
    tokens = TokenBatches(encoded, device)
    schedule = _batch_schedule(encoded, settings, placement)
    steps = schedule.steps(optimization.epochs)
    if selection is not None and optimization.select == "best":
        state.best = BestWeights(selection, optimization, placement, stage=settings.stage, steps=steps)
    start = state.resume(persistence.checkpoints, steps)
    metrics = persistence.metrics if group.is_first else None
    if metrics:
        metrics.rewind(start)

    with progress(settings.stage, steps, done=start) as advance:
        for step in range(start, steps):
            # Dropout follows from seed and step alone: a resumed run needs no generator's state.
            torch.manual_seed(derived_seed(settings.seed, "dropout", step, group.rank))
            rate = state.set_learning_rate(step, steps)

            rows = schedule.rows(step)
            # A process without rows of its own computes one all the same, which counts nothing, so that all of them
            # take part in the same exchanges.
            local_rows = group.local_rows(rows)
            counts = len(local_rows) > 0
            local_rows = local_rows if counts else rows[:1]
            inputs, owners = tokens.batch(local_rows), tokens.owners(local_rows)
            batch = Batch(
                step=step,
                progress=step / steps,
                rows=rows,
                local_rows=local_rows,
                counts=counts,
                attention_mask=inputs["attention_mask"],
                owners=owners,
            )
            with autocast(device, placement.dtype):
                outputs = model(**inputs, output_hidden_states=objective.needs_hidden_states)
                # Losses see what is served of a long text: the mean over its windows.
                outputs.logits = mean_of_windows(outputs.logits, owners, len(local_rows))
                losses = objective(outputs, batch)

            norm = state.backward(losses["loss"])
            monitor.record(step, rows, rate, losses["loss"].detach(), norm)
            state.update()

            state.window.add(losses, norm, optimization.max_grad_norm, len(rows))
            advance(1)
            done = step + 1
            if done % settings.log_steps == 0 or done == steps:
                monitor.check()
                fields = state.window.close(group, rate, objective.statistics())
                if metrics:
                    metrics(step=done, epoch=done * optimization.epochs / steps, **fields)
                advance(0, loss=fields["loss"])

            if state.best is not None and state.best.after(done, model):
                log(f"{settings.stage}: stopped early, after step {done} of {steps}")
                break

            stopped = group.any(persistence.stop(), device)
            if stopped or (done % settings.checkpoint_steps == 0 and done < steps):
                monitor.check()
                state.save(persistence.checkpoints, done)
            if stopped:
                log(f"{settings.stage}: stopped after step {done} of {steps}, and its state is saved")
                raise KeyboardInterrupt

    monitor.check()
    model.eval()
    chosen = None if state.best is None else state.best.conclude(model)
    trained = steps if chosen is None else chosen.evaluations[-1].step
    return Outcome(
        steps=trained,
        samples=schedule.samples(trained),
        seconds=state.seconds,
        clip_rate=state.window.clip_rate(trained),
        last=state.window.last,
        selection=chosen,
    )


def _batch_schedule(encoded: Encoded, settings: Settings, placement: Placement) -> BatchSchedule:
    """Return which rows each step trains on: the recipe's batch sizes are those of one process."""
    optimization, processes = settings.optimization, placement.process_group.size
    tokens = optimization.max_batch_tokens
    return BatchSchedule(
        encoded.lengths, optimization.batch_size * processes, settings.seed, tokens and tokens * processes
    )
