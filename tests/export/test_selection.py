import pytest

from ackd_deploy.check.gates import GateResult
from ackd_deploy.check.latency import Timing
from ackd_deploy.export.selection import choose
from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.recipe import parse_recipe


def recipe(workload="single", undecided="pass"):
    text = f"""
data: {{train: a.csv, validation: b.csv}}
teacher: {{model: t}}
export: {{workload: {workload}}}
gates: {{undecided: {undecided}}}
"""
    return parse_recipe(text, source="test")


def judgment(name, single, batch, verdict="pass", size=100):
    def timing(seconds):
        return Timing(name, (seconds,) * 3, (seconds,) * 3, None, 0.1, 1, 1)

    result = GateResult("agreement", name, verdict, 0.98, 0.99)
    return VariantReport(
        name, results=[result], size_bytes=size, timings={"single": timing(single), "batch": timing(batch)}
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


def test_nothing_passes():
    assert choose([judgment("fp32", 1.0, 1.0, "fail")], recipe()) is None


def test_what_could_not_be_built_is_refused_with_its_reason():
    broken = VariantReport("int8_static", problem="cannot be built: ValueError: no")
    assert choose([broken], recipe()) is None
    row = broken.record(recipe())
    assert (row.verdict, row.reasons) == ("fail", ["cannot be built: ValueError: no"])


def test_of_two_equally_fast_the_smaller_wins():
    found = [judgment("a", 1.00, 1.0, size=200), judgment("b", 1.02, 1.0, size=100)]
    assert choose(found, recipe()).name == "b"


def test_of_two_equally_fast_the_one_without_open_questions_wins():
    found = [judgment("a", 1.00, 1.0, "undecided", size=90), judgment("b", 1.02, 1.0, size=100)]
    assert choose(found, recipe()).name == "b"
