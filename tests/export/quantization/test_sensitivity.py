import numpy as np
import onnx
import pytest

from ackd_deploy.export.quantization.sensitivity import expected_disagreement, product_groups, worst_groups


def test_disagreement_by_hand():
    # Margins 1 and 3; errors of the difference 2 and 0. Of four pairs one error exceeds its margin; half of such
    # errors point the other way: 1/2 * 1/4.
    reference = np.array([[1.0, 0.0], [0.0, 3.0]])
    found = np.array([[3.0, 0.0], [0.0, 3.0]])
    assert expected_disagreement(reference, found) == pytest.approx(0.125)


def test_no_error_and_a_single_logit_change_nothing():
    reference = np.array([[1.0, 0.0], [0.0, 3.0]])
    assert expected_disagreement(reference, reference) == 0.0
    assert expected_disagreement(reference[:, :1], reference[:, 1:]) == 0.0


def test_disagreement_predicts_the_share_on_fresh_rows():
    # Independent check: margins and errors drawn from known normals, 64 rows against 200,000.
    generator = np.random.default_rng(0)

    def draw(n):
        difference = generator.normal(0, 3, size=n)
        reference = np.stack([difference, np.zeros(n)], axis=1)
        found = reference + np.stack([generator.normal(0, 0.3, size=n), np.zeros(n)], axis=1)
        return reference, found

    reference, found = draw(200_000)
    truth = np.mean(reference.argmax(axis=1) != found.argmax(axis=1))
    estimates = [expected_disagreement(*draw(64)) for _ in range(50)]
    assert np.mean(estimates) == pytest.approx(truth, rel=0.15)
    assert np.std(estimates) < 0.5 * truth


class Noise:
    """Quantization whose error is the sum of what each group adds."""

    def __init__(self, amounts):
        self.amounts = amounts
        self.reference = np.stack([np.linspace(-5, 5, 64), np.zeros(64)], axis=1)

    def __call__(self, exclude):
        error = sum(amount for name, amount in self.amounts.items() if name not in exclude)
        signs = np.where(np.arange(64) % 2, 1.0, -1.0)
        return self.reference + np.stack([error * signs, np.zeros(64)], axis=1)


def test_the_worst_group_alone_is_left_where_it_suffices():
    run = Noise({"a": 0.01, "b": 2.0, "c": 0.02, "d": 0.01})
    assert worst_groups([["a"], ["b"], ["c"], ["d"]], run.reference, run, target=0.01, most=3) == ["b"]


def test_no_more_than_the_limit_are_left():
    run = Noise(dict.fromkeys("abcd", 2.0))
    assert len(worst_groups([[name] for name in "abcd"], run.reference, run, target=0.01, most=2)) == 2


def test_query_key_and_value_stand_together(graphs):
    _, graph = graphs["bert"]
    groups = product_groups(onnx.load(graph.path))
    assert sorted(len(group) for group in groups) == [1, 1, 1, 1, 1, 1, 3, 3]
