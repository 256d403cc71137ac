"""OpenVINO as a second engine for the same model.onnx, and what happens where it is missing."""

import logging
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ackd_deploy.artifact import Golden, Manifest, VariantInfo, open_artifact, seal
from ackd_deploy.cli import cli
from ackd_deploy.errors import ArtifactError, EnvironmentProblem, MissingExtra, ProviderUnavailable, UsageError
from ackd_deploy.runtime import Classifier, cpu_features, open_engine
from ackd_deploy.runtime.engines.opening import engine_problem
from ackd_deploy.runtime.selftest import self_test
from ackd_deploy.runtime.verify import verify_artifact
from tests.artifact_builder import SENTENCES
from tests.runtime.in_threads import problems_in_threads

pytest.importorskip("openvino")

BF16 = "bf16" in cpu_features()


def with_openvino(source: Path, folder: Path, *, chosen: str = "openvino_fp32") -> Path:
    """Copy an artifact and add OpenVINO's variants of its model.onnx: no further file."""
    shutil.copytree(source, folder)
    manifest = open_artifact(folder)
    graph = manifest.variant("fp32").file
    variants = [
        *manifest.variants,
        VariantInfo(name="openvino_fp32", file=graph, engine="openvino", precision="fp32"),
        VariantInfo(name="openvino", file=graph, engine="openvino", precision="bf16", cpu_features=["bf16"]),
    ]
    seal(folder, Manifest.model_validate({**manifest.model_dump(), "variants": [v.model_dump() for v in variants]}))
    if chosen != manifest.chosen:
        manifest = open_artifact(folder).model_copy(update={"chosen": chosen})
        manifest = seal(folder, manifest)
    return folder


@pytest.fixture(scope="module")
def both(tiny_artifact, tmp_path_factory) -> Path:
    return with_openvino(tiny_artifact, tmp_path_factory.mktemp("openvino") / "artifact")


@pytest.fixture
def no_openvino(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)


def test_fp32_under_openvino_is_fp32_under_onnxruntime_at_every_shape(both):
    ours, theirs = Classifier.load(both, threads=1), Classifier.load(both, threads=1, variant="fp32")
    assert (ours.engine, ours.provider, ours.threads) == ("openvino", "CPU", 1)
    assert (theirs.engine, theirs.provider) == ("onnxruntime", "CPUExecutionProvider")
    assert both.joinpath(ours.variant.file) == both.joinpath(theirs.variant.file)
    texts = [*SENTENCES, "", "a", " ".join(SENTENCES)]
    for size in (1, 3, len(texts)):
        assert np.abs(ours.logits(texts, size) - theirs.logits(texts, size)).max() < 1e-5
    assert self_test(ours) == 8


@pytest.mark.skipif(not BF16, reason="this processor has no bfloat16")
def test_bf16_is_used_and_stays_near(both):
    full = Classifier.load(both, threads=1, variant="fp32").logits(SENTENCES)
    half = Classifier.load(both, threads=1, variant="openvino").logits(SENTENCES)
    # bfloat16 has 8 bits: it must differ from fp32, or the hint was ignored, and by little. The tokenizer's training
    # breaks ties at random, so the rows differ from session to session: the largest error was 5.3 % of the logits.
    assert 1e-5 < np.abs(half - full).max() < 0.08 * np.abs(full).max()
    assert np.corrcoef(half.ravel(), full.ravel())[0, 1] > 0.99


def test_session_says_what_it_runs_with(both):
    session = open_engine(both / "model.onnx", "openvino", threads=1)
    assert (session.facts.engine, session.facts.precision, session.facts.threads) == ("openvino", "fp32", 1)
    assert session.facts.on_cpu
    assert open_engine(both / "model.onnx", "openvino", threads=2).facts.threads == 2
    feed = {name: np.ones((2, 5), dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    assert session.run(feed).shape == (2, 2)
    assert session.run(feed).dtype == np.float32


def test_a_missing_input_is_no_input_of_the_run_before(both):
    session = open_engine(both / "model.onnx", "openvino", threads=1)
    feed = {name: np.ones((1, 5), dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    session.run(feed)
    del feed["attention_mask"]
    with pytest.raises(ValueError, match="was given \\['input_ids', 'token_type_ids'\\]"):
        session.run(feed)


def test_threads_share_one_session(both):
    classifier = Classifier.load(both, threads=1)
    expected = classifier.logits(SENTENCES, 1)

    def work(_: int) -> list[object]:
        differences = [np.abs(classifier.logits(SENTENCES, 1) - expected).max() for _ in range(5)]
        return [found for found in differences if not found < 1e-6]

    assert problems_in_threads(4, work) == []


@pytest.mark.usefixtures("no_openvino")
class TestWithoutOpenvino:
    def test_it_says_so_aloud_and_the_same_file_runs_under_onnxruntime(self, both, caplog):
        with caplog.at_level(logging.WARNING):
            classifier = Classifier.load(both, threads=1)
        assert (classifier.engine, classifier.variant.name) == ("onnxruntime", "fp32")
        assert classifier.variant.file == classifier.manifest.variant().file
        assert "OpenVINO isn't installed; 'fp32' runs instead" in caplog.text
        assert classifier.fallback_reason in caplog.text
        assert self_test(classifier) == 8

    @pytest.mark.parametrize("how", [{"strict": True}, {"variant": "openvino_fp32"}])
    def test_strict_or_by_name_is_refused_with_the_command_that_mends_it(self, both, how):
        with pytest.raises(MissingExtra, match="OpenVINO isn't installed") as caught:
            Classifier.load(both, threads=1, **how)
        assert caught.value.exit_code == 4
        assert caught.value.hint.startswith("pip install 'ackd-deploy[openvino]'")

    def test_verify_warns_and_strict_fails(self, both):
        checks = {check.name: check for check in verify_artifact(both, threads=1)}
        assert checks["engine"].status == "warn"
        assert checks["golden samples, fp32"].status == "pass"
        assert "golden samples, openvino_fp32" not in checks
        assert checks["golden samples, openvino"].status == "skip"
        strict = {check.name: check.status for check in verify_artifact(both, threads=1, strict=True)}
        assert strict["engine"] == "fail"

    def test_doctor_says_how_to_get_it_and_calls_it_no_problem(self):
        done = CliRunner().invoke(cli, ["doctor"])
        assert done.exit_code == 0
        assert "OpenVINO: does not load" in done.stdout
        assert engine_problem("openvino") == "OpenVINO isn't installed"
        assert engine_problem("onnxruntime") is None


def test_verify_asks_every_variant_that_can_run(both):
    checks = {check.name: check for check in verify_artifact(both, threads=1)}
    assert {check.status for check in checks.values()} <= {"pass", "skip"}
    assert checks["golden samples, openvino_fp32"].detail == "8 answered as before, under OpenVINO in fp32 on CPU"
    assert checks["golden samples, openvino"].status == ("pass" if BF16 else "skip")


def test_doctor_shows_it():
    done = CliRunner().invoke(cli, ["doctor"])
    assert "OpenVINO: loads; version 20" in done.stdout


def test_no_fallback_where_the_artifact_has_no_fp32(tiny_artifact, tmp_path, no_openvino):
    folder = with_openvino(tiny_artifact, tmp_path / "a")
    manifest = open_artifact(folder)
    alone = manifest.model_copy(update={"variants": [v for v in manifest.variants if v.engine == "openvino"]})
    seal(folder, alone)
    with pytest.raises(MissingExtra) as caught:
        Classifier.load(folder, threads=1)
    assert "export again" in caught.value.hint


def test_another_provider_is_no_silent_cpu(both):
    with pytest.raises(EnvironmentProblem, match="'openvino_fp32' runs on the CPU alone, and provider 'cuda'"):
        Classifier.load(both, "cuda", strict=True)
    with pytest.raises(ProviderUnavailable, match="provider 'cuda' was asked for"):
        open_engine(both / "model.onnx", "openvino", "cuda")


def test_what_openvino_cannot_load_or_do(both, tmp_path):
    with pytest.raises(UsageError, match="no engine 'tvm'"):
        open_engine(both / "model.onnx", "tvm")
    with pytest.raises(ArtifactError, match="in int4; it can in fp32, bf16"):
        open_engine(both / "model.onnx", "openvino", precision="int4")
    shutil.copyfile(both / "model.onnx", tmp_path / "model.xml")
    with pytest.raises(ArtifactError, match=r"is not named \.onnx"):
        open_engine(tmp_path / "model.xml", "openvino")
    content = (both / "model.onnx").read_bytes()
    assert content.count(b"Softmax")
    # An operator of a known domain that does not exist passes the inspection; the engine must refuse it.
    (tmp_path / "odd.onnx").write_bytes(content.replace(b"\x07Softmax", b"\x07Softmex"))
    with pytest.raises(ArtifactError, match="OpenVINO cannot load") as caught:
        open_engine(tmp_path / "odd.onnx", "openvino")
    assert "Exception from" not in caught.value.message


def test_a_frozen_axis_is_found_when_the_artifact_is_loaded(both, tmp_path):
    import onnx

    folder = tmp_path / "a"
    shutil.copytree(both, folder)
    model = onnx.load(folder / "model.onnx")
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, folder / "model.onnx")
    seal(folder, open_artifact(both))
    with pytest.raises(ArtifactError, match="a frozen axis in attention_mask, input_ids, token_type_ids"):
        Classifier.load(folder, threads=1)


def test_the_manifest_holds_one_graph_for_two_engines_and_no_more(both):
    content = open_artifact(both).model_dump()
    assert [v["engine"] for v in content["variants"]] == ["onnxruntime", "onnxruntime", "openvino", "openvino"]
    twice = {**content["variants"][2], "name": "again"}
    with pytest.raises(ValueError, match="files must differ"):
        Manifest.model_validate({**content, "variants": [*content["variants"], twice]})
    with pytest.raises(ValueError, match="engine"):
        Manifest.model_validate({**content, "variants": [{**content["variants"][0], "engine": "tvm"}]})
    assert Manifest.model_validate(content).fallback().name == "fp32"
    assert isinstance(open_artifact(both).golden[0], Golden)
