"""What others wrote for KServe: a public client against ``/v2``, and KServe's own models against the manifest."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from tests.serving.kserve_environment import run_script
from tests.serving.running_service import SERVING, Service

TEXTS = ["a warm and funny film", "noisy , empty and far too long !", "ünï😀"]
# Where the packages are not there yet, the first of these tests installs them.
pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def report(service: Service, kserve_python: Path) -> dict[str, Any]:
    address = service.url.removeprefix("http://")
    done = run_script(kserve_python, "drive_v2.py", address, "tiny", given=json.dumps(TEXTS))
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_health_and_metadata_through_tritonclient(report: dict[str, Any]):
    assert (report["live"], report["ready"], report["model_ready"], report["other_model_ready"]) == (
        True, True, True, False,
    )  # fmt: skip
    assert report["server"]["extensions"] == ["binary_tensor_data", "model_configuration", "statistics"]
    assert report["model"] == report["versioned"]
    assert [tensor["name"] for tensor in report["config"]["output"]][:3] == ["label", "score", "scores"]
    assert [model["name"] for model in report["statistics"]["model_stats"]] == [report["model"]["name"]]
    assert report["model"]["platform"] == "ackd_deploy_onnxruntime"
    assert report["model"]["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]


def test_tritonclient_gets_what_classify_answers(report: dict[str, Any], client: httpx.Client):
    expected = client.post("/classify", json={"texts": TEXTS, "scores": True}).json()["results"]
    assert report["answers"].keys() == {"json 1", "json 3", "binary 1", "binary 3"}
    for answer in (*report["answers"].values(), report["after"]):
        own = expected[: len(answer["label"])]
        assert answer["id"] == "seven"
        assert answer["types"] == {"score": "float32", "scores": "float32"}
        assert answer["label"] == [result["label"] for result in own]
        np.testing.assert_allclose(answer["score"], [result["score"] for result in own], atol=1e-5)
        np.testing.assert_allclose(answer["scores"], [list(result["scores"].values()) for result in own], atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("unknown model", "404", "'tiny'"),
        ("unknown input", "422", "inputs of this model are named text"),
        ("blank text", "422", "text 1 is empty or only spaces"),
    ],
)
def test_tritonclient_reads_our_errors(report: dict[str, Any], asked: str, status: str, said: str):
    refusal = report["refusals"][asked]
    assert status in str(refusal["status"])
    assert said in refusal["message"]


def manifest() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((SERVING / "k8s" / "inferenceservice.yaml").read_text())
    return content


def test_the_inference_service_keeps_to_kserves_models(kserve_python: Path):
    done = run_script(kserve_python, "validate_manifest.py", given=json.dumps(manifest()))
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


def _unknown_field(predictor: dict[str, Any]) -> None:
    predictor["minReplica"] = predictor.pop("minReplicas")


def _unknown_field_of_a_container(predictor: dict[str, Any]) -> None:
    predictor["containers"][0]["readinessProbe"]["httpget"] = {}


def _wrong_type(predictor: dict[str, Any]) -> None:
    predictor["maxReplicas"] = "10"


def _missing_field(predictor: dict[str, Any]) -> None:
    del predictor["containers"][0]["name"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_unknown_field, ".spec.predictor.minReplica: V1beta1PredictorSpec has no such field"),
        (_unknown_field_of_a_container, ".readinessProbe.httpget: V1Probe has no such field"),
        (_wrong_type, ".spec.predictor.maxReplicas: '10' is no int"),
        (_missing_field, ".spec.predictor.containers[0]: 1 validation error for V1Container\nname"),
    ],
)
def test_the_check_finds_what_is_wrong(kserve_python: Path, damage: Callable[[dict[str, Any]], None], said: str):
    damaged = copy.deepcopy(manifest())
    damage(damaged["spec"]["predictor"])
    done = run_script(kserve_python, "validate_manifest.py", given=json.dumps(damaged))
    assert done.returncode == 1, done.stderr
    assert said in done.stdout
