"""How the artifact decides, on the page."""

from __future__ import annotations

import numpy as np

from ackd_deploy.artifact import Abstain, Decision
from ackd_deploy.report.decisions import decision_view, risk_coverage
from ackd_deploy.report.html import render_report
from ackd_deploy.run import EXPORT
from ackd_deploy.run.predictions import Predictions
from ackd_deploy.tasks import SINGLE_LABEL
from tests.report.conftest import exported
from tests.report.test_html import MakeRun, Page

ABSTAIN = Abstain(
    threshold=0.7125, target="precision", goal=0.95, rows=500, certainty=0.9, bound=0.9612, validation_rows=200,
    coverage=0.64, coverage_interval=[0.57, 0.703], precision=0.96, precision_interval=[0.91, 0.98],
)  # fmt: skip
DECISION = Decision(thresholds={"positive": 0.31}, metric="f1:positive", rows=500, abstain=ABSTAIN)


def test_error_over_coverage_by_hand() -> None:
    # Confidence 0.9, 0.8, 0.8, 0.6; the second and the last are wrong.
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.2, 0.8], [0.6, 0.4]])
    saved = Predictions(np.log(scores), np.array([0, 0, 1, 1]))
    coverage, error = risk_coverage(SINGLE_LABEL, saved, 1.0)
    assert coverage.tolist() == [25.0, 75.0, 100.0]
    np.testing.assert_allclose(error, [0.0, 100 / 3, 50.0])


def test_the_page_says_how_the_artifact_decides(make_run: MakeRun) -> None:
    run = make_run()
    assert "Decisions" not in Page(render_report(run)).text
    run.finish(EXPORT, exported(decision=DECISION))
    page = Page(render_report(run))
    for expected in (
        "Tuned for F1 of positive on 500 rows",
        "positive 0.31",
        "precision asked for 95 %",
        "least confidence of an accepted answer 0.7125",
        "accepted of 200 validation rows 64.0 % (57.0 to 70.3)",
        "right among the accepted 96.0 % (91.0 to 98.0)",
        "precision that these show, 90% certain at least 96.1 %",
    ):
        assert expected in page.text, expected
    assert ("svg", "Errors among the accepted") in [(tag, found.get("aria-label")) for tag, found in page.tags]


def test_without_predictions_there_is_no_plot() -> None:
    view = decision_view(exported(decision=DECISION), "single_label_classification", ["negative", "positive"], None)
    assert view is not None
    assert view.plot is None
    none = Abstain(**{**ABSTAIN.model_dump(), "coverage": 0.0, "precision": None, "precision_interval": None})
    record = exported(decision=Decision(abstain=none))
    view = decision_view(record, "single_label_classification", ["negative", "positive"], None)
    assert view is not None
    assert (view.tuned, view.thresholds) == (None, [])
    assert view.facts["right among the accepted"] == "no row was accepted"
