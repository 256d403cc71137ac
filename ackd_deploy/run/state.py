"""``run.json`` as a typed value: which stages are done, and what they found."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError, model_validator

from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import read_json, write_json
from ackd_deploy.run.records import Record
from ackd_deploy.run.stages import parse_stage
from ackd_deploy.run.versions import package_versions

__all__ = ["RunState", "StageEntry", "now", "read_state", "write_state"]

_SCHEMA = 3


def now() -> str:
    """Return this moment in UTC, in ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class StageEntry(BaseModel):
    """Where a stage stands, and what it recorded when it ended, well or not."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["running", "done", "failed"]
    started: str
    finished: str | None = None
    record: SerializeAsAny[Record] | None = None


class RunState(BaseModel):
    """The content of run.json; stages stand in the order in which they began last."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[3] = 3
    name: str
    created: str
    seed: int
    versions: dict[str, str]
    inputs: dict[str, str] = {}
    """Recipe key to fingerprint of the data files and models that the stages were made from."""
    stages: dict[str, StageEntry] = {}

    @classmethod
    def new(cls, name: str, seed: int) -> Self:
        """Return the state of a run in which nothing has been done."""
        return cls(name=name, created=now(), seed=seed, versions=package_versions())

    @model_validator(mode="before")
    @classmethod
    def _typed_records(cls, content: Any) -> Any:
        stages = content.get("stages") if isinstance(content, dict) else None
        if not isinstance(stages, dict):
            return content
        typed = {}
        for name, entry in stages.items():
            stage, record = parse_stage(name), entry.get("record") if isinstance(entry, dict) else None
            typed[name] = entry if record is None else {**entry, "record": stage.record.model_validate(record)}
        return {**content, "stages": typed}


def read_state(path: Path) -> RunState:
    """Read run.json.

    Raises:
        ArtifactError: it is missing, damaged, or of another version of ackd-deploy; then with a hint of its own.
    """
    content = read_json(path)
    # The first version called it "schema".
    version = content.get("schema_version", content.get("schema")) if isinstance(content, dict) else None
    if type(version) is int and version != _SCHEMA:
        raise ArtifactError(
            f"another version of ackd-deploy wrote {path} (schema version {version}; this one reads {_SCHEMA})",
            hint="start over with --fresh, or read the run with the version that made it",
        )
    try:
        return RunState.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtifactError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from error


def write_state(path: Path, state: RunState) -> None:
    """Write run.json atomically."""
    write_json(path, state.model_dump(mode="json"))
