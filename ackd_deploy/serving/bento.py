"""What BentoML is given beside the application, and what it is spared."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from _bentoml_sdk import Service  # type: ignore[import-untyped]
from bentoml.images import Image
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from ackd_deploy.serving.orphans import die_with_parent
from ackd_deploy.serving.protocol import serve_by_protocol

__all__ = ["DirectService", "pinned_image"]


class DirectService(Service[Any]):  # type: ignore[misc]  # BentoML ships no types
    """A BentoML service whose mounted application answers its own paths without BentoML's layers around it.

    BentoML wraps every request in a timeout (a task, and a timer that lives on after the answer), a span
    and a context, none of which has a use here, and it has paths of its own (/schema.json, /healthz, /static_content)
    that ask for no token. All requests go straight to the mounted application; start and stop go through BentoML.
    """

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Return the application that BentoML's worker hands to its server."""
        die_with_parent(os.getppid())
        whole: ASGIApp = super().to_asgi(is_main)
        own = next(app for app, _, _ in self.mount_apps if isinstance(app, Starlette))
        serve_by_protocol(own.state.lifecycle.settings, own.state.lifecycle.metrics.rejected)

        async def direct(scope: Scope, receive: Receive, send: Send) -> None:
            await (own if scope["type"] == "http" else whole)(scope, receive, send)

        return direct


def pinned_image(requirements: Path, python_version: str) -> Image:
    """Return the image of a Bento that installs ``requirements``, a file of pinned packages, as it stands.

    BentoML's own way looks for uv even when nothing is to be locked, and installs it from a package index into the
    environment that it builds from.
    """

    # A class of its own, since BentoML copies the image field by field, and would drop the file's name.
    class PinnedImage(Image):  # type: ignore[misc]
        def _freeze_python_requirements(self, bento_fs: Path, platform_: str | None = None) -> str:
            pins = requirements.read_text(encoding="utf-8")
            folder = bento_fs / "env" / "python"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "requirements.txt").write_text(pins, encoding="utf-8")
            return pins

    return PinnedImage(python_version=python_version)
