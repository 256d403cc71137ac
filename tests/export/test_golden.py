import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.export.golden import choose_examples, choose_spread, golden_samples
from ackd_deploy.runtime import Classifier
from ackd_deploy.tasks import task_of

SINGLE = task_of("single_label_classification")
MULTI = task_of("multi_label_classification")
REGRESSION = task_of("regression")


def binary(margins):
    """Logits [N, 2] whose second class is ahead by these margins."""
    return np.stack([np.zeros(len(margins)), np.asarray(margins, dtype=float)], axis=1)


class TestExamples:
    def test_one_of_each_class_right_and_surest_first_the_most_frequent_class(self):
        #        wrong  right  surest  right  right of class 1, wrong and very sure
        logits = binary([3.0, -1.0, -4.0, -2.0, 2.0, -9.0])
        labels = np.array([0, 0, 0, 0, 1, 1])
        assert choose_examples(SINGLE, logits, labels, np.full(6, 50), 4) == [2, 4]

    def test_a_long_or_tiny_text_only_where_its_class_has_no_other(self):
        logits, labels = binary([-4.0, -1.0, 5.0]), np.array([0, 0, 1])
        assert choose_examples(SINGLE, logits, labels, np.array([900, 60, 3]), 4) == [1, 2]

    def test_a_class_that_is_never_right_has_none(self):
        assert choose_examples(SINGLE, binary([-1.0, -1.0]), np.array([0, 1]), np.full(2, 50), 4) == [0]

    def test_no_more_than_asked_for(self):
        logits = np.eye(20) * 3
        assert len(choose_examples(SINGLE, logits, np.arange(20), np.full(20, 50), 4)) == 4

    def test_multi_label_rows_are_right_as_a_whole_and_shown_once(self):
        # Row 0 is right in both labels, row 1 misses one of its two, row 2 has neither and is right.
        logits = np.array([[4.0, 4.0], [4.0, -4.0], [-4.0, -4.0]])
        labels = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
        assert choose_examples(MULTI, logits, labels, np.full(3, 50), 4) == [0]

    def test_regression_shows_low_middle_and_high_values_that_are_close(self):
        labels = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
        logits = np.array([[0.5], [1.1], [2.0], [3.9], [9.0], [5.3]])
        assert choose_examples(REGRESSION, logits, labels, np.full(6, 50), 4) == [1, 2, 5]


class TestSpread:
    def test_covers_short_and_long_sure_and_unsure(self):
        rng = np.random.default_rng(0)
        characters, margins = rng.integers(10, 1000, 400), rng.normal(0, 3, 400)
        labels = (margins + rng.normal(0, 1, 400) > 0).astype(int)
        rows = choose_spread(SINGLE, binary(margins), labels, characters, 8, taken=[])
        for values in (characters, np.abs(margins)):
            quarters = np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values[rows])
            assert set(quarters) == {0, 1, 2, 3}
        assert 3 <= labels[rows].sum() <= 5

    @given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 10))
    def test_rows_are_distinct_and_as_many_as_there_are(self, total, count, taken):
        taken = list(range(min(taken, total)))
        logits, labels = binary(np.linspace(-1, 1, total)), np.arange(total) % 2
        rows = choose_spread(SINGLE, logits, labels, np.arange(total), count, taken=taken)
        assert len(rows) == min(count, total - len(taken))
        assert len({*rows, *taken}) == len(rows) + len(taken)


@pytest.mark.parametrize("task", [SINGLE, MULTI, REGRESSION])
def test_a_single_row_is_enough(task):
    labels = {SINGLE: np.array([0]), MULTI: np.array([[1.0, 0.0]]), REGRESSION: np.array([0.5])}[task]
    logits = np.array([[1.0]]) if task is REGRESSION else np.array([[1.0, -1.0]])
    assert choose_examples(task, logits, labels, np.array([40]), 2) == [0]
    assert choose_spread(task, logits, labels, np.array([40]), 2, taken=[0]) == []


def test_a_text_that_no_manifest_holds_is_no_sample(tiny_artifact):
    texts = ["x" * 100_001, "a warm and funny film", "x" * 100_000]
    classifier = Classifier.load(tiny_artifact, threads=1)
    samples = golden_samples(classifier, binary([1.0, -1.0, 2.0]), texts, np.array([1, 0, 1]), 3)
    assert sorted(len(sample.text) for sample in samples) == [21, 100_000]
