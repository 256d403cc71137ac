"""``GET /info``: what is being served, under which limits, and what its gates found."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ackd_deploy.artifact import Manifest
from ackd_deploy.serving.http import json_response
from ackd_deploy.serving.lifecycle import Lifecycle
from ackd_deploy.version import __version__

__all__ = ["Info", "describe"]

_EXAMPLES = 4
_EXAMPLE_CHARACTERS = 200


class Info:
    """The endpoint."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        return json_response(describe(self.lifecycle))


def _long_texts(manifest: Manifest) -> dict[str, Any]:
    rule = manifest.long_texts
    if rule is None:
        return {"mode": "cut"}
    shown = {"head_tail": {"mode", "head"}, "windows": {"mode", "overlap", "max_windows"}}
    return rule.model_dump(include=shown[rule.mode])


def describe(lifecycle: Lifecycle) -> dict[str, Any]:
    """Return the document; raises a 503 Problem while there is nothing to describe."""
    classifier, _ = lifecycle.ready()
    manifest, settings = classifier.manifest, lifecycle.settings
    # Some golden samples double as examples: they are real, and answered rightly. Older artifacts mark none.
    shown = [sample for sample in manifest.golden if sample.example] or [
        sample for sample in manifest.golden if len(sample.text) + len(sample.pair or "") <= _EXAMPLE_CHARACTERS
    ]
    examples = [
        sample.text.strip() if sample.pair is None else [sample.text.strip(), sample.pair.strip()] for sample in shown
    ]
    return {
        "model": manifest.name,
        "created": manifest.created,
        "variant": classifier.variant.name,
        "engine": classifier.engine,
        "precision": classifier.variant.precision,
        "fallback": classifier.fallback_reason,
        "provider": classifier.provider,
        "threads": classifier.threads,
        "version": __version__,
        "problem_type": manifest.problem_type,
        "labels": manifest.labels,
        "text_pairs": manifest.text_pairs,
        "decision": None if manifest.decision is None else manifest.decision.model_dump(mode="json"),
        "limits": {
            "max_length_tokens": manifest.max_length,
            "long_texts": _long_texts(manifest),
            "max_items": settings.max_items,
            "max_characters": settings.max_characters,
            "max_body_bytes": settings.max_body_bytes,
            "max_queue_rows": settings.max_queue_rows,
        },
        "quality": None if manifest.quality is None else manifest.quality.model_dump(mode="json"),
        "gates": manifest.gates,
        "provenance": manifest.provenance,
        "examples": examples[:_EXAMPLES],
    }
