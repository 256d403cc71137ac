import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.check.gates import at_least, at_most, failures, inform, passes
from ackd_deploy.run.records import GateRecord


def test_at_most_has_all_four_verdicts():
    assert at_most("size", "fp32", 1.0, None).verdict == "info"
    assert at_most("drop", "int8", 0.6, 0.5, interval=(0.4, 0.8)).verdict == "fail"
    assert at_most("drop", "int8", 0.3, 0.5, interval=(-0.2, 0.8)).verdict == "undecided"
    assert at_most("drop", "int8", 0.3, 0.5, interval=(0.1, 0.5)).verdict == "pass"


def test_at_least_has_three():
    assert at_least("agreement", "int8", 0.98, 0.99).verdict == "fail"
    assert at_least("agreement", "int8", 0.995, 0.99, interval=(0.985, 0.998)).verdict == "undecided"
    assert at_least("agreement", "int8", 0.995, 0.99, interval=(0.991, 0.998)).verdict == "pass"


@pytest.mark.parametrize("gate", [at_most, at_least])
def test_nan_never_passes(gate):
    assert gate("parity", "fp32", math.nan, 1.0).verdict == "fail"


def test_the_recipe_says_what_undecided_means():
    results = [at_most("drop", "int8", 0.3, 0.5, interval=(-0.2, 0.8)), inform("ece", "int8", 0.1)]
    assert passes(results, "pass")
    assert not passes(results, "fail")
    assert [r.gate for r in failures(results, "fail")] == ["drop"]


def test_a_reason_names_gate_figure_and_bound():
    assert at_most("parity", "fp32", 0.25, 1e-4, detail="batch 32").reason() == "parity 0.25 (bound 0.0001): batch 32"


@given(st.floats(), st.floats(), st.floats(), st.floats())
def test_json_never_holds_nan_or_infinity(figure, bound_shift, low, high):
    result = at_most("g", "v", figure, 1.0, interval=(low, high))
    assert GateRecord.model_validate_json(result.record().model_dump_json()) == result.record()
    assert (result.verdict == "pass") <= (figure <= 1.0)
