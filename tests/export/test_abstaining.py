"""The confidence from which answers are accepted: refused where the rows cannot show what was asked for."""

from __future__ import annotations

import pytest

from ackd_deploy.artifact import Abstain
from ackd_deploy.check.latency import Timing
from ackd_deploy.errors import GateFailed, RecipeError
from ackd_deploy.export import export_run, timing
from ackd_deploy.export.abstaining import _compare
from ackd_deploy.recipe import load_recipe
from ackd_deploy.run import EXPORT


def test_a_precision_that_no_threshold_reaches_ends_the_export(make_run, monkeypatch):
    run = make_run(
        data={"tuning_rows": 40},
        export={"variants": ["fp32"], "abstain": {"precision": 0.99}},
    )

    def timings(systems, workloads, **_):
        one = {s.name: Timing(s.name, (1.0,) * 3, (1.0,) * 3, None, 0.1, 1, 1) for s in systems}
        return dict.fromkeys(workloads, one)

    monkeypatch.setattr(timing, "measure", timings)
    message = r"no threshold reaches the precision 0\.99 on \d+ tuning rows; the best"
    with pytest.raises(GateFailed, match=message) as error:
        export_run(run, table=False)
    assert error.value.exit_code == 3
    assert "takes 230 data.tuning_rows at least" in error.value.hint
    assert not run.path("artifact").exists()
    # What was measured stays, for the report.
    assert not run.is_done(EXPORT)
    assert run.find(EXPORT).chosen == "fp32"


def abstain(**changed):
    plain = {
        "threshold": 0.7, "target": "precision", "goal": 0.9, "rows": 400, "certainty": 0.9, "bound": 0.91,
        "validation_rows": 200, "coverage": 0.5, "coverage_interval": [0.43, 0.57], "precision": 0.93,
        "precision_interval": [0.86, 0.97],
    }  # fmt: skip
    return Abstain(**{**plain, **changed})


def test_validation_rows_that_contradict_the_precision_end_the_export(capsys):
    _compare(abstain())
    said = " ".join(capsys.readouterr().err.split())
    assert "accepts 50.0% (43.0% to 57.0%) of 200 validation rows, 93.0% (86.0% to 97.0%) of them rightly" in said
    # Below the goal, but the rows cannot tell.
    _compare(abstain(precision=0.89, precision_interval=[0.81, 0.94]))
    with pytest.raises(GateFailed, match=r"contradicts the precision 0\.9 that 400 rows of train showed"):
        _compare(abstain(precision=0.8, precision_interval=[0.71, 0.87]))
    # Of a coverage no precision was asked for.
    _compare(abstain(target="coverage", precision=0.8, precision_interval=[0.71, 0.87]))
    capsys.readouterr()
    _compare(abstain(coverage=0.0, coverage_interval=[0.0, 0.02], precision=None, precision_interval=None))
    assert "warning: abstention accepts 0.0%" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["export.abstain={precision: 0.9}"], "export.abstain needs data.tuning_rows"),
        (["export.thresholds=tune"], "export.thresholds needs data.tuning_rows"),
        (["export.abstain={precision: 0.9, coverage: 0.9}"], "give one of precision and coverage"),
        (["export.abstain={}"], "give one of precision and coverage"),
        (["export.abstain={precision: 1.0}"], "less than 1"),
        (["export.abstain={precision: 0.9}", "data.problem_type=regression"], "needs classes"),
    ],
)
def test_refused_before_anything_is_read(tiny_recipe, overrides, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(tiny_recipe, overrides=overrides)


def test_thresholds_are_for_two_classes(tiny_recipe):
    from ackd_deploy.recipe.decisions import check_thresholds

    recipe = load_recipe(tiny_recipe, overrides=["export.thresholds=tune", "data.tuning_rows=10"])
    check_thresholds(recipe, 2)
    with pytest.raises(RecipeError, match="one label a text of 3"):
        check_thresholds(recipe, 3)
