"""What an operator can set: one environment variable a field, ``ACKD_`` before its name in capitals."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from ackd_deploy.errors import UsageError
from ackd_deploy.runtime.engines.session import is_cpu

__all__ = ["PREFIX", "Settings", "load_settings"]

PREFIX = "ACKD_"
# What Kubernetes puts into every pod when there is a service named ackd, or ackd-something.
_KUBERNETES = re.compile(r"ACKD_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\w+)?)")

_MOST_LANES = 4
# One process's Python feeds about so many; further ones need a process, and a model, of their own.
_WORKER_PROCESSORS = 4

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(BaseModel):
    """Workers, and limits, threads and options of each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    artifact: Path | None = Field(None, description="Folder of the artifact; by default ./artifact beside the service.")
    provider: str = Field("cpu", description="ONNX Runtime execution provider; never replaced silently.")
    variant: str | None = Field(None, description="Variant to serve instead of the artifact's chosen one.")
    strict: bool = Field(
        False,
        description="Refuse, rather than fall back to fp32, where a CPU feature is missing, and refuse an artifact "
        "without golden samples.",
    )
    workers: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None,
        description="Processes, each with its own model and queue; by default one, and on the CPU one for each 4 "
        "processors of the quota.",
    )
    threads: Count | None = Field(
        None, description="Threads for inference in each worker; by default the cgroup's quota over the workers."
    )
    lanes: Count | None = Field(
        None, description="Runs of the model at a time, which share the threads; up to 4 by default."
    )

    max_head_bytes: Count = Field(32_768, description="Bytes of a request's headers; more are answered 431.")
    max_head_lines: Count = Field(100, description="Lines of a request's headers; more are answered 431.")
    max_url_bytes: Count = Field(8192, description="Bytes of a request's address; more are answered 414.")
    max_body_bytes: Count = Field(1_048_576, description="Bytes of one request's body.")
    max_reading_bytes: Count = Field(67_108_864, description="Bytes of all bodies being read at once.")
    max_characters: Count = Field(20_000, description="Characters of one text (a pair counts as two texts).")
    max_items: Count = Field(256, description="Texts in one request.")
    max_queue_rows: Count = Field(1024, description="Texts waiting in one worker; more are answered 429.")
    max_batch_rows: Count = Field(32, description="Texts in one run of the model.")
    max_batch_tokens: Count = Field(4096, description="Padded tokens in one run of the model.")

    head_seconds: Seconds = Field(10.0, description="Time for a client to send its headers; then 408.")
    body_seconds: Seconds = Field(10.0, description="Time for a client to send its body; then 408.")
    queue_seconds: Seconds = Field(10.0, description="Time a text may wait for the model; then 503.")
    stuck_seconds: Seconds = Field(60.0, description="A run of the model longer than this makes /livez fail.")

    token: SecretStr | None = Field(None, description="Bearer token asked of every prediction; none by default.")
    cors_origins: tuple[str, ...] = Field((), description="Origins allowed by CORS, comma-separated; none by default.")
    log_requests: bool = Field(False, description="One log line a request.")
    log_text: bool = Field(False, description="Put the texts into that line too. They may be private.")

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        if self.max_items > self.max_queue_rows:
            raise ValueError("max_items must not exceed max_queue_rows: such a request could never be queued")
        if self.max_body_bytes > self.max_reading_bytes:
            raise ValueError("max_body_bytes must not exceed max_reading_bytes")
        return self

    def processes(self, processors: int) -> int:
        """Return the number of workers: by default one, and on the CPU as many as the processors can keep busy."""
        if self.workers is not None:
            return self.workers
        if not is_cpu(self.provider):
            return 1
        return max(1, processors // max(_WORKER_PROCESSORS, self.threads or 0))

    def split(self, processors: int) -> tuple[int, int]:
        """Return the lanes of a worker, and the threads of each lane.

        Two runs of one thread each do more than one run of two threads, which wait for each other at every
        layer; a lone text, on a machine with many processors, is answered sooner by several.
        """
        threads = self.threads or max(1, processors // self.processes(processors))
        lanes = min(threads, self.lanes or _MOST_LANES)
        return lanes, threads // lanes


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from environment variables.

    Raises:
        UsageError: a variable has a bad value, or begins with ACKD_ and is unknown; lists all of them.
    """
    source = os.environ if environment is None else environment
    given = {
        name: value for name, value in source.items() if name.startswith(PREFIX) and not _KUBERNETES.fullmatch(name)
    }
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    problems = []
    values: dict[str, Any] = {}
    for variable, value in sorted(given.items()):
        if variable not in known:
            close = difflib.get_close_matches(variable, known, n=1)
            problems.append(f"{variable} is unknown" + (f"; did you mean {close[0]}?" if close else ""))
        elif known[variable] == "token" and not value.strip():
            # A secret that was not filled in must not turn authentication off.
            problems.append(f"{variable} is empty: set a token, or remove the variable to ask for none")
        elif value != "":
            field = known[variable]
            values[field] = tuple(part.strip() for part in value.split(",")) if field == "cors_origins" else value
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            where = PREFIX + str(item["loc"][0]).upper() if item["loc"] else "settings"
            problems.append(f"{where}: {item['msg']}")
    if problems:
        raise UsageError("the service's settings are wrong:\n" + "\n".join(f"  {line}" for line in problems))
    return settings
