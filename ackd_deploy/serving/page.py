"""``GET /``: one page to try the model with. It asks no other address for anything."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Page", "content_security_policy"]

_FILE = Path(__file__).parent / "page" / "index.html"


def content_security_policy(html: str) -> str:
    """Allow exactly the page's own inline script and style, by their hashes, and requests to this service."""

    def digests(tag: str) -> str:
        blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        return " ".join(
            "'sha256-" + base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() + "'" for block in blocks
        )

    return (
        f"default-src 'none'; script-src {digests('script')}; style-src {digests('style')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Page:
    """The endpoint. The file is read once."""

    def __init__(self) -> None:
        html = _FILE.read_text(encoding="utf-8")
        self._body = html.encode()
        self._headers = {
            "Content-Security-Policy": content_security_policy(html),
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        return Response(self._body, headers=self._headers, media_type="text/html")
