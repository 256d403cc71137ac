"""What goes in and what comes out of ``/classify``, and the parsing of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ackd_deploy.serving.problems import Problem
from ackd_deploy.tasks.text import Text

__all__ = ["ClassifyRequest", "ClassifyResponse", "ErrorResponse", "LabelScore", "Result", "parse"]

Parsed = TypeVar("Parsed", bound=BaseModel)
_SHOWN_ERRORS = 10


class ClassifyRequest(BaseModel):
    """One text, several texts, or pairs of texts; exactly one of the three."""

    # Unknown fields are refused below: "forbid" builds an error for each of them, and there may be 100,000.
    model_config = ConfigDict(
        extra="allow",
        strict=True,
        frozen=True,
        title="ClassifyRequest",
        json_schema_extra={"additionalProperties": False},
    )

    text: str | None = Field(None, description="One text.", examples=["A warm, funny and clever film."])
    texts: Annotated[list[str], Field(min_length=1, fail_fast=True)] | None = Field(
        None, description="Several texts, answered in this order."
    )
    pairs: Annotated[list[tuple[str, str]], Field(min_length=1, fail_fast=True)] | None = Field(
        None, description="Pairs of texts, for a model that was trained on pairs."
    )
    top_k: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Also return this many labels, best first; fewer where the model has fewer."
    )
    scores: bool = Field(False, description="Also return the score of every label.")
    truncate: Literal["truncate", "error"] = Field(
        "truncate", description="What to do with a text longer than the model reads: leave tokens out, or refuse."
    )

    @model_validator(mode="after")
    def _known_fields(self) -> ClassifyRequest:
        for name in self.model_extra or ():
            raise ValueError(f"there is no field named {name[:60]!r}")
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> ClassifyRequest:
        if sum(value is not None for value in (self.text, self.texts, self.pairs)) != 1:
            raise ValueError("give exactly one of text, texts and pairs")
        return self

    def items(self) -> list[Text]:
        """Return what is to be classified, as a list."""
        if self.text is not None:
            return [self.text]
        return list(self.texts or self.pairs or ())


class LabelScore(BaseModel):
    """A label and its score."""

    label: str
    score: float


class Result(BaseModel):
    """The answer for one text."""

    label: str = Field(description="The best label; for regression, score.")
    score: float = Field(description="Its probability; for regression, the value.")
    labels: list[str] | None = Field(None, description="Multi-label models: all labels that apply; there may be none.")
    decision: Literal["accept", "review"] | None = Field(
        None,
        description="Models that abstain: 'review' where the model is not sure enough of its answer, for a person to "
        "look at.",
    )
    truncated: bool = Field(description="Whether tokens of the text were not read.")
    num_tokens: int = Field(description="Tokens of the whole text, special ones included.")
    scores: dict[str, float] | None = Field(None, description="On request: every label's score.")
    top_k: list[LabelScore] | None = Field(None, description="On request: the best labels.")


class ClassifyResponse(BaseModel):
    """Results in the order of the texts."""

    model: str = Field(description="Name and variant of the model.")
    results: list[Result]
    request_id: str
    milliseconds: float = Field(description="Time inside the service, from the parsed body to the answer.")


class _Error(BaseModel):
    code: str
    message: str
    details: list[dict[str, Any]] | None = None


class ErrorResponse(BaseModel):
    """Any answer that is not 2xx."""

    error: _Error
    request_id: str


def parse(model: type[Parsed], body: bytes) -> Parsed:
    """Parse and validate a body.

    Validation must stop at a list's first mistake (fail_fast): a body of 1 MB has room for a million of them, and
    pydantic would build an error of a kilobyte for each.

    Raises:
        Problem: 400 when it is no JSON in UTF-8, 422 when it is JSON of another shape. What the client
            sent is never repeated: it may be private, and it may be megabytes.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
    if any(item["type"] == "json_invalid" for item in found):
        raise Problem(
            400, "invalid_json", f"the body is not valid JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}"
        )
    # Keys that the client made up stand in `loc`, so those are cut too.
    details = [
        {
            "where": ".".join(str(part)[:60] for part in item["loc"][:4]) or "body",
            "problem": item["msg"].removeprefix("Value error, ")[:200],
        }
        for item in found[:_SHOWN_ERRORS]
    ]
    first = details[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise Problem(422, "invalid_request", f"{first['where']}: {first['problem']}{more}", details=details)
