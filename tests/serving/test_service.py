"""The service as a user starts it: ``ackd-deploy serve ARTIFACT`` in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from ackd_deploy.runtime import Classifier
from tests.artifact_builder import build_artifact
from tests.serving.running_service import SERVING, START_SECONDS, Service, free_port, serving, start

TEXTS = ["a warm and funny film", "noisy , empty and far too long !", "the plot is dull", "a"]


@pytest.fixture(scope="module")
def offline(tiny_artifact: Path) -> Classifier:
    return Classifier.load(tiny_artifact, threads=1)


def test_the_ready_line_holds_a_curl_command_that_works(service: Service):
    service.wait(lambda: "curl" in service.stdout())
    ready, curl = service.stdout().strip().splitlines()
    assert ready.startswith("ready: tiny (fp32) at http://127.0.0.1:")
    answer = subprocess.run(["bash", "-c", curl], capture_output=True, check=True)
    assert json.loads(answer.stdout)["results"][0]["label"] in {"negative", "positive"}


def test_answers_are_the_offline_runtimes(client: httpx.Client, offline: Classifier):
    body = client.post("/classify", json={"texts": TEXTS, "scores": True}).raise_for_status().json()
    assert body["model"] == "tiny/fp32"
    for result, expected in zip(body["results"], offline.classify(TEXTS), strict=True):
        assert result["label"] == expected.label
        assert result["score"] == pytest.approx(expected.score, abs=1e-5)
        assert result["scores"] == pytest.approx(expected.scores, abs=1e-5)
        assert result["num_tokens"] == expected.num_tokens
        assert result["truncated"] is False


def test_top_k_is_ranked_and_bounded_by_the_labels(client: httpx.Client):
    (result,) = client.post("/classify", json={"text": TEXTS[0], "top_k": 9}).json()["results"]
    scores = [entry["score"] for entry in result["top_k"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert result["top_k"][0] == {"label": result["label"], "score": result["score"]}
    assert "scores" not in result


def test_a_long_text_is_cut_and_says_so_or_is_refused(client: httpx.Client):
    long = "film " * 300
    (result,) = client.post("/classify", json={"text": long}).json()["results"]
    assert result["truncated"] is True
    assert result["num_tokens"] > 24
    refused = client.post("/classify", json={"text": long, "truncate": "error"})
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "too_many_tokens"


def test_the_request_id_comes_back_or_is_made(client: httpx.Client):
    given = client.post("/classify", json={"text": "a"}, headers={"x-request-id": "my-id.7"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "my-id.7"
    hostile = client.post("/classify", json={"text": "a"}, headers={"x-request-id": 'a"b c'})
    assert len(hostile.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (b'{"text": "\xff"}', 400, "invalid_json"),
        (b'{"text": "\\ud800"}', 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b"[]", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"text": 5}', 422, "invalid_request"),
        (b'{"text": ["a"]}', 422, "invalid_request"),
        (b'{"texts": []}', 422, "invalid_request"),
        (b'{"texts": ["a", null]}', 422, "invalid_request"),
        (b'{"text": "a", "texts": ["a"]}', 422, "invalid_request"),
        (b'{"text": "a", "treshold": 1}', 422, "invalid_request"),
        (b'{"text": "a", "top_k": 0}', 422, "invalid_request"),
        (b'{"text": "a", "top_k": true}', 422, "invalid_request"),
        (b'{"text": "a", "truncate": "maybe"}', 422, "invalid_request"),
        (b'{"text": ""}', 422, "blank_text"),
        (b'{"texts": ["a", " \\t\\n "]}', 422, "blank_text"),
        (b'{"pairs": [["a", "b"]]}', 422, "wrong_kind"),
        (b'{"pairs": [["a", "b", "c"]]}', 422, "invalid_request"),
        (json.dumps({"texts": ["a"] * 257}).encode(), 413, "too_many_texts"),
        (json.dumps({"text": "a" * 20_001}).encode(), 413, "text_too_long"),
        (b'{"text": "' + b"a" * 2_000_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_bad_requests_are_answered_clearly(client: httpx.Client, body: bytes, status: int, code: str):
    answer = client.post("/classify", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.content) < 4000


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "😀", "‮שלום", "مرحبا", "\u200b", "é" * 500, "\ufffe"])
def test_strange_text_is_still_text(client: httpx.Client, text: str):
    assert client.post("/classify", json={"text": text}).status_code == 200


def test_a_form_is_told_to_send_json(client: httpx.Client):
    answer = client.post("/classify", data={"text": "a"})
    assert answer.status_code == 415
    assert "content-type: application/json" in answer.json()["error"]["message"]


def test_a_chunked_body_is_measured_as_it_comes(client: httpx.Client):
    answer = client.post("/classify", content=(b"a" * 65_536 for _ in range(64)))
    assert answer.status_code == 413


def test_health(client: httpx.Client):
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    # BentoML's own name for it.
    assert client.get("/healthz").status_code == 200


def test_info_tells_labels_limits_and_provenance(client: httpx.Client):
    info = client.get("/info").json()
    assert info["labels"] == ["negative", "positive"]
    assert info["limits"]["max_length_tokens"] == 24
    assert info["provenance"]["method"] == "ackd"
    assert info["quality"] == {"metric": "accuracy", "value": 0.875, "rows": 32, "metrics": {"accuracy": 0.875}}
    assert info["examples"]


def test_openapi_lists_what_there_is(client: httpx.Client):
    document = client.get("/openapi.json").json()
    assert client.get("/docs.json").json() == document
    assert {"/classify", "/info", "/livez", "/readyz", "/metrics", "/"} <= document["paths"].keys()
    content = document["paths"]["/classify"]["post"]["requestBody"]["content"]["application/json"]
    assert content["examples"].keys() > {"one text", "pairs"}
    for name, example in content["examples"].items():
        answer = client.post("/classify", json=example["value"])
        assert answer.status_code == (422 if name == "pairs" else 200), name


def test_the_page_asks_no_other_address(client: httpx.Client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    for sign in ("http://", "https://", "//cdn", "@import", "src="):
        assert sign not in page.text, sign


def test_metrics_count(client: httpx.Client):
    def value(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    before = value("ackd_predictions_total"), value('ackd_requests_total{route="classify",status="200"}')
    truncated = value("ackd_truncated_texts_total")
    client.post("/classify", json={"texts": ["a", "b", "film " * 100]})
    assert value("ackd_predictions_total") == before[0] + 3
    assert value('ackd_requests_total{route="classify",status="200"}') == before[1] + 1
    assert value("ackd_truncated_texts_total") == truncated + 1
    assert value('ackd_build_info{model="tiny"') == 1
    assert value("ackd_ready_workers") == 1
    assert value("ackd_queue_rows") == 0


def test_nothing_is_written_into_the_home_folder(tiny_artifact: Path, tmp_path: Path):
    """Neither BentoML's nor ONNX Runtime's telemetry leaves an identifier there."""
    home = tmp_path / "home"
    home.mkdir()
    with serving(tiny_artifact, tmp_path / "out", HOME=str(home)) as service:
        assert httpx.post(service.url + "/classify", json={"text": "a"}, trust_env=False).status_code == 200
    assert list(home.rglob("*")) == []


def test_no_torch_and_no_transformers_in_the_process(service: Service):
    (worker,) = service.workers()
    mapped = Path(f"/proc/{worker}/maps").read_text()
    assert "onnxruntime" in mapped
    for name in ("torch", "transformers", "optimum", "sklearn", "scipy"):
        assert f"/{name}/" not in mapped, name


def test_importing_the_service_imports_no_torch():
    heavy = ("torch", "transformers", "onnx", "datasets", "optimum", "scipy", "sklearn")
    code = (
        f"import sys; sys.path.insert(0, {str(SERVING)!r}); import service; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_logs_are_json_and_hold_no_text(service: Service, client: httpx.Client):
    client.post("/classify", json={"text": "xyzzy secret"})
    client.post("/classify", json={"text": "xyzzy secret", "oops": 1})
    lines = [line for line in service.stderr().splitlines() if line.startswith("{")]
    assert any(json.loads(line)["message"] == "ready" for line in lines)
    assert "xyzzy" not in service.stderr() + service.stdout()


def test_sigterm_answers_what_is_in_flight_and_exits(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path) as service:
        answers: list[int] = []
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client:
                while not stop.is_set():
                    try:
                        answers.append(client.post("/classify", json={"texts": TEXTS * 8}).status_code)
                    except httpx.ConnectError:
                        return  # after the end, nobody listens
                    except httpx.TransportError as error:
                        # A keep-alive connection that the server closed before it read the request.
                        if "disconnected without sending" in str(error) or isinstance(
                            error, httpx.WriteError | httpx.ReadError
                        ):
                            return
                        raise

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        begin = time.monotonic()
        assert service.terminate() == 0
        assert time.monotonic() - begin < 15
        stop.set()
        for thread in threads:
            thread.join(30)
        assert len(answers) > 10
        assert set(answers) <= {200, 503}
        assert '"event": "stopped"' in service.stderr()


def test_a_damaged_artifact_is_refused_by_the_command(tiny_artifact: Path, tmp_path: Path):
    damaged = tmp_path / "artifact"
    shutil.copytree(tiny_artifact, damaged)
    with (damaged / "model.onnx").open("r+b") as graph:
        graph.seek(1000)
        graph.write(b"\x00" * 64)
    with serving(damaged, tmp_path / "out", ready=False) as service:
        assert service.process.wait(60) == 6
        assert "SHA-256 differs" in service.stderr()
        assert "Traceback" not in service.stderr()


def test_under_bentoml_a_damaged_artifact_never_gets_ready_and_says_why(tiny_artifact: Path, tmp_path: Path):
    damaged = tmp_path / "artifact"
    shutil.copytree(tiny_artifact, damaged)
    manifest = json.loads((damaged / "ackd.json").read_text())
    manifest["golden"][0]["scores"] = [0.5, 0.5]
    (damaged / "ackd.json").write_text(json.dumps(manifest))
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", ".", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"ACKD_ARTIFACT": str(damaged), "BENTOML_HOME": str(tmp_path / "home"), "ACKD_THREADS": "1"}
    service = start(command, port, tmp_path / "out", environment, cwd=SERVING)
    try:
        service.wait(lambda: '"event": "failed"' in service.stderr())
        answer = httpx.get(service.url + "/readyz", trust_env=False)
        assert answer.status_code == 503
        assert "golden samples are answered otherwise" in answer.json()["error"]["message"]
        assert httpx.get(service.url + "/livez", trust_env=False).status_code == 200
        refused = httpx.post(service.url + "/classify", json={"text": "a"}, trust_env=False)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        # Its worker too ends with a supervisor that is killed.
        service.process.kill()
        service.process.wait()
        end = time.monotonic() + 30
        while service.status("/livez"):
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        service.terminate()


def test_a_failed_self_test_ends_the_command(tiny_artifact: Path, tmp_path: Path):
    wrong = tmp_path / "artifact"
    shutil.copytree(tiny_artifact, wrong)
    manifest = json.loads((wrong / "ackd.json").read_text())
    manifest["golden"][0]["scores"] = [0.5, 0.5]
    (wrong / "ackd.json").write_text(json.dumps(manifest))
    with serving(wrong, tmp_path / "out", ready=False) as service:
        assert service.process.wait(60) == 6
        assert "cannot get ready: 1 of 8 golden samples" in service.stderr()


def test_a_provider_that_is_not_there_ends_the_command_as_everywhere(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path / "out", ready=False, ACKD_PROVIDER="nowhere") as service:
        assert service.process.wait(60) == 4
        assert "cannot get ready: provider 'nowhere' is not in this build" in service.stderr()


def test_a_taken_port_is_said(service: Service, tiny_artifact: Path):
    port = service.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "ackd_deploy", "serve", str(tiny_artifact), "--port", port]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 4
    assert f"port {port}" in answer.stderr
    assert "--port" in answer.stderr


def test_token_and_cors_when_asked_for(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, ACKD_TOKEN="s3cret", ACKD_CORS_ORIGINS="https://a.example") as service:
        with httpx.Client(base_url=service.url, trust_env=False) as client:
            refused = client.post("/classify", json={"text": "a"})
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            good = {"authorization": "Bearer s3cret", "origin": "https://a.example"}
            answer = client.post("/classify", json={"text": "a"}, headers=good)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
            assert (
                client.post("/classify", json={"text": "a"}, headers={"authorization": "Bearer s3crex"}).status_code
                == 401
            )
            metadata = client.get("/v2/models/tiny")
            assert metadata.status_code == 401
            described = client.get("/openapi.json").json()["paths"]["/v2/models/{name}"]["get"]
            assert described["security"] == [{"token": []}]
            assert "401" in described["responses"]
            other = client.get("/livez", headers={"origin": "https://b.example"})
            assert other.status_code == 200
            assert "access-control-allow-origin" not in other.headers
        assert "s3cret" not in service.stdout() + service.stderr()


def test_a_token_may_hold_any_letters(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, ACKD_TOKEN="schlüssel-voilà") as service:
        for token, status in (("schlüssel-voilà", 200), ("schlussel-voila", 401)):
            headers = {b"authorization": f"Bearer {token}".encode(), b"content-type": b"application/json"}
            answer = httpx.post(service.url + "/classify", content=b'{"text": "a"}', headers=headers, trust_env=False)
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/classify", 405, "method_not_allowed"), ("POST", "/info", 405, "method_not_allowed"),
     ("GET", "/nowhere", 404, "not_found"), ("GET", "/v2/models/tiny/nothing", 404, "not_found")],
)  # fmt: skip
def test_what_no_route_takes_is_answered_like_everything_else(
    client: httpx.Client, method: str, path: str, status: int, code: str
):
    answer = client.request(method, path, headers={"x-request-id": "mine-1"})
    assert answer.status_code == status
    content = answer.json()
    assert answer.headers["x-request-id"] == content["request_id"] == "mine-1"
    assert (content["code"] if path.startswith("/v2") else content["error"]["code"]) == code
    if status == 405:
        assert answer.headers["allow"] in content["error"]["message"]


def test_without_golden_samples_it_serves_unless_it_is_to_be_strict(artifact_scratch: Path, tmp_path: Path):
    private = build_artifact(tmp_path / "private", artifact_scratch, golden=False)
    with serving(private, tmp_path / "a") as service:
        assert httpx.post(service.url + "/classify", json={"text": "a"}, trust_env=False).status_code == 200
        assert '"event": "no_self_test"' in service.stderr()
    with serving(private, tmp_path / "b", ready=False, ACKD_STRICT="1") as service:
        assert service.process.wait(START_SECONDS) == 6
        assert "no golden samples" in service.stderr()


def test_variables_are_as_good_as_options(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, ready=False, ACKD_PROVIDER="cuda") as service:
        assert service.process.wait(START_SECONDS) != 0
        assert "'cuda'" in service.stderr()
    with serving(tiny_artifact, tmp_path / "two", ACKD_WORKERS="2") as service:
        service.wait(lambda: service.stderr().count('"message": "ready"') == 2)


def test_cors_is_off_by_default(client: httpx.Client):
    answer = client.post("/classify", json={"text": "a"}, headers={"origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_wrong_settings_are_all_named(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, ready=False, ACKD_MAX_ITEM="3", ACKD_QUEUE_SECONDS="-1") as service:
        assert service.process.wait(60) == 2
        assert "ACKD_MAX_ITEM is unknown; did you mean ACKD_MAX_ITEMS?" in service.stderr()
        assert "ACKD_QUEUE_SECONDS" in service.stderr()


def test_two_workers_share_the_port_and_the_metrics(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, "--workers", "2") as service:
        service.wait(lambda: service.stderr().count('"message": "ready"') == 2)
        for _ in range(20):
            # A connection each, so that both workers get some.
            assert httpx.post(service.url + "/classify", json={"text": "a"}, trust_env=False).status_code == 200
        metrics = httpx.get(service.url + "/metrics", trust_env=False).text
        assert 'ackd_requests_total{route="classify",status="200"} 20.0' in metrics
        assert "ackd_ready_workers 2.0" in metrics


def test_a_killed_worker_is_replaced_and_forgotten_by_the_gauges(tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path) as service:
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        service.wait(lambda: service.workers() not in ([], [worker]))
        service.wait(lambda: service.status("/readyz") == 200)
        assert httpx.post(service.url + "/classify", json={"text": "a"}, trust_env=False).status_code == 200
        assert "ackd_ready_workers 1.0" in httpx.get(service.url + "/metrics", trust_env=False).text
