import json
from pathlib import Path

import pytest

from ackd_deploy.artifact import Decision, open_artifact, seal
from ackd_deploy.errors import ArtifactError
from ackd_deploy.runtime import Classifier
from ackd_deploy.runtime.selftest import differences, self_test
from tests.artifact_builder import build_artifact


def with_scores(folder: Path, scores: list[float], label: str) -> Path:
    """Seal the artifact again with another answer for the first golden sample."""
    manifest = json.loads((folder / "ackd.json").read_text())
    manifest["golden"][0] |= {"scores": scores, "label": label}
    (folder / "ackd.json").write_text(json.dumps(manifest))
    seal(folder, open_artifact(folder))
    return folder


def test_all_variants_answer_as_they_did(tiny_artifact):
    assert self_test(Classifier.load(tiny_artifact, threads=1)) == 8
    assert self_test(Classifier.load(tiny_artifact, threads=1, variant="int8_dynamic")) == 8


def test_another_answer_is_found(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch)
    with_scores(folder, [0.9, 0.1], "negative")
    with pytest.raises(ArtifactError, match=r"1 of 8 golden samples .* a score differs by"):
        self_test(Classifier.load(folder, threads=1))


def test_another_label_is_found(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch)
    scores = open_artifact(folder).golden[0].scores
    wrong = "positive" if scores[0] > scores[1] else "negative"
    with_scores(folder, scores, wrong)
    (line,) = differences(Classifier.load(folder, threads=1))
    assert f"{wrong!r}" in line


def test_a_label_near_its_threshold_may_change(tmp_path, artifact_scratch):
    """What is clear is measured from the threshold: 0.9 against 0.1 says nothing where 0.9 decides."""
    first = build_artifact(tmp_path / "a", artifact_scratch)
    positive = open_artifact(first).golden[0].scores[1]
    for value, answer in ((positive + 1e-5, 0), (positive + 0.05, 1)):
        decision = Decision(thresholds={"positive": value}, metric="accuracy", rows=10)
        folder = build_artifact(tmp_path / str(value), artifact_scratch, decision=decision)
        sample = open_artifact(folder).golden[0]
        assert sample.label == "negative"
        with_scores(folder, sample.scores, "positive")
        assert len(differences(Classifier.load(folder, threads=1))) == answer


def test_without_golden_samples_there_is_nothing_to_differ(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch, golden=False)
    assert self_test(Classifier.load(folder, threads=1)) == 0
