from pathlib import Path

import pytest

from ackd_deploy.check.gates import GateResult
from ackd_deploy.check.latency import Timing
from ackd_deploy.export.selection import choose, fallback, kept
from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.recipe import parse_recipe


def recipe(workload="single", undecided="pass"):
    text = f"""
data: {{train: a.csv, validation: b.csv}}
teacher: {{model: t}}
export: {{workload: {workload}}}
gates: {{undecided: {undecided}}}
"""
    return parse_recipe(text, source="test")


def judgment(name, single, batch, verdict="pass", size=100, gate="agreement"):
    def timing(seconds):
        rounds = seconds if isinstance(seconds, tuple) else (seconds,) * 3
        return Timing(name, rounds, rounds, None, 0.1, 1, 1)

    return VariantReport(
        name,
        BuiltVariant(name, Path(name), "fp32"),
        results=[GateResult(gate, name, verdict, 0.98, 0.99)],
        size_bytes=size,
        timings={"single": timing(single), "batch": timing(batch)},
    )


def test_the_fastest_for_the_workload_wins():
    found = [judgment("fp32", 4.0, 4.0), judgment("a", 1.0, 3.0), judgment("b", 2.0, 1.0)]
    assert choose(found, recipe("single")).name == "a"
    assert choose(found, recipe("batch")).name == "b"


def test_a_refused_variant_never_wins_however_fast():
    found = [judgment("fp32", 4.0, 4.0), judgment("a", 1.0, 1.0, "fail")]
    assert choose(found, recipe()).name == "fp32"


@pytest.mark.parametrize(("undecided", "winner"), [("pass", "a"), ("fail", "fp32")])
def test_the_recipe_says_whether_undecided_passes(undecided, winner):
    found = [judgment("fp32", 4.0, 4.0), judgment("a", 1.0, 1.0, "undecided")]
    assert choose(found, recipe(undecided=undecided)).name == winner


def test_exact_and_faster_is_served_however_small_the_slower_one_is():
    found = [judgment("fp32", 1.0, 1.0, size=400), judgment("int8", 1.2, 1.2, size=100)]
    assert choose(found, recipe()).name == "fp32"


def test_rounds_are_compared_in_pairs():
    # The medians, 3 and 3.05, are within 3 %; in two of three rounds b took a tenth longer.
    a = judgment("a", (1.0, 3.0, 5.0), 1.0, size=200)
    b = judgment("b", (1.1, 3.05, 5.5), 1.0, size=100)
    assert choose([judgment("fp32", 20.0, 1.0), a, b], recipe()).name == "a"


@pytest.mark.parametrize("gate", ["latency single / teacher", "size MB"])
def test_fp32_stays_as_the_fallback_where_only_time_or_size_is_against_it(gate):
    found = [judgment("fp32", 4.0, 4.0, "fail", gate=gate), judgment("a", 1.0, 1.0), judgment("b", 1.0, 1.0, "fail")]
    assert fallback(found, recipe()) is found[0]
    assert [report.name for report in kept(found, recipe())] == ["fp32", "a"]
    assert choose(found, recipe()).name == "a"


@pytest.mark.parametrize("gate", ["parity", "fusion", "agreement", "batch flips"])
def test_without_a_fallback_nothing_is_served(gate):
    found = [judgment("fp32", 4.0, 4.0, "fail", gate=gate), judgment("a", 1.0, 1.0)]
    assert fallback(found, recipe()) is None
    assert choose(found, recipe()) is None


def test_nothing_passes():
    assert choose([judgment("fp32", 1.0, 1.0, "fail")], recipe()) is None


def test_what_could_not_be_built_is_refused_with_its_reason():
    broken = VariantReport("int8_static", problem="cannot be built: ValueError: no")
    assert choose([broken], recipe()) is None
    row = broken.record(recipe())
    assert (row.verdict, row.reasons) == ("fail", ["cannot be built: ValueError: no"])


def test_of_two_equally_fast_the_smaller_wins():
    found = [judgment("fp32", 9.0, 9.0), judgment("a", 1.00, 1.0, size=200), judgment("b", 1.02, 1.0, size=100)]
    assert choose(found, recipe()).name == "b"


def test_of_two_equally_fast_the_one_without_open_questions_wins():
    found = [judgment("fp32", 9.0, 9.0), judgment("a", 1.00, 1.0, "undecided", 90), judgment("b", 1.02, 1.0)]
    assert choose(found, recipe()).name == "b"
