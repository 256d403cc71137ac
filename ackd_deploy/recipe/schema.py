"""The whole recipe, and what its sections must agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, model_validator

from ackd_deploy.recipe.sections import Card, Data, Distill, Export, Gates, Section, Student, Teacher
from ackd_deploy.recipe.sections.data import HeldOut
from ackd_deploy.recipe.sections.export import CALIBRATED

__all__ = ["Recipe", "check_methods_without_teacher"]


_WITHOUT_TEACHER = ("kd", "finetune")


def check_methods_without_teacher(methods: Sequence[str]) -> None:
    """Refuse methods that need more of a teacher than its answers.

    Raises:
        ValueError: naming them.
    """
    if unknown := [method for method in dict.fromkeys(methods) if method not in _WITHOUT_TEACHER]:
        raise ValueError(
            f"{', '.join(unknown)} need{'s' if len(unknown) == 1 else ''} a teacher.model: soft labels have no hidden "
            "states; use distill.method kd, and baselines kd and finetune"
        )


class Recipe(Section):
    """Everything that decides a run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        "run", description="Name of the run's folder under runs/; absent: the recipe file's name."
    )
    description: str = Field("", description="What the run is for, in a sentence; shown in its report.")
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = Field(
        42, description="All random choices follow from it: order of rows, dropout, negatives, new weights."
    )
    data: Data = Field(description="Labeled text.")
    teacher: Teacher = Field(description="The classifier to be compressed.")
    student: Student = Field(Student(), description="The small classifier.")
    distill: Distill = Field(Distill(), description="Its training.")
    export: Export = Field(Export(), description="Graphs to try.")
    gates: Gates = Field(Gates(), description="Bounds that they must keep.")
    card: Card = Field(Card(), description="Metadata of the model card.")

    @property
    def existing(self) -> bool:
        """Whether a classifier is exported as it is: nothing is distilled and nothing is trained."""
        return self.distill.method == "none" and self.teacher.finetune is None

    @model_validator(mode="after")
    def _training_rows_are_there(self) -> Recipe:
        if self.data.train is not None:
            return self
        if not self.existing:
            raise ValueError("data.train is missing")
        if calibrated := [name for name in self.export.variants if name in CALIBRATED]:
            raise ValueError(f"export.variants: {' and '.join(calibrated)} need rows to calibrate on, in data.train")
        if self.data.tuning_rows is not None or isinstance(self.data.validation, HeldOut):
            raise ValueError("data.tuning_rows and a share held out are rows of data.train, which is absent")
        if self.export.fit_temperature:
            raise ValueError("export.fit_temperature needs rows to fit it on, in data.train")
        return self

    @property
    def answers_given(self) -> bool:
        """Whether soft labels are all there is of a teacher: no model answers."""
        return self.teacher.model is None

    @model_validator(mode="after")
    def _soft_labels_can_teach(self) -> Recipe:
        if not self.answers_given:
            return self
        if self.data.soft_labels is None:
            raise ValueError("teacher.model is null, and data.soft_labels names no columns with a teacher's answers")
        if self.teacher.finetune is not None or self.teacher.revision is not None:
            raise ValueError("teacher.finetune and teacher.revision need a teacher.model")
        check_methods_without_teacher([self.distill.method, *self.distill.baselines])
        if self.student.init in ("teacher", "random"):
            raise ValueError(
                "student.init names a checkpoint where teacher.model is null: there is nothing else to start from"
            )
        if self.data.augment is not None:
            raise ValueError("data.augment needs a teacher.model to label its copies")
        if self.data.unlabeled is not None:
            raise ValueError(
                "data.unlabeled needs a teacher.model to label it: give these texts soft labels, in data.train"
            )
        return self

    @model_validator(mode="after")
    def _baselines_have_a_method(self) -> Recipe:
        if self.distill.method == "none" and self.distill.baselines:
            raise ValueError("distill.baselines are students, and distill.method 'none' trains no student")
        return self

    @model_validator(mode="after")
    def _classes_are_there(self) -> Recipe:
        if self.distill.class_weights is not None and not self.data.task.has_classes:
            raise ValueError("distill.class_weights needs classes, and data.problem_type is regression")
        return self

    @model_validator(mode="after")
    def _decisions_have_their_rows(self) -> Recipe:
        for key in ("thresholds", "abstain"):
            if getattr(self.export, key) is None:
                continue
            if not self.data.task.has_classes:
                raise ValueError(f"export.{key} needs classes, and data.problem_type is regression")
            if self.data.tuning_rows is None:
                raise ValueError(
                    f"export.{key} needs data.tuning_rows, such as 500: rows that nothing is trained on, since the "
                    "scores of training rows are surer than those of others"
                )
        return self

    @model_validator(mode="after")
    def _best_is_chosen_on_rows(self) -> Recipe:
        finetune = self.teacher.finetune
        sections = {"distill": self.distill, **({} if finetune is None else {"teacher.finetune": finetune})}
        for name, section in sections.items():
            if section.select == "best" and self.data.tuning_rows is None:
                raise ValueError(
                    f"{name}.select: best needs data.tuning_rows, such as 500: rows that nothing is trained on, to "
                    "choose the weights by"
                )
        return self

    @model_validator(mode="after")
    def _map_matches_layers(self) -> Recipe:
        layer_map = self.student.layer_map
        if isinstance(layer_map, list) and len(layer_map) != self.student.layers:
            raise ValueError(
                f"student.layer_map names {len(layer_map)} teacher layers for {self.student.layers} student layers"
            )
        weights = self.distill.cdl.layer_weights
        if weights is not None and len(weights) != self.student.layers:
            raise ValueError(
                f"distill.cdl.layer_weights has {len(weights)} entries for {self.student.layers} student layers"
            )
        return self
