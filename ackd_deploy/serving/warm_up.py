"""The first runs of a model: buffers are allocated before a caller waits, and a run's own cost is measured."""

from __future__ import annotations

import time
from dataclasses import replace

from ackd_deploy.runtime import Classifier, Tokens

__all__ = ["run_cost", "warm_up"]

_SHORT = 8
_LONG = 64
# As many pairs of runs as fit into the time: a model that takes longer than a tenth of it is timed well by few.
_SECONDS = 0.5
_PAIRS = (3, 50)


def warm_up(classifier: Classifier, rows: int, max_tokens: int) -> float:
    """Run the shapes at both ends once, then say what a run costs before it has computed any token.

    Of a run of S tokens that takes a + b S seconds this is a / b, in tokens: 6 to 12 for a 3-layer model of
    384 in int8 on one thread, more where the processor is wider, nearly everything on a GPU. It says when two
    texts of unlike length are better run apart (batching.choose_batch).

    Args:
        classifier: not in use by others yet.
        rows: texts in the largest batch.
        max_tokens: the most that is answered, and what is answered where longer runs cost no more.
    """
    text = "warm " * classifier.manifest.max_length
    [longest] = classifier.tokenize([(text, text) if classifier.manifest.text_pairs else text])
    classifier.run([longest])
    short, long = _cut(longest, _SHORT), _cut(longest, _LONG)
    classifier.run([short] * rows)
    short_seconds, long_seconds = float("inf"), float("inf")
    fewest, most = _PAIRS
    end = time.perf_counter() + _SECONDS
    for pair in range(most):  # taking turns, and the best of each: what else the machine does only ever adds
        if pair >= fewest and time.perf_counter() > end:
            break
        short_seconds = min(short_seconds, _seconds(classifier, short))
        long_seconds = min(long_seconds, _seconds(classifier, long))
    return run_cost(len(short.ids), short_seconds, len(long.ids), long_seconds, max_tokens)


def run_cost(short: int, short_seconds: float, long: int, long_seconds: float, most: int) -> float:
    """Return a / b, from 1 to ``most``, where runs of ``short`` and ``long`` tokens took a + b tokens seconds."""
    each = (long_seconds - short_seconds) / (long - short) if long > short else 0.0
    if each <= 0:
        return float(most)
    return min(float(most), max(1.0, short_seconds / each - short))


def _cut(tokens: Tokens, wanted: int) -> Tokens:
    return replace(tokens, ids=tokens.ids[:wanted], type_ids=tokens.type_ids[:wanted], more=(), more_tokens=0)


def _seconds(classifier: Classifier, tokens: Tokens) -> float:
    start = time.perf_counter()
    classifier.run([tokens])
    return time.perf_counter() - start
