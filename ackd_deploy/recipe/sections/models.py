"""The recipe's sections ``teacher`` and ``student``: the classifier to be compressed, and what becomes of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ackd_deploy.recipe.sections.base import Count, Optimization, Section

__all__ = ["Finetune", "LayerMap", "Student", "Teacher"]

LayerMap = Literal["uniform", "last", "first", "skip"]


class Finetune(Optimization):
    """Training of the teacher on the recipe's data before distillation."""


class Teacher(Section):
    """The classifier to be compressed."""

    model: str | None = Field(
        description="Folder in Hugging Face layout, or hub id. `null`: no local teacher, data.soft_labels are the "
        "teacher's answers; the methods kd and finetune work then, from a student.init of its own."
    )
    revision: str | None = Field(None, description="Commit of the hub model to pin; absent: the newest.")
    finetune: Finetune | None = Field(
        None, description="How the teacher is trained on the data first; absent: it is used as it is."
    )


class Student(Section):
    """The small classifier: fewer layers and, where wanted, narrower ones."""

    layers: Count = Field(4, description="Number of the student's layers, M.")
    layer_map: LayerMap | list[Count] = Field(
        "uniform",
        description="Teacher layer (from 1) that each student layer learns from. 'uniform': spread evenly, the last "
        "one included; 'skip': the same without the last; 'first' or 'last' M layers; or a list of M layers. "
        "[R: TinyBERT, MiniLM, PKD]",
    )
    init: str = Field(
        "teacher",
        description="What the student starts from: 'teacher' (its mapped layers, embeddings and head), 'random', or a "
        "folder or hub id of a checkpoint of its own, also of another family, with its own tokenizer. "
        "[R: PKD, DistilBERT]",
    )
    hidden_size: Count | None = Field(
        None,
        description="Width of the hidden states; absent: the teacher's. Narrower students need another init than "
        "'teacher'.",
    )
    attention_heads: Count | None = Field(
        None, description="Attention heads of a layer, a divisor of hidden_size; absent: the teacher's."
    )
    intermediate_size: Count | None = Field(
        None,
        description="Width inside the feed-forward blocks; absent: the teacher's, or four times a hidden_size given "
        "here.",
    )
