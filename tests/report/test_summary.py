from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from rich.console import Console

from ackd_deploy.report.summary import summary_json, summary_rows, summary_table
from ackd_deploy.run import EXPORT, Run
from tests.records import variant_record
from tests.report.conftest import RECIPE, exported

MakeRun = Callable[..., Run]


def shown(run: Run, width: int) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(summary_table(summary_rows(run)))
    return stream.getvalue()


def test_rows_stand_in_the_table_s_order(make_run: MakeRun) -> None:
    rows = summary_rows(make_run())
    assert [row.key for row in rows] == ["teacher", "finetune", "kd", "ackd", "fp32", "int8_dynamic"]
    assert [row.role for row in rows] == ["teacher", "baseline", "baseline", "student", "variant", "variant"]
    assert [row.value for row in rows] == [0.9, 0.85, 0.86, 0.88, 0.88, 0.87]
    assert [row.size_mb for row in rows] == [90.0, 60.5, 60.5, 60.5, 60.6, 45.4]
    assert [row.latency_ratio for row in rows] == [1.0, 0.55, 0.55, 0.55, 0.45, 0.2]
    assert [row.chosen for row in rows] == [False] * 4 + [True, False]


def test_interval_is_wilson_s(make_run: MakeRun) -> None:
    # Wilson's ends are the p at which 180 of 200 lies 1.96 standard errors of p itself away.
    teacher = summary_rows(make_run())[0]
    assert teacher.interval is not None
    for end in teacher.interval:
        assert abs(0.9 - end) == pytest.approx(1.959964 * (end * (1 - end) / 200) ** 0.5, rel=1e-5)
    assert teacher.rows == 200


def test_a_variant_has_its_own_interval(make_run: MakeRun) -> None:
    fp32, int8 = summary_rows(make_run())[-2:]
    assert fp32.interval is not None
    assert fp32.interval[0] < 0.88 < fp32.interval[1]
    assert int8.interval is None


def test_what_was_not_measured_is_a_dash(make_run: MakeRun) -> None:
    run = make_run(with_export=False)
    rows = summary_rows(run)
    assert [row.latency_ratio for row in rows] == [None] * 4
    assert all(row.verdict is None for row in rows)
    line = next(line for line in shown(run, 80).splitlines() if "ACKD" in line)
    assert line.split()[-2:] == ["-", "-"]


def test_nothing_done_gives_an_empty_table(tmp_path, make_run: MakeRun) -> None:
    from ackd_deploy.recipe import parse_recipe

    run = Run.open(tmp_path / "empty", parse_recipe(RECIPE))
    assert summary_rows(run) == []
    assert "accuracy" in shown(run, 80)


def test_json_is_plain_and_valid(make_run: MakeRun) -> None:
    run = make_run()
    broken = variant_record("int8_dynamic", metric=None, rows=None, latency_ratio=None, verdict="fail")
    run.finish(EXPORT, exported(variants=[variant_record(), broken]))
    content = json.loads(json.dumps(summary_json(run), allow_nan=False))
    assert content["chosen"] == "fp32"
    assert content["rows"][-1]["latency_ratio"] is None
    assert content["rows"][-1]["value"] is None
    assert content["stages"][0] == "teacher"


@pytest.mark.parametrize("width", [60, 80, 140])
def test_every_figure_fits(make_run: MakeRun, width: int) -> None:
    text = shown(make_run(), width)
    assert max(len(line) for line in text.splitlines()) <= width
    for figure in ("90.0", "85.1–93.4", "88.0", "60.6", "45.4", "0.45", "0.20", "served", "fail"):
        assert figure in text
    assert "…" not in text


def test_markup_in_names_is_text(make_run: MakeRun) -> None:
    run = make_run()
    run.finish(EXPORT, exported(variants=[variant_record("[red]x[/red]")]))
    assert "[red]x[/red]" in shown(run, 80).replace("\n", "")
