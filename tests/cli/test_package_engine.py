"""The pins of a Bento hold an engine's package where the artifact was chosen for it, and only there."""

from importlib import metadata

import pytest

from ackd_deploy.artifact import VariantInfo, open_artifact
from ackd_deploy.deploy.requirements import parse_pins, service_requirements
from ackd_deploy.recipe.bundled import bundled_folder

SERVING = bundled_folder("serving")


@pytest.fixture
def manifest(tiny_artifact):
    manifest = open_artifact(tiny_artifact)
    second = VariantInfo(name="openvino", file="model.onnx", engine="openvino", precision="fp32")
    return manifest.model_copy(update={"variants": [*manifest.variants, second]})


def test_only_the_chosen_variant_counts(manifest):
    plain = (SERVING / "requirements.txt").read_text()
    assert service_requirements(manifest, SERVING) == plain
    assert "openvino" not in plain
    chosen = service_requirements(manifest.model_copy(update={"chosen": "openvino"}), SERVING)
    assert [pin.name for pin in parse_pins(chosen.removeprefix(plain))] == ["openvino", "openvino-telemetry"]
    # Flat: BentoML takes the file as it stands, without the one that it would refer to.
    assert "-r " not in chosen


def test_the_pins_are_what_is_tested_here_and_all_that_it_needs():
    pytest.importorskip("openvino")
    lines = (SERVING / "requirements-openvino.txt").read_text().splitlines()
    assert "-r requirements.txt" in lines
    pins = {pin.name: pin.version for pin in parse_pins("\n".join(lines))}
    assert pins == {name: metadata.version(name) for name in ("openvino", "openvino-telemetry")}
    needed = {line.split(";")[0].split("<")[0].split(">")[0].strip() for line in metadata.requires("openvino") or []}
    others = {pin.name for pin in parse_pins((SERVING / "requirements.txt").read_text())}
    assert {name.lower() for name in needed} <= others | pins.keys()
