"""What the files of a model folder tell without torch."""

import json

import pytest

from ackd_deploy.errors import DataError
from ackd_deploy.models.locate import is_hub_id, label_names_of


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
