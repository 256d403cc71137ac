"""ONNX Runtime behind the engines' one interface; binding to a device's memory is tried on the CPU's."""

import shutil

import numpy as np
import pytest

from ackd_deploy.artifact import open_artifact, seal
from ackd_deploy.errors import EnvironmentProblem
from ackd_deploy.runtime import Classifier, open_engine, open_session
from ackd_deploy.runtime.engines.onnxruntime_engine import run_bound
from ackd_deploy.runtime.tokenizer import pad
from ackd_deploy.runtime.variant_choice import choose_variant, obstacle
from tests.artifact_builder import SENTENCES
from tests.runtime.in_threads import problems_in_threads


@pytest.fixture(scope="module")
def feed(tiny_artifact):
    classifier = Classifier.load(tiny_artifact, threads=1)
    return pad(classifier.tokenize(SENTENCES), 0, classifier.manifest.inputs)


def test_facts_are_those_of_the_session(tiny_artifact, feed):
    session = open_engine(tiny_artifact / "model.onnx", threads=2, precision="fp32")
    facts = session.facts
    assert (facts.engine, facts.device, facts.precision, facts.threads) == (
        "onnxruntime",
        "CPUExecutionProvider",
        "fp32",
        2,
    )
    assert facts.on_cpu
    assert session.run(feed).shape == (8, 2)


def test_a_bound_run_answers_as_a_plain_one(tiny_artifact, feed):
    session = open_session(tiny_artifact / "model.onnx", threads=1)
    plain = session.run(["logits"], feed)[0]
    assert np.array_equal(run_bound(session, feed, "cpu"), plain)
    # Views that are not contiguous are laid out first: a binding takes the memory as it lies.
    strided = {name: np.repeat(array, 2, axis=1)[:, ::2] for name, array in feed.items()}
    assert not strided["input_ids"].flags.c_contiguous
    assert np.array_equal(run_bound(session, strided, "cpu"), plain)


def test_bound_runs_of_several_threads_do_not_mix(tiny_artifact, feed):
    session = open_session(tiny_artifact / "model.onnx", threads=1)
    rows = [{name: array[row : row + 1] for name, array in feed.items()} for row in range(8)]
    expected = [session.run(["logits"], row)[0] for row in rows]

    def work(row: int) -> list[object]:
        same = [np.array_equal(run_bound(session, rows[row], "cpu"), expected[row]) for _ in range(20)]
        return [found for found in same if not found]

    assert problems_in_threads(8, work) == []


@pytest.mark.gpu
def test_cuda_answers_as_the_cpu(tiny_artifact, feed):
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("no CUDA in this build of ONNX Runtime")
    try:
        session = open_engine(tiny_artifact / "model.onnx", provider="cuda")
    except EnvironmentProblem as error:
        pytest.skip(error.message)
    assert not session.facts.on_cpu
    assert np.abs(session.run(feed) - open_engine(tiny_artifact / "model.onnx").run(feed)).max() < 1e-4


class TestForGpus:
    @pytest.fixture
    def manifest(self, tiny_artifact, tmp_path):
        """The int8 variant stands where one for GPUs would: what is tested is the choice."""
        folder = tmp_path / "a"
        shutil.copytree(tiny_artifact, folder)
        manifest = open_artifact(folder)
        variants = [manifest.variants[0], manifest.variants[1].model_copy(update={"name": "fp16", "for_gpu": True})]
        return seal(folder, manifest.model_copy(update={"variants": variants, "chosen": "fp16"})), folder

    def test_on_a_cpu_fp32_runs_instead_aloud(self, manifest, caplog):
        classifier = Classifier.load(manifest[1], threads=1)
        assert classifier.variant.name == "fp32"
        assert "'fp16' is meant for a GPU, and provider 'cpu' was asked for; 'fp32' runs instead" in caplog.text

    def test_strict_refuses_and_its_own_name_runs_it(self, manifest):
        with pytest.raises(EnvironmentProblem, match="meant for a GPU"):
            Classifier.load(manifest[1], threads=1, strict=True)
        assert Classifier.load(manifest[1], threads=1, variant="fp16").variant.name == "fp16"

    def test_on_a_gpu_nothing_is_in_its_way(self, manifest):
        variant, found = choose_variant(manifest[0], (), provider="cuda")
        assert (variant.name, found) == ("fp16", None)
        assert obstacle(variant, (), "CUDAExecutionProvider") is None
        assert obstacle(variant, (), "CPUExecutionProvider").what == "provider"
