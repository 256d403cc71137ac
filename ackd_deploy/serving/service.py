"""The service as BentoML carries it: what serving/service.py defines, in a checkout and in a Bento."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ackd_deploy.runtime.cpu import effective_cpus
from ackd_deploy.serving.settings import load_settings

__all__ = ["define_service"]


def define_service(folder: Path) -> Any:
    """Return the BentoML service of a folder with requirements.txt and, unless ACKD_ARTIFACT names another, artifact.

    BentoML's supervisor calls this as well as each worker, so it stays light: the model is loaded when a worker starts.

    Raises:
        UsageError: a setting is wrong.
    """
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("OTEL_SDK_DISABLED", "true")
    settings = load_settings()
    workers = settings.processes(effective_cpus())
    if workers == 1:
        # One worker's metrics need no files to be added up in, which cost a few system calls at every count.
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

    # Late: BentoML and prometheus_client read the environment when they are imported.
    import bentoml

    from ackd_deploy.serving.app import create_app
    from ackd_deploy.serving.bento import DirectService, pinned_image
    from ackd_deploy.serving.lifecycle import Lifecycle
    from ackd_deploy.serving.logs import set_up_logs

    app = create_app(settings, settings.artifact or folder / "artifact")
    lifecycle: Lifecycle = app.state.lifecycle

    @bentoml.service(
        name="ackd",
        service_class=DirectService,
        image=pinned_image(folder / "requirements.txt", python_version="3.11"),
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

    return Ackd
