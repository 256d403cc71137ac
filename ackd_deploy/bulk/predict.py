"""Texts in, predictions out, a list at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ackd_deploy.bulk.formats.base import Kind
from ackd_deploy.runtime import Classifier, Prediction
from ackd_deploy.tasks.text import Text, split

__all__ = ["answer", "figure_kinds", "figures", "predictions"]

# What is written of each prediction, in this order.
_FIGURES: dict[str, Kind] = {
    "label": "string",
    "score": "float",
    "labels": "labels",
    "scores": "scores",
    "truncated": "bool",
    "num_tokens": "int",
}


def figure_kinds(*, abstains: bool) -> dict[str, Kind]:
    """Return what is written of each prediction, in this order; ``decision`` where the artifact abstains."""
    return {**_FIGURES, "decision": "string"} if abstains else _FIGURES


def predictions(
    classifier: Classifier, chunks: Iterable[list[Text]], batch_size: int = 32
) -> Iterator[list[tuple[Text, Prediction]]]:
    """Yield each text with its prediction, in order; one list is held at a time.

    Raises:
        UsageError: a pair for a model of single texts, or the other way round.
    """
    for texts in chunks:
        yield list(zip(texts, classifier.classify(texts, batch_size), strict=True))


def answer(text: Text, prediction: Prediction) -> dict[str, Any]:
    """Return one text with what is written of its prediction."""
    first, second = split(text)
    return {"text": first, **({} if second is None else {"text_pair": second}), **figures(prediction)}


def figures(prediction: Prediction) -> dict[str, Any]:
    """Return what is written of one prediction, by the names of `figure_kinds`; scores have six decimals."""
    return {
        "label": prediction.label,
        "score": round(prediction.score, 6),
        "labels": list(prediction.labels),
        "scores": {name: round(score, 6) for name, score in prediction.scores.items()},
        "truncated": prediction.truncated,
        "num_tokens": prediction.num_tokens,
        **({} if prediction.decision is None else {"decision": prediction.decision}),
    }
