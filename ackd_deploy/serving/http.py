"""What every route shares: request id, problems to answers, metrics, the request log, the token."""

from __future__ import annotations

import hmac
import json
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ackd_deploy.serving.logs import log
from ackd_deploy.serving.metrics import Metrics
from ackd_deploy.serving.problems import Problem
from ackd_deploy.serving.settings import Settings

__all__ = ["Endpoint", "Guard", "json_response"]

Endpoint = Callable[[Request], Awaitable[Response]]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# nginx's number for "the client closed the connection"; it is counted and never sent.
_CLIENT_GONE = 499


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return JSON in UTF-8. Half a character, as in a path that is not UTF-8, is escaped."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        encoded = body.encode()
    except UnicodeEncodeError:
        encoded = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    return Response(encoded, status, headers, "application/json")


class Guard:
    """Wraps endpoints so that each of them answers a Problem, an id, and is counted."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log_requests = settings.log_requests
        self._token = settings.token.get_secret_value().encode() if settings.token else None

    def __call__(self, route: str, endpoint: Endpoint, *, private: bool = False, plain: bool = False) -> Endpoint:
        """Return the guarded endpoint.

        Args:
            route: its name in metrics and logs.
            private: ask for the bearer token, where one is set.
            plain: errors as KServe's protocol has them (Problem.body).
        """

        async def guarded(request: Request) -> Response:
            started = time.perf_counter()
            given = request.headers.get("x-request-id", "")
            request_id = given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
            request.state.request_id = request_id
            try:
                if private:
                    self._check_token(request)
                response = await endpoint(request)
            except Problem as problem:
                response = json_response(problem.body(request_id, plain=plain), problem.status, problem.headers)
                self._metrics.rejected(problem.code)
            except ClientDisconnect:
                response = Response(status_code=_CLIENT_GONE)
            except Exception:
                log.exception("a request failed", extra={"fields": {"request_id": request_id, "route": route}})
                failure = Problem(500, "internal", "the service failed; its log has the details under this request id")
                response = json_response(failure.body(request_id, plain=plain), failure.status)
            response.headers["x-request-id"] = request_id
            seconds = time.perf_counter() - started
            self._metrics.request(route, response.status_code, seconds)
            if self._log_requests:
                self._log(request, route, response.status_code, seconds)
            return response

        return guarded

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Answer what no route takes, as Starlette's handler of HTTPException."""
        status = getattr(error, "status_code", 404)
        path = request.url.path

        async def problem(request: Request) -> Response:
            if status == 405:
                headers = dict(getattr(error, "headers", None) or {})
                message = f"this path takes {headers.get('Allow', 'another method')}"
                raise Problem(405, "method_not_allowed", message, headers=headers)
            raise Problem(status, "not_found", "there is nothing here; GET /openapi.json says what there is")

        return await self("other", problem, plain=path == "/v2" or path.startswith("/v2/"))(request)

    def _check_token(self, request: Request) -> None:
        if self._token is None:
            return
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        given = value.strip(" \t").encode("latin-1")  # as Starlette has decoded it: the bytes that the client sent
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
            message = "this service asks for a token: send the header authorization: Bearer TOKEN"
            raise Problem(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})

    def _log(self, request: Request, route: str, status: int, seconds: float) -> None:
        fields = {
            "event": "request",
            "request_id": request.state.request_id,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
            **getattr(request.state, "log_fields", {}),
        }
        log.info("%s %d", route, status, extra={"fields": fields})
