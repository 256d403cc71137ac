"""What BentoML is given beside the application, and what it is spared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _bentoml_sdk import Service  # type: ignore[import-untyped]
from bentoml.images import Image
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DirectService", "pinned_image"]


class DirectService(Service[Any]):  # type: ignore[misc]  # BentoML ships no types
    """A BentoML service whose mounted application answers its own paths without BentoML's layers around it.

    BentoML wraps every request in a timeout (a task, and a timer that lives on after the answer), a span
    and a context, none of which has a use here. Requests to paths of the mounted application go straight
    to it; everything else, start and stop included, goes through BentoML as ever.
    """

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Return the application that BentoML's worker hands to its server."""
        whole: ASGIApp = super().to_asgi(is_main)
        own = next(app for app, _, _ in self.mount_apps if isinstance(app, Starlette))
        paths = frozenset(getattr(route, "path", "") for route in own.routes)
        prefixes = tuple(path.partition("{")[0] for path in paths if "{" in path)

        async def direct(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (
                scope["path"] in paths or (prefixes and scope["path"].startswith(prefixes))
            ):
                await own(scope, receive, send)
            elif scope["type"] == "http":
                await _or_else(whole, own, scope, receive, send)
            else:
                await whole(scope, receive, send)

        return direct


async def _or_else(first: ASGIApp, second: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the first application answer; where it has nothing there (404), the second says so in its own form."""
    nothing = False

    async def unless_nothing(message: Message) -> None:
        nonlocal nothing
        nothing = nothing or (message["type"] == "http.response.start" and message["status"] == 404)
        if not nothing:
            await send(message)

    # A copy: applications leave their marks in it.
    await first(dict(scope), receive, unless_nothing)
    if nothing:
        await second(scope, receive, send)


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
