"""The BentoML service: ``bentoml serve`` in this folder, or ``ackd-deploy serve`` anywhere.

    ACKD_ARTIFACT=runs/quickstart/artifact bentoml serve .

What can be set is in ackd_service/settings.py. This module is imported by BentoML's supervisor as well as
by each worker, so it must stay light: the model is loaded when a worker starts.
"""

# ruff: noqa: E402  (BentoML and prometheus_client read the environment when they are imported)
from __future__ import annotations

import os

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("OTEL_SDK_DISABLED", "true")

from ackd_service.settings import load_settings

from ackd_deploy.runtime.cpu import effective_cpus

settings = load_settings()
workers = settings.processes(effective_cpus())
if workers == 1:
    # One worker's metrics need no files to be added up in, which cost a few system calls at every count.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

import bentoml
from ackd_service.app import create_app
from ackd_service.bento import DirectService, PinnedImage
from ackd_service.lifecycle import Lifecycle
from ackd_service.location import artifact_folder
from ackd_service.logs import set_up_logs

app = create_app(settings, artifact_folder(settings))
lifecycle: Lifecycle = app.state.lifecycle


@bentoml.service(
    name="ackd",
    service_class=DirectService,
    image=PinnedImage(python_version="3.11"),
    workers=workers,
    # All of these are counted, logged and timed by the application itself.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
    traffic={"timeout": 60},
)
@bentoml.asgi_app(app, path="/")
class Ackd:
    """A distilled text classifier."""

    def __init__(self) -> None:
        set_up_logs()

    async def __is_alive__(self) -> bool:
        lifecycle.check_alive()
        return True

    async def __is_ready__(self) -> bool:
        return lifecycle.phase == "ready"
