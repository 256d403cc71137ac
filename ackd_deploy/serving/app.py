"""The ASGI application: routes, and the life of the model beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ackd_deploy.serving.body import BodyReader
from ackd_deploy.serving.classify import Classify
from ackd_deploy.serving.headers import SafetyHeaders
from ackd_deploy.serving.health import Health
from ackd_deploy.serving.http import Guard, json_response
from ackd_deploy.serving.info import Info
from ackd_deploy.serving.kserve import KServe
from ackd_deploy.serving.kserve_optional import KServeOptional
from ackd_deploy.serving.lifecycle import Lifecycle
from ackd_deploy.serving.metrics import Metrics
from ackd_deploy.serving.openapi import document
from ackd_deploy.serving.openapi_v2 import v2_paths
from ackd_deploy.serving.page import Page
from ackd_deploy.serving.settings import Settings

__all__ = ["create_app"]


def create_app(settings: Settings, artifact: Path) -> Starlette:
    """Return the application; its lifespan loads the model and, at the end, drains the queue.

    ``app.state.lifecycle`` is the worker's state.
    """
    metrics = Metrics()
    lifecycle = Lifecycle(settings, artifact, metrics)
    guard = Guard(settings, metrics)
    reader = BodyReader(settings.max_body_bytes, settings.max_reading_bytes, settings.body_seconds)
    classify, health = Classify(lifecycle, reader), Health(lifecycle)
    with_token = settings.token is not None
    openapi = document(with_token=with_token, extra_paths=v2_paths(with_token=with_token))

    async def describe(request: Request) -> Response:
        return json_response(openapi)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        lifecycle.start()
        yield
        await lifecycle.stop()

    routes = [
        Route("/classify", guard("classify", classify, private=True), methods=["POST"]),
        Route("/info", guard("info", Info(lifecycle), private=True)),
        Route("/livez", guard("livez", health.live)),
        # BentoML's name for it.
        Route("/healthz", guard("livez", health.live)),
        Route("/readyz", guard("readyz", health.ready)),
        Route("/metrics", guard("metrics", health.metrics)),
        Route("/openapi.json", guard("openapi", describe)),
        # BentoML's name for the same document.
        Route("/docs.json", guard("openapi", describe)),
        Route("/", guard("page", Page())),
        *_v2_routes(KServe(lifecycle, reader, classify), KServeOptional(lifecycle), guard),
    ]
    middleware = [Middleware(SafetyHeaders)]
    if settings.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.cors_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type", "x-request-id"],
                expose_headers=["x-request-id", "retry-after"],
            )
        )
    refusals = {HTTPException: guard.refuse}
    app = Starlette(routes=routes, middleware=middleware, lifespan=lifespan, exception_handlers=refusals)
    # A redirect would go to whatever host the request names.
    app.router.redirect_slashes = False
    app.state.lifecycle = lifecycle
    return app


def _v2_routes(v2: KServe, optional: KServeOptional, guard: Guard) -> list[Route]:
    routes = [
        Route("/v2", guard("v2", v2.server, plain=True)),
        Route("/v2/health/live", guard("v2_live", v2.live, plain=True)),
        Route("/v2/health/ready", guard("v2_ready", v2.ready, plain=True)),
        Route("/v2/models", guard("v2_models", optional.models, private=True, plain=True)),
        Route("/v2/models/stats", guard("v2_stats", optional.stats, private=True, plain=True)),
    ]
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [
            Route(model, guard("v2_model", v2.model, private=True, plain=True)),
            Route(f"{model}/config", guard("v2_config", optional.config, private=True, plain=True)),
            Route(f"{model}/stats", guard("v2_stats", optional.stats, private=True, plain=True)),
            Route(f"{model}/ready", guard("v2_model_ready", v2.model_ready, plain=True)),
            Route(f"{model}/infer", guard("v2_infer", v2.infer, private=True, plain=True), methods=["POST"]),
        ]
    return routes
