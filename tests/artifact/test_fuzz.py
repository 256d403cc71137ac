"""Whatever stands in ackd.json or config.json, the answer is an artifact or an ArtifactError."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ackd_deploy.artifact import open_artifact
from ackd_deploy.errors import ArtifactError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def victim(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_artifact, tmp_path_factory.mktemp("fuzz") / "artifact"))


@pytest.fixture(scope="module")
def originals(tiny_artifact: Path) -> dict[str, Any]:
    return {name: json.loads((tiny_artifact / name).read_text()) for name in ("ackd.json", "config.json")}


def attempt(folder: Path, name: str, content: bytes, tiny: Path) -> None:
    (folder / name).write_bytes(content)
    try:
        open_artifact(folder, verify=False)
    except ArtifactError as error:
        error.message.encode()
    finally:
        shutil.copyfile(tiny / name, folder / name)


slow = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)


@slow
@given(data=st.data(), name=st.sampled_from(["ackd.json", "config.json"]))
def test_any_value_at_any_key(victim, originals, tiny_artifact, data, name):
    content = json.loads(json.dumps(originals[name]))
    place: Any = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(json_values)
    attempt(victim, name, json.dumps(content).encode(), tiny_artifact)


@slow
@given(content=json_values, name=st.sampled_from(["ackd.json", "config.json"]))
def test_any_json(victim, tiny_artifact, content, name):
    attempt(victim, name, json.dumps(content).encode(), tiny_artifact)


@slow
@given(junk=st.binary(max_size=40), place=st.floats(0, 1), name=st.sampled_from(["ackd.json", "config.json"]))
def test_any_bytes_anywhere(victim, tiny_artifact, junk, place, name):
    whole = (tiny_artifact / name).read_bytes()
    position = int(place * len(whole))
    attempt(victim, name, whole[:position] + junk + whole[position + len(junk) :], tiny_artifact)
