"""The Open Inference Protocol, by hand; test_kserve_public.py asks through a public client of it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import httpx
import pytest

from tests.artifact_builder import build_artifact
from tests.serving.running_service import serving

TEXTS = ["a warm and funny film", "noisy , empty and far too long !", "ünï😀"]
INFER = "/v2/models/tiny/infer"


def tensor(**changes: object) -> dict[str, object]:
    return {"name": "text", "shape": [3], "datatype": "BYTES", "data": TEXTS} | changes


def classified(client: httpx.Client) -> list[dict[str, object]]:
    results: list[dict[str, object]] = client.post("/classify", json={"texts": TEXTS, "scores": True}).json()["results"]
    return results


def test_health_and_metadata(client: httpx.Client):
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data", "model_configuration", "statistics"]
    assert client.get("/v2/models/tiny/ready").json() == {"name": "tiny", "ready": True}
    metadata = client.get("/v2/models/tiny/versions/1").json()
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [output["name"] for output in metadata["outputs"]] == ["label", "score", "scores"]


def test_the_optional_parts(client: httpx.Client):
    assert client.get("/v2/models").json() == {"models": ["tiny"]}
    config = client.get("/v2/models/tiny/config").json()
    assert config["input"] == [{"name": "text", "data_type": "TYPE_STRING", "dims": [1]}]
    assert config["output"][2] == {"name": "scores", "data_type": "TYPE_FP32", "dims": [2]}
    before = client.get("/v2/models/tiny/versions/1/stats").json()["model_stats"][0]
    client.post("/classify", json={"texts": TEXTS})
    after = client.get("/v2/models/stats").json()["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == len(TEXTS)
    assert 1 <= after["execution_count"] - before["execution_count"] <= len(TEXTS)
    assert after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"]
    assert after["inference_stats"]["queue"]["count"] - before["inference_stats"]["queue"]["count"] == len(TEXTS)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/other",
        "/v2/models/other/config",
        "/v2/models/tiny/versions/2/stats",
        "/v2/models/other/ready",
        "/v2/models/tiny/versions/2",
    ],
)
def test_another_model_is_not_found(client: httpx.Client, path: str):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "'tiny'" in answer.json()["error"]


def test_json_in_and_out_agrees_with_classify(client: httpx.Client):
    answer = client.post(INFER, json={"id": "7", "inputs": [tensor()]}).json()
    assert (answer["model_name"], answer["id"]) == ("tiny", "7")
    outputs = {output["name"]: output for output in answer["outputs"]}
    expected = classified(client)
    assert outputs["label"]["data"] == [result["label"] for result in expected]
    assert outputs["score"]["data"] == pytest.approx([result["score"] for result in expected], abs=1e-5)
    assert outputs["scores"]["shape"] == [3, 2]
    assert outputs["scores"]["data"][:2] == pytest.approx(list(expected[0]["scores"].values()), abs=1e-5)  # type: ignore[attr-defined]


def test_a_column_and_chosen_outputs(client: httpx.Client):
    column = tensor(shape=[3, 1], data=[[text] for text in TEXTS])
    answer = client.post(INFER, json={"inputs": [column], "outputs": [{"name": "label"}]}).json()
    assert [output["name"] for output in answer["outputs"]] == ["label"]


def binary(texts: list[str], **header: object) -> tuple[bytes, dict[str, str]]:
    block = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)
    described = {"name": "text", "shape": [len(texts)], "datatype": "BYTES"}
    head = json.dumps({"inputs": [described | {"parameters": {"binary_data_size": len(block)}}], **header}).encode()
    return head + block, {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}


def test_binary_in_and_out(client: httpx.Client):
    body, headers = binary(TEXTS, outputs=[{"name": "score", "parameters": {"binary_data": True}}])
    answer = client.post(INFER, content=body, headers=headers)
    length = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.content[:length])["outputs"][0]["parameters"] == {"binary_data_size": 12}
    assert struct.unpack("<3f", answer.content[length:]) == pytest.approx(
        [result["score"] for result in classified(client)], abs=1e-5
    )


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"inputs": []}, 422),
        ({"inputs": [tensor(shape=[2])]}, 422),
        ({"inputs": [tensor(shape=[1, 3])]}, 422),
        ({"inputs": [tensor(shape=[-3])]}, 422),
        ({"inputs": [tensor(shape=[2**70])]}, 422),
        ({"inputs": [tensor(shape=[0], data=[])]}, 422),
        ({"inputs": [tensor(name="words")]}, 422),
        ({"inputs": [tensor(), tensor()]}, 422),
        ({"inputs": [tensor(datatype="FP32", data=[1.0, 2.0, 3.0])]}, 422),
        ({"inputs": [tensor(data=None)]}, 422),
        ({"inputs": [tensor(data=["a", "", "c"])]}, 422),
        ({"inputs": [tensor(parameters={"binary_data_size": 9})]}, 400),
        ({"inputs": [tensor()], "outputs": [{"name": "logits"}]}, 422),
    ],
)
def test_what_does_not_fit_is_refused_with_a_message(client: httpx.Client, request_: dict[str, object], status: int):
    answer = client.post(INFER, json=request_)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    ("cut", "length"), [(0, "99999999"), (0, "-1"), (0, "x"), (0, "9" * 5000), (1, None), (7, None)]
)
def test_truncated_and_lying_binary_is_refused(client: httpx.Client, cut: int, length: str | None):
    body, headers = binary(TEXTS)
    if length is not None:
        headers["inference-header-content-length"] = length
    assert client.post(INFER, content=body[: len(body) - cut], headers=headers).status_code == 400


def test_lengths_inside_the_block_are_checked(client: httpx.Client):
    for block in (b"\xff\xff\xff\xff", b"\x01\x00", b"\x02\x00\x00\x00\xff\xfe"):
        described = {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(block)}}
        head = json.dumps({"inputs": [described]}).encode()
        headers = {"inference-header-content-length": str(len(head))}
        assert client.post(INFER, content=head + block, headers=headers).status_code == 400


def test_pairs_over_both_protocols(artifact_scratch: Path, tmp_path: Path):
    artifact = build_artifact(tmp_path / "artifact", artifact_scratch, pairs=True)
    with serving(artifact, tmp_path / "out") as service, httpx.Client(base_url=service.url, trust_env=False) as client:
        ours = client.post(
            "/classify", json={"pairs": [["a film", "a story"], ["dull", "stale"]], "scores": True}
        ).json()
        pair = {"shape": [2], "datatype": "BYTES"}
        inputs = [
            {"name": "text", "data": ["a film", "dull"], **pair},
            {"name": "pair", "data": ["a story", "stale"], **pair},
        ]
        theirs = client.post(INFER, json={"inputs": inputs}).json()
        assert theirs["outputs"][0]["data"] == [result["label"] for result in ours["results"]]
        assert client.post("/classify", json={"text": "a"}).json()["error"]["code"] == "wrong_kind"
        assert client.post(INFER, json={"inputs": inputs[:1]}).status_code == 422
        service.wait(lambda: "curl" in service.stdout())
        assert '"pairs"' in service.stdout()
