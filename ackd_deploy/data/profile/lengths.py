"""How long the texts are in tokens, and how many of them a bound would cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ackd_deploy.data.profile.record import Lengths
from ackd_deploy.data.split import draw
from ackd_deploy.recipe.sections import Data
from ackd_deploy.tasks.text import Text, parts

__all__ = ["ESTIMATED", "Counter", "estimated_tokens", "measure", "reach", "suggested_length"]

Counter = Callable[[Sequence[Text]], Sequence[int]]

ESTIMATED = "tokens, estimated at 1.3 a word, and 1 a Chinese, Japanese or Korean character"
# A tokenizer reads some 20,000 sentences a second, and a percentile needs no more of them.
_SAMPLE = 20_000
_USUAL = (32, 48, 64, 96, 128, 192, 256, 384, 512)
_CUT_SHARE = 0.01
_TOKENS_PER_WORD = 1.3
# [CLS] and [SEP] of a single text; windows are for these alone.
_SPECIAL = 2
# Scripts without blanks between words, of which tokenizers make a token of each character.
_SINGLE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")


def estimated_tokens(texts: Sequence[Text]) -> list[int]:
    """Return about how many tokens a BERT-type tokenizer makes of texts, special tokens included.

    >>> estimated_tokens(["a warm and funny film", ("one text", "and another")])
    [8, 8]
    """
    found = []
    for text in texts:
        pieces = parts(text)
        singles = sum(len(_SINGLE.findall(piece)) for piece in pieces)
        words = sum(len(_SINGLE.sub(" ", piece).split()) for piece in pieces)
        found.append(round(singles + _TOKENS_PER_WORD * words) + 1 + len(pieces))
    return found


def reach(data: Data) -> int:
    """Return how many tokens of a text are read at most: ``max_length``, or as many as the windows cover."""
    if data.long_texts != "windows":
        return data.max_length
    return _SPECIAL + data.max_windows * (data.max_length - _SPECIAL)


def measure(
    texts: Sequence[Text], max_length: int, count: Counter | None, *, read: int | None = None
) -> tuple[Lengths, list[int]]:
    """Measure training texts; return their lengths, and which of them are not read whole.

    Args:
        texts: N texts, at least one; of more than 20,000 as many are drawn, always the same.
        max_length: the recipe's bound.
        count: tokens of each text as the teacher's tokenizer makes them, untruncated; None: estimated from words.
        read: tokens of a text that are read at most, see `reach`; None: the bound.
    """
    read = read or max_length
    chosen = draw(len(texts), _SAMPLE, seed=0, purpose="subset")
    lengths = np.asarray((count or estimated_tokens)([texts[i] for i in chosen]), dtype=np.int64)
    median, p90, p95, p99 = (int(np.ceil(np.percentile(lengths, share))) for share in (50, 90, 95, 99))
    found = Lengths(
        unit="tokens" if count else ESTIMATED,
        rows=len(lengths),
        median=median,
        p90=p90,
        p95=p95,
        p99=p99,
        longest=int(lengths.max()),
        max_length=max_length,
        cut=int((lengths > read).sum()),
        suggested=suggested_length(lengths),
    )
    return found, [int(row) for row in chosen[lengths > read]]


def suggested_length(lengths: npt.NDArray[np.int64]) -> int:
    """Return the smallest of 32, 48, 64, 96 ... 512 that at most 1 % of the lengths exceed; 512 where none does."""
    return next((size for size in _USUAL if (lengths > size).mean() <= _CUT_SHARE), _USUAL[-1])
