from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import write_json
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.report import write_report
from ackd_deploy.report.html import figure, render_report
from ackd_deploy.run import EXPORT, TEACHER, Run, student_stage
from ackd_deploy.run.records import SliceRecord
from ackd_deploy.tasks.metric_names import metric_name
from tests.records import CPU, TIMING, hard_sentence, variant_record
from tests.report.conftest import RECIPE, exported, finish_model, gate

MakeRun = Callable[..., Run]
HOSTILE = '</script><script>alert(1)</script><img src="https://evil.example/x" onerror=alert(1)>{{ 7*7 }}'
VOID = {"meta", "br", "img", "input", "hr", "link"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_page_tells_the_run(make_run: MakeRun) -> None:
    page = Page(render_report(make_run()))
    for expected in (
        "Passed: fp32 is what the artifact serves",
        "88.0 % accuracy (the teacher: 90.0)",
        "60.6 MB, 67 % of the teacher",
        "2.2 times the speed of the teacher in PyTorch",
        "The student by ACKD against the student that was not distilled: +3.0 points",
        "student, not distilled",
        "invariance 3 (bound 0)",
        "undecided",
        "points lost",
        "SmoothQuant 0.7; runs one row at a time",
        "teacher in PyTorch",
        "1.25 2.50 801 5.0 0.30 148",
        "4-9 tokens accuracy, % 50 91.0",
        "label positive recall, % 100 90.0",
        "temperature in the artifact 1.3",
        "model A processor",
        "Training loss",
        "SAR: effective sample size",
        "a triumph",
        "the teacher contradicts the label of 1",
        "Likely label errors",
        "calibration error",
        "negative",
        "seed 42",
        "method: ackd",
    ):
        assert expected in page.text, expected


def test_page_is_one_file_that_fetches_nothing(make_run: MakeRun) -> None:
    html = render_report(make_run())
    assert "://" not in html
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("xlink:href") or "#").startswith("#")
        assert "url(" not in (attributes.get("style") or "").replace("url(#", "")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert any(tag == "meta" and a.get("name") == "viewport" for tag, a in page.tags)


def test_hostile_data_stays_text(make_run: MakeRun, labels) -> None:
    run = make_run()
    hard = hard_sentence(text=HOSTILE, pair=HOSTILE, label=HOSTILE, teacher_label=HOSTILE, likely_label_error=True)
    given = {"hardest": [hard], "sar": {HOSTILE: 1.0}}
    finish_model(run, student_stage("ackd"), range(176), labels, given=given, device=HOSTILE)
    write_json(run.path("student", "config.json"), {"id2label": {"0": HOSTILE, "1": "b"}})
    variant = variant_record(
        HOSTILE,
        reasons=[HOSTILE],
        note=HOSTILE,
        slices={HOSTILE: SliceRecord(metric=HOSTILE, value=0.5, rows=3)},
        timings={HOSTILE: TIMING},
        gates=[gate(HOSTILE, "fail", 1.0, variant=HOSTILE, detail=HOSTILE)],
    )
    run.finish(EXPORT, exported(variants=[variant], cpu=dataclasses.replace(CPU, model=HOSTILE)))
    for step in (1, 2):
        run.log_metrics(stage=HOSTILE, step=step, **{HOSTILE: 1.0})
    page = Page(render_report(run))
    tags = {tag for tag, _ in page.tags}
    assert not {"script", "img"} & tags
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    assert page.text.count("{{ 7*7 }}") > 10
    assert "49" not in {word.strip() for word in page.words}


def test_hidden_characters_are_shown(make_run: MakeRun, labels) -> None:
    run = make_run()
    hard = hard_sentence(text="gnp\u202e\x1b[31m", label="a\u2066b")
    finish_model(run, student_stage("ackd"), range(176), labels, given={"hardest": [hard]})
    html = render_report(run)
    assert not set(html) & set("\u202e\x1b\u2066")
    assert "gnp\\u202e\\x1b[31m" in Page(html).text


def test_likely_label_errors_come_before_the_merely_hard(make_run: MakeRun, labels) -> None:
    run = make_run()
    hardest = [
        hard_sentence(row=row, text=f"sentence {row:02d}.", weight=9.0 - row / 10, likely_label_error=row % 3 == 2)
        for row in range(15)
    ]
    errors = [
        hard_sentence(row=row, text=f"sentence {row:02d}.", contrastive_loss=9.0 - row / 10, likely_label_error=True)
        for row in range(50, 62)
    ]
    finish_model(run, student_stage("ackd"), range(176), labels, given={"hardest": hardest, "label_errors": errors})
    text = Page(render_report(run)).text
    shown = [int(number) for number in re.findall(r"sentence (\d\d)\.", text)]
    assert shown == [*range(50, 62), *range(15)]
    assert "2 more" in text
    assert "5 more" in text
    # Rows 2, 5, 8, 11 and 14.
    assert "Of these 15, the teacher contradicts the label of 5." in text
    assert "loss 4.00" in text


def test_refused_run_says_so_first(make_run: MakeRun) -> None:
    run = make_run(with_export=False)
    run.fail(EXPORT, exported(chosen=None, variants=exported().variants[:1]))
    text = Page(render_report(run)).text
    assert "Refused: no variant passed the gates" in text
    assert "int8_dynamic: invariance 3 (bound 0)." in text


def test_distilled_run_has_no_gates(make_run: MakeRun) -> None:
    text = Page(render_report(make_run(with_export=False))).text
    assert "Distilled, not exported yet" in text
    assert "Gates" not in text


def test_run_with_nothing_done_has_a_page(tmp_path: Path) -> None:
    run = Run.open(tmp_path / "empty", parse_recipe(RECIPE))
    run.start(TEACHER)
    text = Page(write_report(run).read_text()).text
    assert "Not finished yet" in text
    assert "No stage of this run has ended yet" in text
    assert "running" in text


@pytest.mark.parametrize("problem_type", ["regression", "multi_label_classification"])
def test_other_tasks_have_a_page(make_run: MakeRun, problem_type: str, labels) -> None:
    import numpy as np

    from tests.report.conftest import save_predictions

    run = make_run(recipe=RECIPE.replace("data: {", f"data: {{problem_type: {problem_type}, "), with_export=False)
    generator = np.random.default_rng(1)
    for key in ("teacher", "finetune", "kd", "ackd"):
        columns = 1 if problem_type == "regression" else 3
        logits = generator.normal(size=(50, columns)).astype(np.float32)
        truth = (generator.normal(size=50) if columns == 1 else generator.integers(0, 2, size=(50, 3))).astype("f4")
        save_predictions(run, key, logits, truth)
    name = "pearson" if problem_type == "regression" else "micro_f1"
    for label in (["a", "b"], [], 1.5):
        hard = hard_sentence(label=label, teacher_label=label, teacher_share=None)
        found = {"metrics": {name: 0.5}, "primary": name}
        finish_model(run, TEACHER, range(9), labels, **found)
        save_predictions(run, "teacher", logits, truth)
        finish_model(run, student_stage("ackd"), range(9), labels, given={"hardest": [hard]}, **found)
        save_predictions(run, "ackd", logits, truth)
        text = Page(render_report(run)).text
        assert metric_name(name).heading in text
        assert "Each label apart" not in text


def test_lost_predictions_cost_the_interval_alone(make_run: MakeRun) -> None:
    run = make_run()
    run.path("predictions", "kd.safetensors").write_bytes(b"cut")
    text = Page(render_report(run)).text
    assert "student, KD" in text
    assert "against the student by KD" not in text


def test_an_older_page_survives_a_failure(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    page = write_report(run)
    before = page.read_bytes()

    def broken(run: Run) -> str:
        raise ArtifactError("no")

    monkeypatch.setattr("ackd_deploy.report.html.render_report", broken)
    with pytest.raises(ArtifactError):
        write_report(run)
    assert page.read_bytes() == before
    assert [file.name for file in page.parent.iterdir()] == ["index.html"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (0, "0"),
        (872, "872"),
        (1996.0, "1,996"),
        (2.1e-6, "2.1e-06"),
        (0.12345, "0.1235"),
    ],
)
def test_figures(value: object, shown: str) -> None:
    assert figure(value) == shown


def test_page_shows_the_profile_of_the_data(make_run: MakeRun) -> None:
    run = make_run()
    assert "Found in the data" not in render_report(run)
    profile = {
        "problem_type": "single_label_classification", "text": "text", "text_pair": None, "label": "label",
        "delimiter": None, "encoding": "utf-8",
        "parts": [{"name": "train", "source": f"{HOSTILE}.csv", "rows": 1234, "skipped": 2}],
        "classes": [
            {"name": "rare", "rows": {"train": 34}, "share": 34 / 1234},
            {"name": HOSTILE, "rows": {"train": 1200}, "share": 1200 / 1234},
        ],
        "lengths": {"unit": "tokens", "rows": 1234, "median": 21, "p90": 40, "p95": 50, "p99": 61, "longest": 97,
                    "max_length": 64, "cut": 7, "suggested": 64},
        "findings": [
            {"kind": "duplicates", "part": "train", "message": "12 rows repeat an earlier one", "rule": "equal",
             "hint": "remove them", "count": 12, "noun": "line", "rows": [4, 8]},
        ],
    }  # fmt: skip
    write_json(run.path("profile.json"), profile)
    html = render_report(run)
    text = Page(html).text
    for expected in (
        "1,234 (2 skipped)", "97.2", "median 21, 90 % up to 40", "12 rows repeat an earlier one", "line 4, 8 …",
        "Of 1,234 rows, 7 are not read whole",
    ):  # fmt: skip
        assert expected in text
    assert "<script>" not in html
    assert text.index("1,200") < text.index("rare")
    run.path("profile.json").write_text("{}", encoding="utf-8")
    assert "The data" not in Page(render_report(run)).text
