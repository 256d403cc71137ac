"""How good an artifact is, as measured on held-out rows when it was made, and what its card says beside that."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ackd_deploy.artifact.part import MAX_LABELS, Name, Part

__all__ = ["CardInfo", "ClassQuality", "Quality"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")]


class ClassQuality(Part):
    """One class on the held-out rows; a label of a multi-label task is judged for itself."""

    name: Name
    precision: Share
    recall: Share
    f1: Share
    support: Annotated[int, Field(ge=0)] = Field(description="Rows that are labeled so.")


class Quality(Part):
    """The chosen variant on the validation rows, with what it stands beside."""

    metric: Name = Field(description="The deciding metric, as recipes name it.")
    value: float
    interval: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        None, description="Of the deciding metric, 95 %, over rows."
    )
    rows: Annotated[int, Field(ge=1)]
    metrics: Annotated[dict[Name, float], Field(max_length=100)] = Field(
        default_factory=dict, description="All of the task's metrics by name, the deciding one among them."
    )
    teacher: float | None = Field(None, description="The deciding metric of the classifier that it was made from.")
    constant: float | None = Field(
        None, description="The deciding metric of the best answer that is the same for every row."
    )
    classes: Annotated[list[ClassQuality], Field(max_length=MAX_LABELS)] | None = None


class CardInfo(Part):
    """What the model card's metadata say beside the figures; the hub's conventions name the fields."""

    license: Code | None = None
    language: Annotated[list[Code], Field(max_length=200)] | None = None
    base_model: Code | None = Field(None, description="Hub id of the classifier that it was made from.")
    base_model_relation: Literal["finetune", "quantized"] | None = None
    datasets: Annotated[list[Code], Field(max_length=100)] | None = Field(None, description="Hub ids.")
    validation: Name = Field("validation", description="The held-out rows: hub id or name of the file.")
