"""What all sections of a recipe share: strictness, bounded numbers, and the settings of any training."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Count", "NonNegative", "Optimization", "Positive", "Section", "Share"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are not coerced, and nothing mutates."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True, allow_inf_nan=False)


class Optimization(Section):
    """What every training has, the teacher's and the student's: AdamW's settings and the batches."""

    epochs: Positive = Field(
        3.0, description="Passes over the training rows; 1.5 is one and a half, rounded to whole batches, at least one."
    )
    learning_rate: Positive = Field(
        5e-5, description="AdamW's largest learning rate; it rises linearly to it and falls linearly to 0."
    )
    batch_size: Count = Field(32, description="Rows of one process's batch, at most; several processes each take it.")
    max_batch_tokens: Count | None = Field(
        None,
        description="Padded tokens of one process's batch, at most: long texts come in smaller batches. "
        "Absent: batch_size alone decides.",
    )
    warmup_ratio: Share = Field(
        0.1, description="Share of the steps in which the learning rate rises; in the rest it falls."
    )
    weight_decay: NonNegative = Field(
        0.01, description="AdamW's decoupled weight decay; biases and normalization weights have none."
    )
    max_grad_norm: Positive = Field(
        1.0, description="Euclidean norm to which the gradient of all parameters together is clipped."
    )
    select: Literal["last", "best"] = Field(
        "last",
        description="Weights to keep: of the 'last' step, or of the 'best' evaluation by the deciding metric on "
        "data.tuning_rows.",
    )
    evaluation_steps: Count | None = Field(
        None, description="Optimizer steps between two evaluations of select 'best'; absent: those of an epoch."
    )
    early_stopping: Count | None = Field(
        None,
        description="Stop after so many evaluations in a row that are no better than the best one (select 'best'); "
        "absent: train all epochs.",
    )

    @model_validator(mode="after")
    def _evaluations_have_a_use(self) -> Self:
        if self.select == "last" and (self.early_stopping is not None or self.evaluation_steps is not None):
            raise ValueError("early_stopping and evaluation_steps need select: best")
        return self
