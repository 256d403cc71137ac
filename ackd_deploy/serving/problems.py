"""Answers that are not predictions: a status, a stable code for programs, a sentence for people."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["Problem", "try_later"]


class Problem(Exception):
    """Raised anywhere on a request's way; becomes ``{"error": {"code", "message", "details"}, "request_id"}``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers or {}

    def body(self, request_id: str, *, plain: bool = False) -> dict[str, Any]:
        """Return the JSON body of the answer; ``plain``: the error is just its message, as KServe has it."""
        if plain:
            return {"error": self.message, "code": self.code, "request_id": request_id}
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        return {"error": error, "request_id": request_id}


def try_later(
    status: int, code: str, message: str, seconds: float, *, details: list[dict[str, Any]] | None = None
) -> Problem:
    """Return a 429 or 503 that tells the client when to come back: whole seconds, at least one."""
    return Problem(status, code, message, details=details, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
