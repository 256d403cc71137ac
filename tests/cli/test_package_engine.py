"""The pins of a Bento hold an engine's package where the artifact was chosen for it, and only there."""

from importlib import metadata

import pytest

from ackd_deploy.artifact import VariantInfo, open_artifact
from ackd_deploy.deploy.bento import _requirements
from ackd_deploy.recipe.bundled import bundled_folder

SERVING = bundled_folder("serving")


@pytest.fixture
def manifest(tiny_artifact):
    manifest = open_artifact(tiny_artifact)
    second = VariantInfo(name="openvino", file="model.onnx", engine="openvino", precision="fp32")
    return manifest.model_copy(update={"variants": [*manifest.variants, second]})


def test_only_the_chosen_variant_counts(manifest):
    plain = (SERVING / "requirements.txt").read_text()
    assert _requirements(SERVING, manifest) == plain
    assert "openvino" not in plain
    chosen = _requirements(SERVING, manifest.model_copy(update={"chosen": "openvino"}))
    added = chosen.removeprefix(plain).splitlines()
    assert [line.split("==")[0] for line in added] == ["openvino", "openvino-telemetry"]
    # Flat: BentoML takes the file as it stands, without the one that it would refer to.
    assert "-r " not in chosen


def test_the_pins_are_what_is_tested_here_and_all_that_it_needs():
    pytest.importorskip("openvino")
    lines = (SERVING / "requirements-openvino.txt").read_text().splitlines()
    assert "-r requirements.txt" in lines
    pins = dict(line.split("==") for line in lines if "==" in line)
    assert pins == {name: metadata.version(name) for name in ("openvino", "openvino-telemetry")}
    needed = {line.split(";")[0].split("<")[0].split(">")[0].strip() for line in metadata.requires("openvino") or []}
    others = {line.split("==")[0] for line in (SERVING / "requirements.txt").read_text().splitlines()}
    assert {name.lower() for name in needed} <= others | pins.keys()
