"""What distilling costs: our loop against what people write by hand.

    python bench/distill.py recipes/quickstart.yaml [--set KEY=VALUE] [--steps 30] [--rounds 3]
                            [--accuracy 0.83] [--device auto] [--json FILE]

Every loop trains the same student from the same start on the same data and device, with KD and the contrastive loss;
they take turns in short rounds, and figures are medians over the rounds. With --accuracy each is then trained until
it reaches that validation accuracy. Machines drift: only ratios inside one run of this file mean something.

    finetune   our loop, labels alone: what training the student costs without any teacher
    ackd       our loop: teacher bank, length buckets, the recipe's precision, fused AdamW
    no bank    our loop, but the teacher runs on every batch; negatives from the batch
    trainer    Hugging Face Trainer, compute_loss runs the teacher (KD alone), pads to the longest of a batch
    plain      a plain loop: the teacher on every batch, padded to max_length, float32
    textbrewer TextBrewer's GeneralDistiller, KD and hidden-state MSE, padded to max_length as in its examples; only
               where it is installed (pip install textbrewer==0.2.1.post1)
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from distill_rivals import Rivals, quiet, training_rows

from ackd_deploy.distill.context import Context
from ackd_deploy.distill.losses.features import normalize, pool_layers
from ackd_deploy.distill.objective import student_objective
from ackd_deploy.distill.pipeline import opened_context, prepare, unfinished
from ackd_deploy.models.student import build_student
from ackd_deploy.recipe import load_recipe
from ackd_deploy.run import Run, package_versions
from ackd_deploy.training.arguments import Persistence, Placement, Settings
from ackd_deploy.training.batch_schedule import BatchSchedule
from ackd_deploy.training.checkpoint import Checkpoints
from ackd_deploy.training.device import autocast
from ackd_deploy.training.evaluate import predict_logits, to_device
from ackd_deploy.training.loop import train
from ackd_deploy.training.process_group import ProcessGroup


class LiveBank:
    """Has a bank's face, and runs the teacher instead: what our loop would cost without the bank."""

    def __init__(self, teacher: Any, context: Context) -> None:
        self.rows = len(training_rows(context))
        self.width = teacher.config.hidden_size
        self.device = context.device
        self._teacher = teacher.to(context.device).eval()
        self._context = context
        self._known: tuple[bytes, Any, Any] = (b"", None, None)

    def logits(self, rows: np.ndarray) -> torch.Tensor:
        return self._run(rows)[0].logits.float()

    def features(self, rows: np.ndarray, pooling: str) -> torch.Tensor:
        outputs, mask = self._run(rows)
        return normalize(pool_layers(outputs.hidden_states, mask, self._context.layers, pooling))

    def _run(self, rows: np.ndarray) -> tuple[Any, torch.Tensor]:
        key = rows.tobytes()
        if key != self._known[0]:
            inputs = to_device(training_rows(self._context).batch(rows), self.device)
            with torch.no_grad(), autocast(self.device, self._context.dtype):
                outputs = self._teacher(**inputs, output_hidden_states=True)
            self._known = (key, outputs, inputs["attention_mask"])
        return self._known[1], self._known[2]


class Bench:
    """One loop a method: ``loop(model, steps)`` trains in place and returns rows trained on and seconds."""

    def __init__(self, context: Context, teacher: Any, bank: Any) -> None:
        self.context = context
        self.recipe = context.recipe
        self.teacher = teacher
        self.bank = bank
        self.loops: dict[str, Callable[[Any, int], tuple[int, float]]] = {
            "finetune": lambda model, steps: self.ours("finetune", model, steps, None),
            "ackd": lambda model, steps: self.ours("ackd", model, steps, self.bank),
            "no bank": self.no_bank,
            **Rivals(context, teacher).loops,
        }

    def student(self) -> Any:
        return build_student(self.teacher, self.recipe.student, self.context.layers, seed=self.recipe.seed)

    def ours(self, method: str, model: Any, steps: int, bank: Any, *, batch: bool = False) -> tuple[int, float]:
        context, distill = self.context, self.recipe.distill
        if batch:
            negatives = distill.cdl.negatives.model_copy(update={"source": "batch"})
            distill = distill.model_copy(update={"cdl": distill.cdl.model_copy(update={"negatives": negatives})})
        objective = student_objective(
            method,
            distill,
            labels=training_rows(context).labels,
            problem_type=training_rows(context).problem_type,
            bank=bank,
            student_width=model.config.hidden_size,
            layers=self.recipe.student.layers,
            seed=self.recipe.seed,
            device=context.device,
            process_group=ProcessGroup(),
        )
        per_epoch = -(-len(training_rows(context)) // distill.batch_size)
        settings = Settings(
            stage=method,
            seed=self.recipe.seed,
            optimization=distill.model_copy(update={"epochs": steps / per_epoch}),
            log_steps=distill.log_steps,
            checkpoint_steps=10**9,
        )
        placement = Placement(device=context.device, dtype=context.dtype)
        with tempfile.TemporaryDirectory() as folder, quiet():
            persistence = Persistence(checkpoints=Checkpoints(Path(folder), {}))
            outcome = train(model, objective, training_rows(context), settings, placement, persistence)
        return outcome.samples, outcome.seconds

    def no_bank(self, model: Any, steps: int) -> tuple[int, float]:
        return self.ours("ackd", model, steps, LiveBank(self.teacher, self.context), batch=True)


def share_of_peak(context: Context, model: Any, rows_per_second: float, steps: int) -> float | None:
    """FLOP/s of the student's matrix products over what one large product reaches here, in the same precision."""
    side = 4096 if context.device.type == "cuda" else 1536
    a, b = (torch.randn(side, side, device=context.device, dtype=context.dtype) for _ in range(2))
    for _ in range(2):
        a @ b
    times = []
    for _ in range(5):
        if context.device.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        a @ b
        if context.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    reached = 2 * side**3 / min(times)
    stack = sum(p.numel() for n, p in model.named_parameters() if ".layer." in n and p.ndim == 2)
    schedule = BatchSchedule(training_rows(context).lengths, context.recipe.distill.batch_size, context.recipe.seed)
    # The batches that were timed: each round begins at the first.
    batches = [schedule.rows(step) for step in range(steps)]
    tokens = statistics.mean(float(training_rows(context).lengths[rows].max()) for rows in batches)
    # Two for multiply and add, three for the forward pass and the two products of the backward one.
    return 6 * stack * tokens * rows_per_second / reached


def to_accuracy(bench: Bench, name: str, bound: float, most_epochs: int) -> tuple[float | None, float]:
    """Train in whole-epoch budgets until the bound is met; seconds of training alone, and the accuracy reached."""
    context = bench.context
    per_epoch = -(-len(training_rows(context)) // bench.recipe.distill.batch_size)
    best = 0.0
    for epochs in range(1, most_epochs + 1):
        # A schedule ends where its budget ends, so each budget is a training of its own.
        model = bench.student()
        _, seconds = bench.loops[name](model, epochs * per_epoch)
        held_out = context.encoded(context.validation_rows, context.student_tokenizer)
        logits = predict_logits(model, held_out, context.device)
        found = context.task.score(logits, held_out.labels)
        best = max(best, found)
        if found >= bound:
            return seconds, found
    return None, best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--accuracy", type=float)
    parser.add_argument("--epochs", type=int, default=4, help="most epochs tried for --accuracy")
    parser.add_argument("--loops", default="finetune,ackd,no bank,trainer,plain,textbrewer")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    recipe = load_recipe(options.recipe, overrides=options.overrides)
    run = Run.open(options.runs / f"{recipe.name}-bench", recipe)
    with run.lock(), opened_context(run, options.device) as context:
        teacher, bank = prepare(context, ["ackd"], unfinished(context, {}))
        bench = Bench(context, teacher, bank)
        names = [name for name in bench.loops if name in options.loops.split(",")]
        speeds: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(options.rounds + 1):
            for name in names:
                rows, seconds = bench.loops[name](bench.student(), options.steps if turn else 3)
                if turn:
                    speeds[name].append(rows / seconds)
        medians = {name: statistics.median(values) for name, values in speeds.items()}
        reached = {}
        if options.accuracy is not None:
            reached = {name: to_accuracy(bench, name, options.accuracy, options.epochs) for name in names}
        peak = share_of_peak(context, bench.student(), medians["ackd"], options.steps) if "ackd" in medians else None
        result = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": platform.processor() or platform.machine(),
            "device": torch.cuda.get_device_name(context.device) if context.device.type == "cuda" else "cpu",
            "threads": torch.get_num_threads(),
            "precision": str(context.dtype).removeprefix("torch."),
            "batch_size": recipe.distill.batch_size,
            "mean_tokens": float(training_rows(context).lengths.mean()),
            "max_length": recipe.data.max_length,
            "samples_per_second": speeds,
            "median": medians,
            "seconds_to_accuracy": {name: value[0] for name, value in reached.items()},
            "accuracy_reached": {name: value[1] for name, value in reached.items()},
            "share_of_measured_matmul_peak": peak,
            "versions": package_versions(),
        }
    base = medians.get("plain")
    print(f"{'loop':10} {'samples/s':>10} {'x plain':>8}" + (f" {'s to accuracy':>14}" if reached else ""))
    for name in names:
        ratio = f"{medians[name] / base:8.2f}" if base else " " * 8
        seconds, found = reached.get(name, (None, 0.0))
        late = f" {seconds:14.0f}" if seconds else f" {f'not: {found:.3f}':>14}"
        print(f"{name:10} {medians[name]:10.1f} {ratio}" + (late if reached else ""))
    if peak is not None:
        print(f"ackd: {100 * peak:.0f}% of the FLOP/s that one large {result['precision']} product reaches here")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
