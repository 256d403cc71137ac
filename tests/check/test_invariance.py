import shutil

import pytest

from ackd_deploy.artifact import seal
from ackd_deploy.artifact.load import MANIFEST, open_artifact
from ackd_deploy.check.invariance import invariance_gates
from ackd_deploy.runtime import Classifier
from tests.artifact_builder import SENTENCES


def gates(classifier, texts=SENTENCES * 3):
    found = invariance_gates(
        classifier, classifier.tokenize(texts), max_batch=8, max_flips=0, max_score_change=1e-3, seed=0
    )
    return {result.gate: result for result in found}


def served_in_batches(artifact, folder):
    """The same artifact with its dynamic int8 variant marked as fit for batches: the planted fault."""
    shutil.copytree(artifact, folder)
    manifest = open_artifact(folder)
    variants = [variant.model_copy(update={"batch_sensitive": False}) for variant in manifest.variants]
    (folder / MANIFEST).unlink()
    seal(folder, manifest.model_copy(update={"variants": variants}))
    return folder


def test_fp32_does_not_depend_on_the_batch(tiny_artifact):
    found = gates(Classifier.load(tiny_artifact, threads=1, variant="fp32"))
    assert {result.verdict for result in found.values()} == {"pass"}
    assert found["batch score change"].figure < 1e-5


def test_dynamic_int8_row_by_row_passes(tiny_artifact):
    found = gates(Classifier.load(tiny_artifact, threads=1, variant="int8_dynamic"))
    assert found["batch flips"].figure == 0
    assert found["batch score change"].figure == 0.0


def test_dynamic_int8_in_batches_fails(tiny_artifact, tmp_path):
    artifact = served_in_batches(tiny_artifact, tmp_path / "artifact")
    found = gates(Classifier.load(artifact, threads=1, variant="int8_dynamic"))
    assert found["batch score change"].verdict == "fail"
    assert found["batch score change"].detail


def test_a_flip_is_counted(tiny_artifact):
    classifier = Classifier.load(tiny_artifact, threads=1, variant="fp32")
    honest = classifier.run

    def moody(tokens):
        logits = honest(tokens)
        return logits if len(tokens) == 1 else logits[:, ::-1]

    classifier.run = moody
    found = gates(classifier)
    assert found["batch flips"].verdict == "fail"
    # Every layout holds each row; the first two hold it once, and the padded one too.
    assert found["batch flips"].figure >= 2 * len(SENTENCES) * 3


@pytest.mark.parametrize("problem_type", ["multi_label_classification", "regression"])
def test_other_tasks(problem_type, artifact_scratch, tmp_path):
    from tests.artifact_builder import build_artifact

    labels = ("score",) if problem_type == "regression" else ("a", "b")
    artifact = build_artifact(tmp_path / "a", artifact_scratch, problem_type=problem_type, labels=labels)
    found = gates(Classifier.load(artifact, threads=1, variant="fp32"))
    assert found["batch flips"].verdict == "pass"
