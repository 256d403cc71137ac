"""Fingerprints of a recipe's data: equal for equal bytes alone."""

import hashlib

import pytest

from ackd_deploy.data.fingerprint import data_fingerprints
from ackd_deploy.errors import DataError
from ackd_deploy.recipe.sections import Data, HubSplit


def test_files_by_their_bytes(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"abc")
    (tmp_path / "b.csv").write_bytes(b"abcd")
    found = data_fingerprints(Data(train=f"{tmp_path}/a.csv", validation=f"{tmp_path}/b.csv"))
    assert found == {
        "data.train": hashlib.sha256(b"abc").hexdigest(),
        "data.validation": hashlib.sha256(b"abcd").hexdigest(),
    }


def test_hub_splits_by_their_names():
    first, other = (HubSplit(hub="nyu-mll/glue", split=split) for split in ("train", "validation"))
    found = data_fingerprints(Data(train=first, validation=other, test=first))
    assert found["data.train"] == found["data.test"] != found["data.validation"]


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_missing_files_are_named(tmp_path, name):
    (tmp_path / "a.csv").write_bytes(b"abc")
    with pytest.raises(DataError, match=name):
        data_fingerprints(Data(train=f"{tmp_path}/a.csv", validation=f"{tmp_path}/{name}"))
