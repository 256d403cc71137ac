"""The loops that `bench/distill.py` measures ours against: what people write by hand, and what they install."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ackd_deploy.data.encoded import Encoded
from ackd_deploy.distill.context import Context
from ackd_deploy.training.evaluate import to_device


def training_rows(context: Context) -> Encoded:
    """Return the training rows as the student reads them."""
    return context.encoded(context.train_rows, context.student_tokenizer)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with Path("/dev/null").open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


class Rivals:
    """Each loop trains a student in place for some steps and returns rows trained on and seconds."""

    def __init__(self, context: Context, teacher: Any) -> None:
        self.context = context
        self.recipe = context.recipe
        self.teacher = teacher
        self.loops: dict[str, Callable[[Any, int], tuple[int, float]]] = {
            "trainer": self._trainer,
            "plain": self._plain,
        }
        if importlib.util.find_spec("textbrewer"):
            self.loops["textbrewer"] = self._textbrewer
        else:
            print("textbrewer isn't installed: left out", file=sys.stderr)

    def _plain(self, model: Any, steps: int) -> tuple[int, float]:
        device, train_data, distill = self.context.device, training_rows(self.context), self.recipe.distill
        teacher = self.teacher.to(device).eval()
        model.to(device).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=distill.learning_rate)
        labels = torch.from_numpy(train_data.labels).to(device)
        rng = np.random.default_rng(self.recipe.seed)
        order = np.concatenate([rng.permutation(len(train_data)) for _ in range(1 + steps * 64 // len(train_data))])
        size, began = distill.batch_size, time.perf_counter()
        for step in range(steps):
            rows = order[step * size : (step + 1) * size]
            inputs = to_device(self._padded(rows), device)
            with torch.no_grad():
                theirs = teacher(**inputs, output_hidden_states=True)
            ours = model(**inputs, output_hidden_states=True)
            loss = distill.ce_weight * functional.cross_entropy(ours.logits, labels[rows])
            t = distill.kd_temperature
            loss = loss + distill.kd_weight * t * t * functional.kl_div(
                functional.log_softmax(ours.logits / t, -1),
                functional.softmax(theirs.logits / t, -1),
                reduction="batchmean",
            )
            pairs = zip(range(1, self.recipe.student.layers + 1), self.context.layers, strict=True)
            for mine, other in pairs:
                a = functional.normalize(ours.hidden_states[mine].mean(1), dim=-1)
                b = functional.normalize(theirs.hidden_states[other].mean(1), dim=-1)
                same = torch.arange(len(rows), device=device)
                loss = loss + distill.feature_weight / self.recipe.student.layers * functional.cross_entropy(
                    a @ b.T / distill.cdl.temperature, same
                )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), distill.max_grad_norm)
            optimizer.step()
            loss.item()
        return steps * size, time.perf_counter() - began

    def _padded(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        batch = training_rows(self.context).batch(rows)
        room = self.recipe.data.max_length - batch["input_ids"].shape[1]
        fill = {"input_ids": training_rows(self.context).pad_id}
        return {k: np.pad(v, ((0, 0), (0, room)), constant_values=fill.get(k, 0)) for k, v in batch.items()}

    def _trainer(self, model: Any, steps: int) -> tuple[int, float]:
        from transformers import Trainer, TrainingArguments

        context, distill = self.context, self.recipe.distill
        teacher = self.teacher.to(context.device).eval()

        class Distiller(Trainer):  # type: ignore[misc]
            def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
                labels = inputs.pop("labels")
                ours = model(**inputs)
                with torch.no_grad():
                    theirs = teacher(**inputs)
                t = distill.kd_temperature
                loss = distill.ce_weight * functional.cross_entropy(ours.logits, labels)
                loss = loss + distill.kd_weight * t * t * functional.kl_div(
                    functional.log_softmax(ours.logits / t, -1),
                    functional.softmax(theirs.logits / t, -1),
                    reduction="batchmean",
                )
                return (loss, ours) if return_outputs else loss

        class LabeledTexts(torch.utils.data.Dataset[int]):
            def __len__(self) -> int:
                return len(training_rows(context))

            def __getitem__(self, index: int) -> int:
                return index

        def collate(rows: list[int]) -> dict[str, torch.Tensor]:
            batch = {k: torch.from_numpy(v) for k, v in training_rows(context).batch(rows).items()}
            return {**batch, "labels": torch.from_numpy(training_rows(context).labels[rows])}

        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder,
                max_steps=steps,
                per_device_train_batch_size=distill.batch_size,
                learning_rate=distill.learning_rate,
                report_to=[],
                save_strategy="no",
                logging_steps=distill.log_steps,
                disable_tqdm=True,
                use_cpu=context.device.type == "cpu",
                remove_unused_columns=False,
            )
            worker = Distiller(model=model.train(), args=arguments, train_dataset=LabeledTexts(), data_collator=collate)
            with contextlib.redirect_stdout(None):
                began = time.perf_counter()
                worker.train()
                return steps * distill.batch_size, time.perf_counter() - began

    def _textbrewer(self, model: Any, steps: int) -> tuple[int, float]:
        import textbrewer

        logging.getLogger("Distillation").setLevel(logging.WARNING)
        context, distill = self.context, self.recipe.distill
        train, device = training_rows(context), context.device
        teacher = self.teacher.to(device).eval()
        matches = [
            {"layer_T": theirs, "layer_S": mine, "feature": "hidden", "loss": "hidden_mse", "weight": 1}
            for mine, theirs in enumerate(context.layers, start=1)
        ]

        def adaptor(_: Any, outputs: Any) -> dict[str, Any]:
            return {"logits": outputs.logits, "hidden": outputs.hidden_states, "losses": outputs.loss}

        def collate(rows: list[int]) -> dict[str, torch.Tensor]:
            batch = {k: torch.from_numpy(v) for k, v in self._padded(np.array(rows)).items()}
            return {**batch, "labels": torch.from_numpy(train.labels[rows])}

        with tempfile.TemporaryDirectory() as folder, quiet():
            distiller = textbrewer.GeneralDistiller(
                # Its checkpoints are no part of what is measured: one at the end is all it can be asked for.
                textbrewer.TrainingConfig(output_dir=folder, log_dir=None, ckpt_steps=steps, device=str(device)),
                textbrewer.DistillationConfig(
                    temperature=distill.kd_temperature,
                    hard_label_weight=distill.ce_weight,
                    kd_loss_weight=distill.kd_weight,
                    intermediate_matches=matches,
                ),
                teacher,
                model.to(device).train(),
                adaptor,
                adaptor,
            )
            loader = torch.utils.data.DataLoader(
                list(range(len(train))), batch_size=distill.batch_size, shuffle=True, collate_fn=collate
            )
            optimizer = torch.optim.AdamW(model.parameters(), lr=distill.learning_rate)
            began = time.perf_counter()
            with distiller:
                distiller.train(
                    optimizer,
                    loader,
                    num_steps=steps,
                    max_grad_norm=distill.max_grad_norm,
                    callback=lambda **_: None,
                    output_hidden_states=True,
                )
            return steps * distill.batch_size, time.perf_counter() - began
