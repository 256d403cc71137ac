import json

import pytest

from ackd_deploy.artifact import open_artifact, seal
from ackd_deploy.errors import ProviderUnavailable
from ackd_deploy.runtime.verify import verify_artifact
from tests.artifact_builder import build_artifact


def by_status(checks, status):
    return [check.name for check in checks if check.status == status]


def test_good_artifact_passes_everything(tiny_artifact):
    checks = verify_artifact(tiny_artifact, threads=1, strict=True)
    assert [check.name for check in checks] == [
        "manifest", "checksums", "graph fp32", "graph int8_dynamic", "CPU features", "golden samples, fp32",
        "golden samples, int8_dynamic",
    ]  # fmt: skip
    assert {check.status for check in checks} == {"pass"}


def test_a_flipped_bit_ends_the_list(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch)
    path = folder / "onnx" / "model_int8.onnx"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    checks = verify_artifact(folder, threads=1)
    assert [check.status for check in checks] == ["pass", "fail"]
    assert "model_int8.onnx" in checks[-1].detail


def test_file_that_nobody_signed_for_is_worth_a_warning(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch)
    (folder / "notes.txt").write_text("mine")
    assert by_status(verify_artifact(folder, threads=1), "warn") == ["unlisted files"]
    assert by_status(verify_artifact(folder, threads=1, strict=True), "fail") == ["unlisted files"]


def test_missing_feature_is_a_warning_and_strictly_a_failure(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch, chosen="int8_dynamic", cpu_features=("no_such",))
    checks = verify_artifact(folder, threads=1)
    assert by_status(checks, "warn") == ["CPU features"]
    assert "golden samples, fp32" in by_status(checks, "pass")
    assert by_status(verify_artifact(folder, threads=1, strict=True), "fail") == ["CPU features"]


def test_other_answers_fail(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch)
    manifest = json.loads((folder / "ackd.json").read_text())
    manifest["golden"][2]["scores"] = [0.999, 0.001]
    (folder / "ackd.json").write_text(json.dumps(manifest))
    seal(folder, open_artifact(folder))
    assert "golden samples, fp32" in by_status(verify_artifact(folder, threads=1), "fail")


def test_no_golden_samples(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch, golden=False)
    assert len(by_status(verify_artifact(folder, threads=1), "warn")) == 2


def test_provider_is_no_fault_of_the_artifact(tiny_artifact):
    with pytest.raises(ProviderUnavailable):
        verify_artifact(tiny_artifact, provider="NoSuchExecutionProvider")
