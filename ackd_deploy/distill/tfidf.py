"""A classifier without a network: TF-IDF of words with logistic regression, by scikit-learn. Do you need a BERT?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.split import subset
from ackd_deploy.tasks import task_of
from ackd_deploy.tasks.task import SURE
from ackd_deploy.tasks.text import Text, split

__all__ = ["SEPARATOR", "TFIDF", "tfidf_logits", "tfidf_name"]

TFIDF = "tfidf"
"""Key of this baseline, and name of the file of its predictions."""

SEPARATOR = "xxpairxx"
"""A word between the two texts of a pair, so that no n-gram runs from one into the other."""

# Beyond these it takes minutes and gets no better: a baseline must cost little beside a training.
_MOST_ROWS, _MOST_NGRAMS = 100_000, 100_000


def tfidf_name(problem_type: str) -> str:
    """Return what tables call it."""
    return "TF-IDF, logistic regression" if task_of(problem_type).has_classes else "TF-IDF, ridge regression"


def tfidf_logits(train: LabeledTexts, texts: Sequence[Text], *, seed: int) -> NDArray[np.float32] | None:
    """Fit on training rows and return the logits [N, C] of other texts; None where there is nothing to fit.

    Words and pairs of neighboring words (the 100,000 most frequent) by scikit-learn's TfidfVectorizer;
    LogisticRegression with C = 1, for multi-label tasks one a label; for regression Ridge with alpha = 1. The logits of
    classes are logarithms of probabilities.

    Args:
        train: labeled rows; 100,000 of them, where there are more.
        texts: to be answered.
        seed: of that subset.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = subset(train, _MOST_ROWS, seed=seed)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), max_features=_MOST_NGRAMS)
    try:
        known = vectorizer.fit_transform([_joined(text) for text in rows.items])
    except ValueError:  # no text holds a word as scikit-learn finds them
        return None
    asked = vectorizer.transform([_joined(text) for text in texts])
    if not rows.task.has_classes:
        return _scores(known, rows.labels, asked)
    if rows.task.exclusive:
        return _classes(known, rows.labels, asked, len(rows.label_names))
    return np.stack([_label(known, column, asked) for column in rows.labels.T], axis=1)


def _joined(text: Text) -> str:
    first, second = split(text)
    return first if second is None else f"{first} {SEPARATOR} {second}"


def _label(known: Any, flags: NDArray[Any], asked: Any) -> NDArray[np.float32]:
    """Logits of one label of a multi-label task; of one that all rows have, or none, the same for every text."""
    found = _classes(known, flags.astype(np.int64), asked, 2)
    if found is None:
        return np.full(asked.shape[0], SURE if flags[0] else -SURE, dtype=np.float32)
    logits: NDArray[np.float32] = found[:, 1] - found[:, 0]
    return logits


def _scores(known: Any, targets: NDArray[Any], asked: Any) -> NDArray[np.float32]:
    from sklearn.linear_model import Ridge

    found: NDArray[Any] = Ridge().fit(known, targets.astype(np.float64)).predict(asked)
    return found.astype(np.float32).reshape(-1, 1)


def _classes(known: Any, labels: NDArray[Any], asked: Any, count: int) -> NDArray[np.float32] | None:
    """Logarithms of the probabilities of ``count`` classes; None where all rows have one class."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        return None
    model = LogisticRegression(max_iter=1000).fit(known, labels)
    logits = np.full((asked.shape[0], count), -SURE, dtype=np.float32)
    logits[:, model.classes_] = np.maximum(model.predict_log_proba(asked), -SURE)
    return logits
