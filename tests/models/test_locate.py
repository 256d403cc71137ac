"""What the files of a model folder tell without torch."""

import json
import os

import pytest

from ackd_deploy.errors import DataError
from ackd_deploy.models.locate import is_hub_id, label_names_of, locate_model


@pytest.mark.parametrize("keys", [("1", "2"), ("0", "2"), ("-1", "0")])
def test_labels_that_do_not_count_from_0(tmp_path, keys):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": dict.fromkeys(keys, "a")}))
    with pytest.raises(DataError, match=r"do not count from 0"):
        label_names_of(tmp_path)


def test_hub_ids_are_told_from_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert is_hub_id("google-bert/bert-base-uncased")
    assert not any(map(is_hub_id, ["there", "./absent", "/absent", "~/absent", "a/b/c", "a\\b", ""]))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_configurations_that_hang_or_break_a_reader(tmp_path, name):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    for content in ("[" * 100_000, '{"a": ["\\x"]}', "[" + "[]," * 1_000_000 + "0]"):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=r"is not valid JSON") as error:
            locate_model(str(tmp_path))
        assert len(error.value.message) < 1000
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError):
        locate_model(str(tmp_path))


def test_a_home_folder_of_nobody_is_no_folder():
    with pytest.raises(DataError, match="no such folder"):
        locate_model("~no-such-user/model")


@pytest.mark.parametrize("part", ["../outside.safetensors", "/etc/passwd", "weights.bin", "", 7])
def test_an_index_of_weights_names_safetensors_beside_it(tmp_path, part):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}))
    assert locate_model(str(tmp_path)) == tmp_path
    index.write_text(json.dumps({"weight_map": {"a": part}}))
    with pytest.raises(DataError, match="beside it"):
        locate_model(str(tmp_path))
