"""Small labeled files for every kind of task. One word of a text decides its label, so a tiny model can learn them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["TASKS", "make_teacher", "write_task"]

FILLERS = (
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "it",
    "is",
    "was",
    "for",
    "on",
    "with",
    "as",
    "by",
    "at",
    "from",
    "this",
)
TOPICS = tuple(f"topic{index}" for index in range(20))
SIGNS = ("good", "bad", "same", "other", "red", "blue", "green", *(f"level{index}" for index in range(10)))
TRAIN, VALIDATION = 240, 80
Row = dict[str, Any]
MakeRow = Callable[[np.random.Generator, int], Row]


def sentence(rng: np.random.Generator, *words: str, length: int = 6) -> str:
    """Fillers with the words somewhere among them."""
    found = [*rng.choice(FILLERS, length), *words]
    rng.shuffle(found)
    return " ".join(found)


def two_classes(rng: np.random.Generator, row: int) -> Row:
    return {"text": sentence(rng, ("bad", "good")[row % 2]), "label": ("negative", "positive")[row % 2]}


def twenty_classes(rng: np.random.Generator, row: int) -> Row:
    return {"text": sentence(rng, TOPICS[row % 20], length=3), "label": f"about {TOPICS[row % 20]}"}


def pairs(rng: np.random.Generator, row: int) -> Row:
    words = (("same", "good"), ("other", "bad"))[row % 2]
    return {"text": sentence(rng, words[0]), "text_pair": sentence(rng, words[1]), "label": ("yes", "no")[row % 2]}


def multi_label(rng: np.random.Generator, row: int) -> Row:
    on = [name for bit, name in enumerate(("red", "blue", "green")) if row >> bit & 1]
    return {"text": sentence(rng, *on, length=2), **{name: int(name in on) for name in ("red", "blue", "green")}}


def regression(rng: np.random.Generator, row: int) -> Row:
    return {"text": sentence(rng, f"level{row % 10}"), "score": row % 10 / 10}


def imbalanced(rng: np.random.Generator, row: int) -> Row:
    rare = row % 31 == 0
    return {"text": sentence(rng, "bad" if rare else "good"), "label": "rare" if rare else "usual"}


def long_texts(rng: np.random.Generator, row: int) -> Row:
    # The deciding word comes last, beyond what the model reads of the beginning.
    text = " ".join([*rng.choice(FILLERS, 30), ("bad", "good")[row % 2]])
    return {"text": text, "label": ("negative", "positive")[row % 2]}


def soft(rng: np.random.Generator, row: int) -> Row:
    positive = 0.9 if row % 2 else 0.1
    return {**two_classes(rng, row), "p_negative": round(1 - positive, 2), "p_positive": positive}


TASKS: dict[str, tuple[MakeRow, dict[str, Any]]] = {
    "two classes": (two_classes, {}),
    "twenty classes": (twenty_classes, {"teacher.finetune.epochs": 24, "distill.epochs": 24}),
    "pairs": (pairs, {}),
    "multi-label": (multi_label, {"teacher.finetune.epochs": 24, "distill.epochs": 24}),
    "regression": (regression, {}),
    "imbalance 1:30": (
        imbalanced,
        {
            "data.metric": "macro_f1",
            "distill.class_weights": "balanced",
            "teacher.finetune.epochs": 10,
            "distill.epochs": 10,
        },
    ),
    "long texts": (long_texts, {"data.long_texts": "head_tail"}),
    "unlabeled": (two_classes, {"data.unlabeled": "unlabeled.csv", "data.train_rows": 120}),
    "soft labels": (soft, {"data.soft_labels": ["p_negative", "p_positive"]}),
}


def write_rows(path: Path, make: MakeRow, count: int, seed: int, without: Sequence[str] = ()) -> None:
    """Write a CSV file; rows of other seeds are other texts."""
    rng = np.random.default_rng(seed)
    rows = [make(rng, row) for row in range(count)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name not in without], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_task(folder: Path, task: str) -> dict[str, Any]:
    """Write a task's files into the folder, and return the recipe keys that `recipe init` does not guess."""
    make, settings = TASKS[task]
    for name, count, seed in (("train", TRAIN, 1), ("validation", VALIDATION, 2)):
        write_rows(folder / f"{name}.csv", make, count, seed)
    found: dict[str, Any] = {
        "data.max_length": 16,
        "student.layers": 1,
        "distill.method": "kd",
        "distill.baselines": [],
        "distill.precision": "fp32",
        "export.variants": ["fp32", "int8_dynamic"],
        "export.latency_all_threads": False,
        "gates.parity_rows": 16,
        # 80 rows cannot show half a point; what is looked for here are steps that do not fit together.
        "gates.max_accuracy_drop": 5.0,
        "gates.max_error_growth": 1.0,
        "gates.min_agreement": 0.9,
    }
    for section in ("teacher.finetune", "distill"):
        found |= {f"{section}.epochs": 6, f"{section}.learning_rate": 3e-3, f"{section}.batch_size": 16}
    found |= settings
    if "data.unlabeled" in found:
        found["data.unlabeled"] = str(folder / found["data.unlabeled"])
        write_rows(folder / "unlabeled.csv", make, TRAIN, 3, without=["label"])
    return found


def make_teacher(folder: Path) -> Path:
    """Save a 2-layer, 32-wide BERT of random weights whose vocabulary has every word of the tasks."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS, *TOPICS, *SIGNS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    # From the folder: transformers 5 takes no file as an argument, and would know no word.
    BertTokenizerFast.from_pretrained(str(folder)).save_pretrained(str(folder))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, hidden_dropout_prob=0.0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder
