import json

import pytest

from ackd_deploy.artifact import Manifest, open_artifact, seal, write_artifact
from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import sha256_file
from tests.artifact_builder import build_artifact


def test_sealed_with_every_checksum_and_size(tiny_artifact):
    manifest = open_artifact(tiny_artifact)
    names = {path.relative_to(tiny_artifact).as_posix() for path in tiny_artifact.rglob("*") if path.is_file()}
    assert set(manifest.files) == names - {"ackd.json"}
    assert {"model.onnx", "config.json", "tokenizer.json"} <= manifest.files.keys()
    assert all(sha256_file(tiny_artifact / name) == digest for name, digest in manifest.files.items())
    for variant in manifest.variants:
        assert variant.size_bytes == (tiny_artifact / variant.file).stat().st_size


def test_what_a_reader_would_refuse_never_gets_the_name_and_the_old_one_stays(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "artifact", artifact_scratch)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = open_artifact(folder)

    def without_graph(new):
        (new / "config.json").write_text("{}")
        (new / "tokenizer.json").write_text("{}")
        return manifest

    with pytest.raises(ArtifactError, match=r"no checksum for model\.onnx"):
        write_artifact(folder, without_graph)

    def interrupted(new):
        (new / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_artifact(folder, interrupted)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"]


def test_sealing_again_after_a_change(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "artifact", artifact_scratch)
    manifest = open_artifact(folder)
    changed = manifest.model_copy(update={"gates": [{"gate": "size", "verdict": "pass"}]})
    assert seal(folder, changed).gates == changed.gates
    assert open_artifact(folder).gates == changed.gates
    assert json.loads((folder / "ackd.json").read_text())["gates"] == changed.gates


def test_manifest_reads_back_as_it_was(tiny_artifact):
    manifest = open_artifact(tiny_artifact)
    assert Manifest.model_validate(json.loads((tiny_artifact / "ackd.json").read_text())) == manifest
