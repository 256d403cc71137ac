"""What every part of a manifest is made of: strict, bounded types. An artifact may come from an untrusted source."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, StringConstraints, model_serializer

from ackd_deploy.tasks.label_names import LABEL_NAME, MAX_LABEL_CHARACTERS

__all__ = ["MAX_LABELS", "MAX_TEXT_CHARACTERS", "Digest", "Name", "Part", "RelativePath", "Text"]

MAX_LABELS = 10_000
MAX_TEXT_CHARACTERS = 100_000

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LABEL_CHARACTERS, pattern=LABEL_NAME)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_FILE = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
RelativePath = Annotated[str, StringConstraints(pattern=rf"^{_FILE}(/{_FILE}){{0,3}}$")]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARACTERS)]


class Part(BaseModel):
    """Base of all parts: unknown keys are errors, values are not coerced, NaN is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _without_absent(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Written where it says something: readers from before an optional field then read artifacts without it, and
        # refuse those with it, which they would misread.
        return {name: value for name, value in dump(self).items() if value is not None}
