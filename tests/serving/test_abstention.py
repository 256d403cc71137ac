"""An artifact that abstains and has a threshold of its own, over HTTP, on the page, in Python and in a file."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from ackd_deploy.artifact import Abstain, Decision, open_artifact
from ackd_deploy.cli import cli
from ackd_deploy.runtime import Classifier
from tests.artifact_builder import SENTENCES, build_artifact
from tests.serving.running_service import Service, serving
from tests.serving.test_page import Visit, browser
from tests.serving.test_page import pytestmark as needs_browser

__all__ = ["browser"]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory, artifact_scratch: Path) -> Path:
    """Its threshold lies at the median score of the positive class, the least confidence at the median confidence."""
    folder = tmp_path_factory.mktemp("abstaining")
    plain = Classifier.load(build_artifact(folder / "plain", artifact_scratch), threads=1).classify(SENTENCES)
    positive = np.array([answer.scores["positive"] for answer in plain])
    cut = float(np.median(positive))
    confidence = np.where(positive >= cut, positive, 1 - positive)
    abstain = Abstain(
        threshold=float(np.median(confidence)), target="coverage", goal=0.5, rows=100, validation_rows=200,
        coverage=0.5, coverage_interval=[0.4, 0.6], precision=0.9, precision_interval=[0.8, 0.95],
    )  # fmt: skip
    decision = Decision(thresholds={"positive": cut}, metric="accuracy", rows=100, abstain=abstain)
    return build_artifact(folder / "artifact", artifact_scratch, decision=decision)


@pytest.fixture(scope="module")
def abstaining(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(artifact, tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def client(abstaining: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=abstaining.url, timeout=30, trust_env=False) as opened:
        yield opened


def test_labels_and_decisions_are_those_of_the_record(client: httpx.Client, artifact: Path) -> None:
    decision = open_artifact(artifact).decision
    assert decision is not None
    assert decision.abstain is not None
    assert decision.thresholds is not None
    offline = Classifier.load(artifact, threads=1).classify(SENTENCES)
    before = counted(client)
    results = client.post("/classify", json={"texts": SENTENCES, "scores": True}).raise_for_status().json()["results"]
    for result, expected in zip(results, offline, strict=True):
        label = "positive" if result["scores"]["positive"] >= decision.thresholds["positive"] else "negative"
        sure = result["scores"][label] >= decision.abstain.threshold
        assert (result["label"], result["score"]) == (label, result["scores"][label])
        assert result["decision"] == ("accept" if sure else "review")
        assert (expected.label, expected.decision) == (result["label"], result["decision"])
    assert sorted(result["decision"] for result in results) == ["accept"] * 4 + ["review"] * 4
    # A threshold that no score lies on: half the labels, whatever the random weights.
    assert sorted(result["label"] for result in results) == ["negative"] * 4 + ["positive"] * 4
    assert [after - old for after, old in zip(counted(client), before, strict=True)] == [4, 4]


def counted(client: httpx.Client) -> list[float]:
    text = client.get("/metrics").text
    found = {o: re.search(rf'ackd_decisions_total{{outcome="{o}"}} (\S+)', text) for o in ("accept", "review")}
    return [float(match[1]) if match else 0.0 for match in found.values()]


def test_info_and_openapi_say_so(client: httpx.Client, artifact: Path) -> None:
    written = json.loads((artifact / "ackd.json").read_text())["decision"]
    assert client.get("/info").json()["decision"] == written
    assert written["abstain"]["precision_interval"] == [0.8, 0.95]
    result = client.get("/openapi.json").json()["components"]["schemas"]["Result"]["properties"]["decision"]
    assert result["anyOf"][0]["enum"] == ["accept", "review"]


def test_the_open_inference_protocol_has_the_output(client: httpx.Client) -> None:
    expected = client.post("/classify", json={"texts": SENTENCES[:3]}).json()["results"]
    texts = [{"name": "text", "shape": [3], "datatype": "BYTES", "data": SENTENCES[:3]}]
    answer = client.post("/v2/models/tiny/infer", json={"inputs": texts}).raise_for_status().json()
    found = {output["name"]: output["data"] for output in answer["outputs"]}
    assert found["label"] == [result["label"] for result in expected]
    assert found["decision"] == [result["decision"] for result in expected]
    metadata = client.get("/v2/models/tiny").json()
    assert [output["name"] for output in metadata["outputs"]] == ["label", "score", "scores", "decision"]


def test_a_model_that_never_abstains_says_nothing_of_it(service: Service) -> None:
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as plain:
        (result,) = plain.post("/classify", json={"text": "a warm film"}).json()["results"]
        assert "decision" not in result
        assert plain.get("/info").json()["decision"] is None
        texts = [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}]
        asked = {"inputs": texts, "outputs": [{"name": "decision"}]}
        refused = plain.post("/v2/models/tiny/infer", json=asked)
        assert (refused.status_code, refused.json()["error"]) == (422, "this model has no output 'decision'")
        assert [output["name"] for output in plain.get("/v2/models/tiny").json()["outputs"]][-1] == "scores"


def test_predict_writes_the_decision(artifact: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["predict", "--artifact", str(artifact), "--threads", "1", *SENTENCES])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    offline = Classifier.load(artifact, threads=1).classify(SENTENCES)
    assert [line["decision"] for line in lines] == [answer.decision for answer in offline]
    (tmp_path / "in.csv").write_text("text\n" + "".join(f'"{text}"\n' for text in SENTENCES))
    given = ["predict", "--artifact", str(artifact), "--threads", "1", "--input", str(tmp_path / "in.csv")]
    done = CliRunner().invoke(cli, [*given, "--output", str(tmp_path / "out.csv")])
    assert done.exit_code == 0, done.output
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["decision"] for row in csv.DictReader(file)] == [answer.decision for answer in offline]


def with_browser(test: object) -> object:
    for mark in needs_browser:
        test = mark(test)
    return test


@with_browser
def test_the_page_shows_what_needs_review(browser: object, abstaining: Service, artifact: Path) -> None:
    offline = Classifier.load(artifact, threads=1).classify(SENTENCES)
    visit = Visit(browser, abstaining.url, 1000, 900)
    page = visit.page
    page.get_by_text("to be reviewed below a confidence of").wait_for()
    page.get_by_label("each line is a text").check()
    page.get_by_label("Text", exact=True).fill("\n".join(SENTENCES))
    page.get_by_role("button", name="Classify").click()
    page.get_by_text("8 results").wait_for()
    words = {"accept": "accepted", "review": "not sure: needs review"}
    assert page.locator(".decision").all_text_contents() == [words[str(answer.decision)] for answer in offline]
    assert page.locator("dt").filter(has_text=re.compile(r"^positive from \d+\.\d %$")).count() == 8
    assert visit.trouble == []
    visit.context.close()
