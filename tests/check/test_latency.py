import numpy as np
import pytest

from ackd_deploy.check.latency import System, Timing, measure, ratio_interval, workload_texts
from ackd_deploy.errors import EnvironmentProblem
from tests.artifact_builder import SENTENCES


def timing(name, rounds):
    return Timing(name, tuple(rounds), tuple(rounds), None, 0.1, None, 10)


def test_the_ratio_pairs_rounds():
    # The machine became ten times slower half-way; both systems met the same load, so the ratio stays 1/2.
    slow = [1.0, 1.0, 10.0, 10.0, 10.0]
    ratio, interval = ratio_interval(timing("a", np.array(slow) / 2), timing("b", slow))
    assert ratio == pytest.approx(0.5)
    assert interval == pytest.approx((0.5, 0.5))


def test_the_interval_holds_the_median_and_spans_the_rounds_when_they_are_few():
    ratios = [0.4, 0.5, 0.9]
    ratio, (low, high) = ratio_interval(timing("a", ratios), timing("b", [1.0] * 3))
    assert ratio == pytest.approx(0.5)
    assert (low, high) == pytest.approx((0.4, 0.9))


def test_throughput_and_percentiles():
    found = Timing("a", (2.0, 4.0, 6.0), (0.1, 0.2, 0.3), 1.0, 0.5, 3_000_000, 100).record()
    assert found.texts_per_second == pytest.approx(25.0)
    assert found.p50_ms == pytest.approx(200.0)
    assert found.tokenizing_share == pytest.approx(0.25)
    assert found.resident_mb == pytest.approx(3.0)


def test_a_workload_has_the_data_own_lengths():
    texts = [f"text {n}" for n in range(500)]
    lengths = list(range(500))
    single = workload_texts(texts, lengths, "single", 32)
    batch = workload_texts(texts, lengths, "batch", 32)
    assert len(single) == 20
    assert len(batch) == 64
    assert {"text 0", "text 499"} <= set(single)
    # Mixed, or the batches would be of one length each.
    assert batch != sorted(batch, key=texts.index)


def test_variants_are_timed_in_processes_of_their_own(tiny_artifact):
    systems = [System(name, "artifact", tiny_artifact, 24, name) for name in ("fp32", "int8_dynamic")]
    found = measure(systems, {"single": (SENTENCES[:3], 1), "batch": (SENTENCES, 4)}, rounds=4, threads=1)
    assert set(found) == {"single", "batch"}
    for timings in found.values():
        assert set(timings) == {"fp32", "int8_dynamic"}
        for one in timings.values():
            assert len(one.rounds) == 4
            assert one.seconds > 0
            assert one.resident_bytes is not None
            assert one.resident_bytes > 1e6
    assert len(found["single"]["fp32"].calls) == 4 * 3
    assert len(found["batch"]["fp32"].calls) == 4 * 2


def test_a_system_that_cannot_be_loaded_is_one_clear_error(tmp_path):
    with pytest.raises(EnvironmentProblem, match="latency of gone could not be measured"):
        measure([System("gone", "artifact", tmp_path, 24)], {"single": (["a"], 1)}, rounds=1, threads=1)
