import numpy as np
import pytest

from ackd_deploy.check.accuracy import accuracy_gates, slices
from ackd_deploy.recipe.sections import Gates
from ackd_deploy.run.records import SliceRecord
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL


def one_hot(classes, count=2):
    return np.eye(count, dtype=np.float32)[classes] * 4.0


def verdicts(results):
    return {result.gate: result.verdict for result in results}


def test_the_same_answers_pass_everything():
    labels = np.arange(1000) % 2
    student = one_hot(np.where(np.arange(1000) < 900, labels, 1 - labels))
    found = accuracy_gates("int8", SINGLE_LABEL, student, student.copy(), labels, Gates())
    assert verdicts(found) == {
        "accuracy drop": "pass",
        "error growth": "pass",
        "agreement": "pass",
        "ECE": "info",
    }


def test_a_small_drop_of_a_good_model_is_a_large_growth_of_its_errors():
    # 1,000 rows, 20 errors; the variant makes 4 more: 0.4 points, but a fifth more errors.
    labels = np.zeros(1000, dtype=np.int64)
    student, variant = np.zeros(1000, dtype=np.int64), np.zeros(1000, dtype=np.int64)
    student[:20] = 1
    variant[:24] = 1
    found = {
        r.gate: r for r in accuracy_gates("int8", SINGLE_LABEL, one_hot(student), one_hot(variant), labels, Gates())
    }
    assert found["accuracy drop"].figure == pytest.approx(0.4)
    assert found["accuracy drop"].verdict == "undecided"
    assert found["error growth"].figure == pytest.approx(0.2)
    assert found["error growth"].verdict == "fail"
    assert found["agreement"].figure == pytest.approx(0.996)


def test_changed_answers_fail_on_agreement_though_the_accuracy_stays():
    # As many won as lost: 30 of 1,000 rows change, the accuracy does not.
    labels = np.zeros(1000, dtype=np.int64)
    student, variant = np.zeros(1000, dtype=np.int64), np.zeros(1000, dtype=np.int64)
    student[:15] = 1
    variant[15:30] = 1
    found = {
        r.gate: r for r in accuracy_gates("int8", SINGLE_LABEL, one_hot(student), one_hot(variant), labels, Gates())
    }
    assert found["accuracy drop"].figure == 0.0
    assert found["agreement"].figure == pytest.approx(0.97)
    assert found["agreement"].verdict == "fail"


def test_swapped_labels_fail():
    labels = np.arange(400) % 2
    student = one_hot(labels)
    found = verdicts(accuracy_gates("fp32", SINGLE_LABEL, student, student[:, ::-1], labels, Gates()))
    assert found["accuracy drop"] == found["agreement"] == found["error growth"] == "fail"


def test_twenty_rows_cannot_tell():
    labels = np.arange(20) % 2
    student = one_hot(labels)
    found = verdicts(accuracy_gates("int8", SINGLE_LABEL, student, student, labels, Gates()))
    # 20 of 20 agree: the interval still reaches down to 84 %.
    assert found["agreement"] == "undecided"
    assert found["accuracy drop"] == "undecided"


def test_multi_label_agreement_needs_the_whole_set():
    labels = np.tile(np.array([[1.0, 0.0, 1.0]], dtype=np.float32), (300, 1))
    student = labels * 4 - 2
    variant = student.copy()
    variant[:6, 0] *= -1
    found = {r.gate: r for r in accuracy_gates("int8", MULTI_LABEL, student, variant, labels, Gates())}
    assert found["agreement"].figure == pytest.approx(0.98)
    # Micro-F1 by hand: 594 hits, 6 misses: 2*594 / (594 + 600) = 0.99497.
    assert found["micro F1 drop"].figure == pytest.approx(100 * (1 - 1188 / 1194))


def test_regression_measures_the_growth_of_the_squared_error():
    generator = np.random.default_rng(0)
    labels = generator.normal(size=500).astype(np.float32)
    noise = generator.normal(size=500).astype(np.float32) * 0.1
    student, variant = (labels + noise)[:, None], (labels + 1.5 * noise)[:, None]
    found = {r.gate: r for r in accuracy_gates("int8", REGRESSION, student, variant, labels, Gates())}
    assert found["error growth"].figure == pytest.approx(1.25, abs=1e-3)
    assert found["error growth"].verdict == "fail"
    # Points are hundredths of the labels' standard deviation.
    risen = accuracy_gates("int8", REGRESSION.deciding_by("rmse"), student, variant, labels, Gates())[0]
    rmse = [float(np.sqrt(np.square(side[:, 0] - labels).mean())) for side in (student, variant)]
    assert (risen.gate, risen.verdict) == ("RMSE rise", "fail")
    assert risen.figure == pytest.approx(100 * (rmse[1] - rmse[0]) / np.std(labels))


def test_slices_by_length_and_class():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    answers = np.array([0, 0, 0, 0, 1, 1, 0, 0])
    lengths = np.array([2, 3, 4, 5, 6, 7, 8, 9])
    found = slices(SINGLE_LABEL, one_hot(answers), labels, lengths, ("no", "yes"))
    assert found["2-3 tokens"] == SliceRecord(metric="accuracy", value=1.0, rows=2)
    assert found["8-9 tokens"] == SliceRecord(metric="accuracy", value=0.0, rows=2)
    assert found["label no"] == SliceRecord(metric="recall", value=1.0, rows=4)
    assert found["label yes"] == SliceRecord(metric="recall", value=0.5, rows=4)
