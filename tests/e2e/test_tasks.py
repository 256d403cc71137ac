"""Every kind of task through every step: init, distill, gates, report, predict, evaluate, serve, page."""

from __future__ import annotations

import csv
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from click.testing import CliRunner

from ackd_deploy.check.latency import Timing
from ackd_deploy.cli import cli
from ackd_deploy.export import timing
from ackd_deploy.serving.app import create_app
from ackd_deploy.serving.settings import Settings
from tests.e2e.task_data import TASKS, VALIDATION, make_teacher, write_task
from tests.serving.running_service import free_port

EXISTING = "existing classifier"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass(frozen=True)
class Done:
    """One task, carried to its artifact."""

    task: str
    folder: Path
    run: Path

    @property
    def artifact(self) -> Path:
        return self.run / "artifact"

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.artifact / "ackd.json").read_text()))

    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "validation.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def ackd(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_teacher(tmp_path_factory.mktemp("teacher") / "model")


@pytest.fixture(scope="module")
def no_latency() -> Iterator[None]:
    """Timing starts a process for each system; what it finds is not looked at here."""

    def timings(systems: Any, workloads: Any, **_: Any) -> Any:
        one = {s.name: Timing(s.name, (1.0,) * 3, (1.0,) * 3, None, 0.1, 1, 1) for s in systems}
        return dict.fromkeys(workloads, one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "measure", timings)
        yield


@pytest.fixture(scope="module", params=[*TASKS, EXISTING])
def done(
    request: pytest.FixtureRequest, teacher: Path, no_latency: None, tmp_path_factory: pytest.TempPathFactory
) -> Done:
    folder = tmp_path_factory.mktemp("task")
    task = "two classes" if request.param == EXISTING else request.param
    settings = write_task(folder, task)
    recipe = folder / "mine.yaml"
    files = (folder / "train.csv", "--validation", folder / "validation.csv")
    ackd("recipe", "init", *files, "--model", teacher, "-o", recipe)
    overrides = [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    run = folder / "run"
    ackd("distill", recipe, "--run", run, "--device", "cpu", *overrides)
    if request.param == EXISTING:
        model, run = run / "teacher", folder / "existing"
        rows = ("--data", folder / "validation.csv", "--calibration", folder / "train.csv")
        gates = [part for part in zip(overrides[::2], overrides[1::2], strict=True) if part[1].startswith("gates.")]
        ackd("export", "--onnx", "--model", model, *rows, "--run", run, *(word for part in gates for word in part))
    else:
        ackd("export", "--onnx", "--run", run)
    return Done(request.param, folder, run)


def test_init_guesses_the_task(done: Done) -> None:
    data = yaml.safe_load((done.folder / "mine.yaml").read_text())["data"]
    kind = {"multi-label": "multi_label_classification", "regression": "regression"}
    assert data.get("problem_type", "single_label_classification") == kind.get(done.task, "single_label_classification")
    assert data.get("text_pair") == ("text_pair" if done.task == "pairs" else None)
    label = {"multi-label": ["red", "blue", "green"], "regression": "score"}.get(done.task, "label")
    assert data.get("label", "label") == label


def test_it_has_learned_and_the_artifact_says_so(done: Done) -> None:
    quality = done.manifest["quality"]
    metric = {"multi-label": "micro_f1", "regression": "pearson", "imbalance 1:30": "macro_f1"}
    assert quality["metric"] == metric.get(done.task, "accuracy")
    # One word decides each row: a model that reads it is nearly always right.
    assert quality["value"] > 0.85
    assert quality["value"] > quality["constant"] + 0.2
    assert quality["rows"] == VALIDATION
    verdicts = {gate["gate"]: gate["verdict"] for gate in done.manifest["gates"] if gate["variant"] == "fp32"}
    assert "fail" not in verdicts.values()


def test_the_report_shows_it(done: Done) -> None:
    ackd("report", "--run", done.run)
    page = next(done.run.rglob("*.html")).read_text()
    title = {"multi-label": "micro F1", "regression": "Pearson", "imbalance 1:30": "macro F1"}
    assert title.get(done.task, "accuracy") in page
    assert "Traceback" not in page


def test_predictions_of_the_file_are_right(done: Done) -> None:
    out = done.folder / "answers.jsonl"
    ackd("predict", done.artifact, done.folder / "validation.csv", "-o", out, "--prefix", "answer_")
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    rows = done.rows()
    assert [row["text"] for row in answers] == [row["text"] for row in rows]
    if done.task == "regression":
        errors = [abs(a["answer_score"] - float(r["score"])) for a, r in zip(answers, rows, strict=True)]
        assert sum(errors) / len(errors) < 0.15
        return
    if done.task == "multi-label":
        named = [[name for name in ("red", "blue", "green") if row[name] == "1"] for row in rows]
        right = [sorted(a["answer_labels"]) == sorted(n) for a, n in zip(answers, named, strict=True)]
    else:
        right = [a["answer_label"] == r["label"] for a, r in zip(answers, rows, strict=True)]
    # All labels of a row right is more than one label right.
    assert sum(right) / len(right) > (0.6 if done.task == "multi-label" else 0.85)


def test_evaluate_finds_what_the_artifact_says(done: Done) -> None:
    found = json.loads(ackd("evaluate", done.artifact, done.folder / "validation.csv", "--json"))
    quality = done.manifest["quality"]
    assert found["metric"] == quality["metric"]
    (figure,) = [row for row in found["figures"] if row["metric"] == quality["metric"]]
    assert figure["value"] == pytest.approx(quality["value"], abs=1e-6)


@pytest.fixture
def url(done: Done) -> Iterator[str]:
    """The service's application on a port of this process: a process of its own takes seconds for each task."""
    port = free_port()
    app = create_app(Settings(threads=1), done.artifact)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 60
        while not server.started or httpx.get(f"{address}/readyz", trust_env=False).status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        yield address
    finally:
        server.should_exit = True
        thread.join()


def test_the_service_answers_as_predict_does(done: Done, url: str) -> None:
    rows = done.rows()[:8]
    pairs = done.task == "pairs"
    asked = {"pairs": [[r["text"], r["text_pair"]] for r in rows]} if pairs else {"texts": [r["text"] for r in rows]}
    answer = httpx.post(f"{url}/classify", json={**asked, "scores": True}, trust_env=False).json()
    assert len(answer["results"]) == 8
    labels = done.manifest["labels"]
    for result in answer["results"]:
        assert list(result["scores"]) == labels
        assert result["label"] in labels
    examples = httpx.get(f"{url}/info", trust_env=False).json()["examples"]
    assert examples
    # They are rows that it answers rightly.
    truth = {row["text"]: row for row in done.rows()}
    if done.task not in ("regression", "multi-label", "pairs"):
        got = httpx.post(f"{url}/classify", json={"texts": examples}, trust_env=False).json()["results"]
        assert [result["label"] for result in got] == [truth[text]["label"] for text in examples]
        assert len({result["label"] for result in got}) == len(got)
    if done.task in ("two classes", "pairs", "multi-label", "regression", "long texts"):
        _look_at_the_page(url, pairs)


def _look_at_the_page(url: str, pairs: bool) -> None:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page()
        page.goto(url)
        page.locator("#examples button").first.click()
        page.locator("#results .answer").wait_for()
        assert page.locator("#results .text").count() == 1
        assert page.locator("#pair-part").is_visible() is pairs
        browser.close()
