"""Which validation rows an artifact keeps with their answers: examples for people, and a spread for its self-test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.artifact import Golden
from ackd_deploy.artifact.part import MAX_TEXT_CHARACTERS
from ackd_deploy.runtime import Classifier
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.text import Text, split

__all__ = ["choose_examples", "choose_spread", "golden_samples"]

Array = NDArray[Any]
# An example is read at a glance: longer or shorter texts are taken only where a class has no other.
_READABLE = (15, 200)
# Successive multiples of the golden ratio, modulo 1, spread evenly however many there are.
_GOLDEN_RATIO = 0.6180339887498949


def golden_samples(
    classifier: Classifier, logits: Array, texts: Sequence[Text], labels: Array, count: int
) -> list[Golden]:
    """Return ``count`` of the texts with the classifier's answers; at most half of them are examples, which come first.

    Args:
        classifier: the chosen variant.
        logits: [N, C] of it on all texts.
        texts: [N] texts, or pairs of them.
        labels: [N] or [N, C], in the order of the logits.
        count: samples, at most those of the N that a manifest can hold.
    """
    # A longer text has no place in a manifest.
    kept = np.array([max(map(len, split_text(text))) <= MAX_TEXT_CHARACTERS for text in texts])
    texts, logits, labels = list(compress(texts, kept)), logits[kept], labels[kept]
    task, characters = classifier.manifest.task, np.array([sum(map(len, split_text(text))) for text in texts])
    examples = choose_examples(task, logits, labels, characters, (count + 1) // 2)
    rest = choose_spread(task, logits, labels, characters, count - len(examples), taken=examples)
    rows = [*examples, *rest]
    samples = []
    for row, answer in zip(rows, classifier.classify([texts[row] for row in rows]), strict=True):
        first, pair = split(texts[row])
        samples.append(
            Golden(
                text=first,
                pair=pair,
                label=answer.label,
                scores=list(answer.scores.values()),
                example=True if row in examples else None,
            )
        )
    return samples


def split_text(text: Text) -> tuple[str, str]:
    """Return both texts of a pair, or a text and nothing."""
    first, pair = split(text)
    return first, pair or ""


def choose_examples(task: Task, logits: Array, labels: Array, characters: Array, count: int) -> list[int]:
    """Return rows that are answered rightly and surely: one of each class, most frequent class first.

    For regression, whose answers are never exactly right: the closest row in each third of the labels' range by rank.

    Args:
        task: decides what is right.
        logits: [N, C].
        labels: [N] or [N, C].
        characters: [N] length of each text.
        count: rows, at most; classes without a right row have none.
    """
    errors, sure = task.row_errors(logits, labels), _confidence(task, logits, labels)
    right = errors == 0 if task.has_classes else np.ones(len(errors), dtype=bool)
    low, high = _READABLE
    readable = (characters >= low) & (characters <= high)
    rows: list[int] = []
    for group in _groups(task, labels, logits.shape[1]):
        candidates = np.flatnonzero(group & right)
        candidates = candidates[~np.isin(candidates, rows)]
        if readable[candidates].any():
            candidates = candidates[readable[candidates]]
        if len(candidates) and len(rows) < count:
            rows.append(int(candidates[sure[candidates].argmax()]))
    return rows


def choose_spread(
    task: Task, logits: Array, labels: Array, characters: Array, count: int, *, taken: Sequence[int]
) -> list[int]:
    """Return further rows from all lengths, degrees of confidence and classes, right or wrong.

    Args:
        task: decides on confidence and classes.
        logits: [N, C].
        labels: [N] or [N, C].
        characters: [N] length of each text.
        count: rows, at most N less those taken.
        taken: rows chosen already.
    """
    total = len(characters)
    count = min(count, total - len(taken))
    by_length, by_confidence = _ranks(characters), _ranks(_confidence(task, logits, labels))
    groups = _groups(task, labels, logits.shape[1])
    rows = list(taken)
    for index in range(count):
        distance = np.abs(by_confidence - (index + 0.5) / count)
        distance += np.abs(by_length - ((index + 1) * _GOLDEN_RATIO) % 1)
        for group in groups:
            distance[group] += sum(bool(group[row]) for row in rows) / count
        distance[rows] = np.inf
        rows.append(int(distance.argmin()))
    return rows[len(taken) :]


def _confidence(task: Task, logits: Array, labels: Array) -> Array:
    scores = task.activate(logits)
    if task.exclusive:
        return np.asarray(scores.max(axis=1))
    if task.has_classes:
        return np.asarray(np.abs(scores - 0.5).min(axis=1))
    return -task.row_errors(logits, labels)


def _groups(task: Task, labels: Array, classes: int) -> list[Array]:
    if not task.has_classes:
        thirds = np.minimum(2, (3 * _ranks(task.truth(labels))).astype(int))
        return [thirds == third for third in range(3)]
    truth = task.truth(labels)
    groups = [truth == c if task.exclusive else truth[:, c] for c in range(classes)]
    return sorted((group for group in groups if group.any()), key=lambda group: -int(group.sum()))


def _ranks(values: Array) -> Array:
    """Return [N] ranks between 0 and 1; equal values keep their order."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = (np.arange(len(values)) + 0.5) / len(values)
    return ranks
