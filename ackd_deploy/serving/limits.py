"""Limits on texts, checked before anything is tokenized or queued."""

from __future__ import annotations

from collections.abc import Sequence

from ackd_deploy.serving.problems import Problem
from ackd_deploy.tasks.text import Text, parts

__all__ = ["check_items"]


def check_items(items: Sequence[Text], *, max_items: int, max_characters: int, text_pairs: bool) -> None:
    """Check the number of texts, their lengths, that none is blank, and pairs against the model.

    Raises:
        Problem: 413 too many texts or characters, 422 the rest; each names the first text at fault.
    """
    if len(items) > max_items:
        raise Problem(413, "too_many_texts", f"{len(items)} texts in one request; at most {max_items} are taken")
    for index, item in enumerate(items):
        is_pair = isinstance(item, tuple)
        if is_pair != text_pairs:
            wanted = "pairs of texts: send pairs" if text_pairs else "single texts: send text or texts"
            raise Problem(422, "wrong_kind", f"this model takes {wanted}")
        for text in parts(item):
            if len(text) > max_characters:
                message = f"text {index} has {len(text)} characters; at most {max_characters} are taken"
                raise Problem(413, "text_too_long", message)
            if not text.strip():
                raise Problem(422, "blank_text", f"text {index} is empty or only spaces: there is nothing to classify")
