"""The one training loop: it fine-tunes the teacher and trains the student of every method."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ackd_deploy.console import log, progress, warn
from ackd_deploy.data.encode import Encoded
from ackd_deploy.recipe.sections import Distill, Optimization
from ackd_deploy.run.records import TrainingRecord
from ackd_deploy.training.batch_schedule import Batch, BatchSchedule
from ackd_deploy.training.checkpoint import Checkpoint, Checkpoints, load_optimizer, optimizer_tensors
from ackd_deploy.training.device import autocast
from ackd_deploy.training.divergence import DivergenceMonitor, Window
from ackd_deploy.training.dropout import use_fast_dropout
from ackd_deploy.training.metrics_log import MetricsLog
from ackd_deploy.training.objective import Objective
from ackd_deploy.training.process_group import ProcessGroup
from ackd_deploy.training.schedule import derived_seed, learning_rate_share
from ackd_deploy.training.token_batches import TokenBatches

__all__ = ["Outcome", "Settings", "settings_of", "train"]


@dataclass(frozen=True)
class Settings:
    """What decides a training, beside model, objective and data."""

    stage: str
    seed: int
    epochs: float
    learning_rate: float
    batch_size: int
    max_batch_tokens: int | None
    warmup_ratio: float
    weight_decay: float
    max_grad_norm: float
    log_steps: int
    checkpoint_steps: int


def settings_of(stage: str, seed: int, section: Optimization, distill: Distill) -> Settings:
    """Return the settings of the teacher's or a student's training, as the recipe's sections have them."""
    return Settings(
        stage=stage,
        seed=seed,
        epochs=section.epochs,
        learning_rate=section.learning_rate,
        batch_size=section.batch_size,
        max_batch_tokens=section.max_batch_tokens,
        warmup_ratio=section.warmup_ratio,
        weight_decay=section.weight_decay,
        max_grad_norm=section.max_grad_norm,
        log_steps=distill.log_steps,
        checkpoint_steps=distill.checkpoint_steps,
    )


@dataclass(frozen=True)
class Outcome:
    """What a training came to, over all its interruptions."""

    steps: int
    samples: int
    seconds: float
    clip_rate: float
    last: dict[str, float | None]

    def record(self) -> TrainingRecord:
        """Return it as run.json holds it."""
        return TrainingRecord(**asdict(self), samples_per_second=self.samples / self.seconds if self.seconds else None)


def train(
    model: Any,
    objective: Objective,
    encoded: Encoded,
    settings: Settings,
    *,
    device: torch.device,
    dtype: torch.dtype,
    checkpoints: Checkpoints,
    record: MetricsLog | None = None,
    stop: Callable[[], bool] = lambda: False,
    process_group: ProcessGroup | None = None,
) -> Outcome:
    """Train a classifier in place, from its last checkpoint where there is one.

    With the same arguments, machine and number of threads the weights come out the same to the bit on a CPU, however
    often the training was stopped or killed in between: every random number hangs on the seed and the step. On a GPU
    the order of some sums is not fixed.

    Args:
        model: classifier, on any device.
        objective: the loss.
        encoded: N training rows.
        settings: epochs, rates and sizes.
        device: where to compute.
        dtype: of the matrix products.
        checkpoints: where to go on from, and where to leave the state.
        record: takes a log line every ``settings.log_steps`` steps.
        stop: asked after every step; True writes a checkpoint and raises KeyboardInterrupt.
        process_group: the processes that train together; batches are split among them.

    Raises:
        TrainingDiverged: a loss or gradient became NaN or infinite.
        KeyboardInterrupt: ``stop`` said so, and the state is on the disk.
        EnvironmentProblem: a checkpoint could not be written.
    """
    process_group = process_group or ProcessGroup()
    use_fast_dropout(model)
    model.to(device).train()
    objective.to(device).train()
    parameters = [p for p in (*model.parameters(), *objective.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(_groups(model, objective, settings), lr=settings.learning_rate, fused=True)
    budget = settings.max_batch_tokens and settings.max_batch_tokens * process_group.size
    schedule = BatchSchedule(encoded.lengths, settings.batch_size * process_group.size, settings.seed, budget)
    steps = schedule.steps(settings.epochs)
    tokens = TokenBatches(encoded, device)
    window = Window()
    monitor = DivergenceMonitor(device)

    start, seconds_before = 0, 0.0
    # The first process chooses, and removes what is damaged; the others take up the very same.
    checkpoint = checkpoints.load() if process_group.is_first else None
    chosen = process_group.share(checkpoint.step if checkpoint else None)
    if chosen is not None and not process_group.is_first:
        checkpoint = checkpoints.at(chosen)
    if checkpoint is not None:
        _restore(checkpoint, model, objective, optimizer, window, process_group)
        start, seconds_before = checkpoint.step, checkpoint.facts["seconds"]
        if checkpoint.facts["threads"] != torch.get_num_threads():
            warn(
                f"{settings.stage} began with {checkpoint.facts['threads']} threads and goes on with "
                f"{torch.get_num_threads()}: its weights will be as good, but not the same to the bit"
            )
        log(f"{settings.stage}: going on after step {start} of {steps}")
    if record and process_group.is_first:
        record.rewind(start)
    began = time.perf_counter()

    def save(step: int) -> None:
        monitor.check()
        sums = window.state(process_group)
        if process_group.is_first:
            facts = {"seconds": seconds_before + time.perf_counter() - began, "threads": torch.get_num_threads()}
            checkpoints.save(Checkpoint(step, _state(model, objective, optimizer) | sums, facts))
        process_group.wait()

    with progress(settings.stage, steps, done=start) as advance:
        for step in range(start, steps):
            # Dropout hangs on the step alone: a resumed run needs no generator's state.
            torch.manual_seed(derived_seed(settings.seed, "dropout", step, process_group.rank))
            rate = settings.learning_rate * learning_rate_share(step, steps, settings.warmup_ratio)
            for group in optimizer.param_groups:
                group["lr"] = rate

            rows = schedule.rows(step)
            mine = process_group.mine(rows)
            counts = len(mine) > 0
            mine = mine if counts else rows[:1]
            inputs = tokens.batch(mine)
            with autocast(device, dtype):
                outputs = model(**inputs, output_hidden_states=objective.needs_hidden_states)
                batch = Batch(step, step / steps, rows, mine, counts, inputs["attention_mask"])
                terms = objective(outputs, batch)

            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            process_group.sum_gradients(parameters)
            norm = nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
            monitor.see(step, rows, rate, terms["loss"].detach(), norm)
            optimizer.step()

            window.add(terms, norm, settings.max_grad_norm, len(rows))
            advance(1)
            if (step + 1) % settings.log_steps == 0 or step + 1 == steps:
                monitor.check()
                fields = window.close(process_group, rate, objective.statistics())
                if record and process_group.is_first:
                    record(step=step + 1, epoch=(step + 1) * settings.epochs / steps, **fields)
                advance(0, loss=fields["loss"])
            if process_group.any(stop(), device):
                save(step + 1)
                log(f"{settings.stage}: stopped after step {step + 1} of {steps}, and its state is saved")
                raise KeyboardInterrupt
            if (step + 1) % settings.checkpoint_steps == 0 and step + 1 < steps:
                save(step + 1)
    monitor.check()
    model.eval()
    seconds = seconds_before + time.perf_counter() - began
    samples = schedule.samples(steps)
    return Outcome(steps, samples, seconds, window.clip_rate(steps), window.last)


def _groups(model: Any, objective: Objective, settings: Settings) -> list[dict[str, Any]]:
    """No weight decay on biases and norms: they have one dimension."""
    named = [p for p in (*model.parameters(), *objective.parameters()) if p.requires_grad]
    return [
        {"params": [p for p in named if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _state(model: Any, objective: Objective, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        **{f"model.{name}": p for name, p in model.named_parameters()},
        **{f"objective.{name}": value for name, value in objective.state_dict().items()},
        **optimizer_tensors(optimizer, "optimizer"),
        **objective.extra_tensors(),
    }


def _restore(
    checkpoint: Checkpoint,
    model: Any,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    window: Window,
    process_group: ProcessGroup,
) -> None:
    tensors = checkpoint.tensors
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    prefix = "objective."
    objective.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    load_optimizer(optimizer, tensors, "optimizer")
    objective.load_extra_tensors(tensors)
    window.load(tensors, next(model.parameters()).device, first=process_group.is_first)
