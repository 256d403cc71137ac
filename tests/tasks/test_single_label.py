from __future__ import annotations

import numpy as np
from sklearn.metrics import recall_score

from ackd_deploy.tasks import SINGLE_LABEL
from ackd_deploy.tasks.per_class import class_counts


def test_recalls_are_those_of_scikit_learn_for_the_classes_that_occur() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(80, 5)), rng.integers(0, 4, 80)  # class 4 is predicted alone
    labels[labels == 1] = 0
    counts = enumerate(class_counts(SINGLE_LABEL, logits, labels))
    found = {index: (entry.hits, entry.labeled) for index, entry in counts if entry.labeled}
    assert list(found) == [0, 2, 3]
    expected = recall_score(labels, logits.argmax(1), labels=[0, 2, 3], average=None)
    assert [hits / rows for hits, rows in found.values()] == expected.tolist()
    assert sum(rows for _, rows in found.values()) == 80
