"""Long texts as a Hugging Face tokenizer gives them, cut as one would write it by hand.

It shares no code with the runtime's rule (tasks/long_texts.py): a fault there shows as a difference.
"""

from __future__ import annotations

from typing import Any

from ackd_deploy.tasks.long_texts import LongTextRule
from ackd_deploy.tasks.text import Text, split

__all__ = ["text_windows"]


def text_windows(tokenizer: Any, text: Text, max_length: int, rule: LongTextRule) -> list[dict[str, list[int]]]:
    """Return the model's inputs for each window of one text or pair, not padded."""
    first, second = split(text)
    # As a batch of one: asked for one row, a tokenizer takes a pair whose second text is empty for a single text.
    batch = tokenizer([first], None if second is None else [second], truncation=False, verbose=False)
    whole = {name: rows[0] for name, rows in batch.items()}
    names = [name for name in whole if len(whole[name]) == len(whole["input_ids"])]
    sequences = batch.sequence_ids(0)
    kept = [list(range(len(sequences)))]
    if len(sequences) > max_length:
        room = max_length - sequences.count(None)
        if rule.mode == "windows":
            kept = _slide(sequences, room, rule)
        else:
            kept = [_without_middles(sequences, room, rule.head)]
    return [{name: [whole[name][place] for place in places] for name in names} for places in kept]


def _slide(sequences: list[int | None], room: int, rule: LongTextRule) -> list[list[int]]:
    before = sequences.index(0)
    after = len(sequences) - sequences.count(None) + before
    tokens, step = after - before, room - int(rule.overlap * room)
    starts = [0]
    while starts[-1] + room < tokens:
        starts.append(min(starts[-1] + step, tokens - room))
    if len(starts) > rule.max_windows:
        starts = [round((tokens - room) * number / (rule.max_windows - 1)) for number in range(rule.max_windows)]
    ends = [*range(before)], [*range(after, len(sequences))]
    return [[*ends[0], *range(before + start, before + start + room), *ends[1]] for start in starts]


def _without_middles(sequences: list[int | None], room: int, head: float) -> list[int]:
    whole = [sequences.count(0), sequences.count(1)]
    shares = list(whole)
    while sum(shares) > room:
        shares[max((0, 1), key=lambda text: (shares[text], -whole[text], -text))] -= 1
    kept, seen = [], [0, 0]
    for place, text in enumerate(sequences):
        if text is None:
            kept.append(place)
            continue
        first = round(head * shares[text]) if shares[text] < whole[text] else whole[text]
        if seen[text] < first or seen[text] >= whole[text] - (shares[text] - first):
            kept.append(place)
        seen[text] += 1
    return kept
