"""Logs as one JSON object a line, on stderr. No text of a request is ever logged unless asked for."""

from __future__ import annotations

import datetime
import json
import logging
import sys
import time
from typing import Any

from ackd_deploy.escaping import visible_json

__all__ = ["JsonFormatter", "Sparingly", "log", "set_up_logs"]

log = logging.getLogger("ackd_service")


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "logger", "message", …fields}``; fields come by ``extra={"fields": {…}}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return visible_json(json.dumps(line, ensure_ascii=False, default=str))


class Sparingly:
    """Warnings that a client can cause at will: one line in so many seconds, which counts those left out."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0
        self._left_out = 0

    def warning(self, message: str, *values: object) -> None:
        """Log, or count."""
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        fields = {"event": "refused", "left_out_before": self._left_out}
        log.warning(message, *values, extra={"fields": fields})
        self._next, self._left_out = now + self._seconds, 0


def set_up_logs() -> None:
    """Send every log of this process to stderr as JSON: ours from info on, the others' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    levels = {
        "": logging.WARNING,
        "ackd_service": logging.INFO,
        "bentoml": logging.WARNING,
        "uvicorn.error": logging.WARNING,
    }
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
