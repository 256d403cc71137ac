"""Encoded rows: the same ids as `transformers` gives, mapped, whole or absent, reopened or made anew."""

import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ackd_deploy.data import LabeledTexts, encode_rows
from ackd_deploy.data.npy import NpyWriter
from ackd_deploy.errors import DataError

TEXTS = ["a warm and funny film", "dull", "an elegant story told with rare patience " * 3, "zzz unknown wörds"]


def rows(texts=TEXTS, pairs=None):
    return LabeledTexts(list(texts), pairs, np.arange(len(texts)) % 2, ("no", "yes"), "single_label_classification")


@pytest.mark.parametrize("pairs", [None, [*reversed(TEXTS)]], ids=["single", "pairs"])
def test_same_as_transformers(tiny_teacher, tmp_path, pairs):
    from transformers import AutoTokenizer

    encoded = encode_rows(rows(pairs=pairs), tiny_teacher, 16, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tiny_teacher)
    expected = tokenizer(TEXTS, pairs, truncation=True, max_length=16, padding="longest", return_tensors="np")
    batch = encoded.batch([0, 1, 2, 3])
    assert set(batch) == {"input_ids", "attention_mask", "token_type_ids"}
    for name, array in batch.items():
        assert array.dtype == np.int64
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_facts_of_the_rows(tiny_teacher, tmp_path):
    data = rows()
    encoded = encode_rows(data, tiny_teacher, 12, tmp_path)
    assert len(encoded) == 4
    assert encoded.lengths.dtype == np.int32
    assert encoded.lengths.tolist() == [len(encoded.row(i)) for i in range(4)]
    assert encoded.lengths.max() == 12
    whole = encode_rows(data, tiny_teacher, 64, tmp_path)
    assert not whole.truncated.any()
    assert encoded.truncated.tolist() == (whole.lengths > 12).tolist()
    assert encoded.truncated.any()
    assert encoded.labels.tolist() == data.labels.tolist()
    assert encoded.label_names == ("no", "yes")
    assert encoded.problem_type == "single_label_classification"
    assert encoded.has_token_types
    assert encoded.max_length == 12
    assert encoded.total_tokens == encoded.lengths.sum()
    assert isinstance(encoded.ids, np.memmap)


def test_batches_in_any_order_with_repeats(tiny_teacher, tmp_path):
    encoded = encode_rows(rows(), tiny_teacher, 16, tmp_path)
    batch = encoded.batch(np.array([1, 0, 1]))
    width = int(encoded.lengths[[1, 0, 1]].max())
    assert batch["input_ids"].shape == (3, width)
    np.testing.assert_array_equal(batch["input_ids"][0], batch["input_ids"][2])
    assert batch["attention_mask"].sum(axis=1).tolist() == encoded.lengths[[1, 0, 1]].tolist()
    np.testing.assert_array_equal(batch["input_ids"][1][: encoded.lengths[0]], encoded.row(0))
    assert encoded.batch([])["input_ids"].shape == (0, 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_any_text_in_a_batch_equals_the_text_alone(tiny_teacher, tmp_path, texts):
    encoded = encode_rows(rows(texts), tiny_teacher, 10, tmp_path)
    batch = encoded.batch(np.arange(len(texts)))
    for index in range(len(texts)):
        alone = encoded.batch([index])["input_ids"][0]
        np.testing.assert_array_equal(batch["input_ids"][index][: len(alone)], alone)
        assert (batch["input_ids"][index][len(alone) :] == encoded.pad_id).all()


def stamps(folder: Path):
    return {p.name: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")}


def test_second_call_reopens(tiny_teacher, tmp_path):
    first = encode_rows(rows(), tiny_teacher, 16, tmp_path)
    before = stamps(tmp_path)
    second = encode_rows(rows(), tiny_teacher, 16, tmp_path)
    assert stamps(tmp_path) == before
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(first.batch([2, 3])["input_ids"], second.batch([2, 3])["input_ids"])


def test_other_data_length_or_tokenizer_get_their_own(tiny_teacher, tmp_path):
    other = shutil.copytree(tiny_teacher, tmp_path / "other")
    content = json.loads((other / "tokenizer.json").read_text())
    content["normalizer"] = None
    (other / "tokenizer.json").write_text(json.dumps(content))
    cache = tmp_path / "cache"
    made = [
        encode_rows(rows(), tiny_teacher, 16, cache),
        encode_rows(rows(), tiny_teacher, 17, cache),
        encode_rows(rows(TEXTS[:3]), tiny_teacher, 16, cache),
        encode_rows(rows(), other, 16, cache),
    ]
    assert len({encoded.fingerprint for encoded in made}) == len({encoded.folder for encoded in made}) == 4


@pytest.mark.parametrize("name", ["ids.npy", "lengths.npy", "labels.npy", "truncated.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_damage_is_found_told_and_mended(tiny_teacher, tmp_path, capsys, name, damage):
    first = encode_rows(rows(), tiny_teacher, 16, tmp_path)
    expected = first.batch([0, 1, 2, 3])["input_ids"]
    path = first.folder / name
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-3])
    else:
        path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    again = encode_rows(rows(), tiny_teacher, 16, tmp_path)
    assert "made anew" in " ".join(capsys.readouterr().err.split())
    np.testing.assert_array_equal(again.batch([0, 1, 2, 3])["input_ids"], expected)
    assert path.read_bytes() == content


def test_leftovers_of_a_killed_process_are_removed(tiny_teacher, tmp_path):
    (tmp_path / ".tmp-x").mkdir()
    (tmp_path / ".tmp-x" / "ids.npy").write_bytes(b"half")
    encode_rows(rows(), tiny_teacher, 16, tmp_path)
    assert not list(tmp_path.glob(".tmp-*"))


def _encode(folder, cache):
    return encode_rows(rows(TEXTS * 200), Path(folder), 16, Path(cache)).fingerprint


def test_processes_at_once_agree(tiny_teacher, tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        prints = pool.starmap(_encode, [(str(tiny_teacher), str(tmp_path))] * 2)
    assert len(set(prints)) == 1
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "bert", "type_vocab_size": 2}, True),
        ({"model_type": "distilbert"}, False),
        ({"model_type": "roberta", "type_vocab_size": 1}, False),
        (None, True),
    ],
)
def test_the_models_config_decides_on_token_types(tiny_teacher, tmp_path, config, expected):
    folder = shutil.copytree(tiny_teacher, tmp_path / "model")
    if config is None:
        (folder / "config.json").unlink()
    else:
        (folder / "config.json").write_text(json.dumps(config))
    encoded = encode_rows(rows(), folder, 16, tmp_path / "cache")
    assert encoded.has_token_types is expected
    assert ("token_type_ids" in encoded.batch([0])) is expected


def test_folder_without_a_tokenizer(tmp_path):
    with pytest.raises(DataError, match=r"no tokenizer\.json"):
        encode_rows(rows(), tmp_path, 16, tmp_path / "cache")


def test_damaged_tokenizer(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"')
    with pytest.raises(DataError, match="is not a tokenizer"):
        encode_rows(rows(), tmp_path, 16, tmp_path / "cache")


def test_tokenizer_of_another_model(tiny_teacher, tmp_path):
    folder = shutil.copytree(tiny_teacher, tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 6}))
    with pytest.raises(DataError, match="the model has 6 embeddings"):
        encode_rows(rows(), folder, 16, tmp_path / "cache")
    assert not [p for p in (tmp_path / "cache").iterdir() if p.is_dir()]


def test_room_for_text_is_asked_for(tiny_teacher, tmp_path):
    with pytest.raises(DataError, match="leaves no room"):
        encode_rows(rows(pairs=TEXTS), tiny_teacher, 3, tmp_path)


@pytest.mark.parametrize(("model_type", "most"), [("bert", 32), ("roberta", 30)])
def test_no_more_tokens_than_positions(tiny_teacher, tmp_path, model_type, most):
    folder = shutil.copytree(tiny_teacher, tmp_path / "model")
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, "max_position_embeddings": 32}))
    assert encode_rows(rows(), folder, most, tmp_path / "cache").max_length == most
    with pytest.raises(DataError, match=f"has {most} positions"):
        encode_rows(rows(), folder, most + 1, tmp_path / "cache")


def test_labels_of_every_type_come_back(tiny_teacher, tmp_path):
    scores = LabeledTexts(TEXTS, None, np.array([0.5, -1, 2, 3], dtype=np.float32), ("score",), "regression")
    assert encode_rows(scores, tiny_teacher, 16, tmp_path).labels.tolist() == [0.5, -1, 2, 3]
    sets = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)
    many = encode_rows(
        LabeledTexts(TEXTS, None, sets, ("a", "b"), "multi_label_classification"), tiny_teacher, 16, tmp_path
    )
    assert many.labels.shape == (4, 2)
    assert many.labels.dtype == np.float32


def test_real_tokenizer_of_minilm(assets, tmp_path):
    encoded = encode_rows(rows(["Effective but too tepid biopic"]), assets / "minilm", 64, tmp_path)
    # Ids by the published vocab.txt: the number of each word's line, from 0.
    vocabulary = (assets / "minilm" / "vocab.txt").read_text(encoding="utf-8").split("\n")
    words = [vocabulary[i] for i in encoded.row(0)]
    assert words == ["[CLS]", "effective", "but", "too", "te", "##pid", "bio", "##pic", "[SEP]"]


def test_npy_writer_grows_to_what_numpy_reads(tmp_path):
    with NpyWriter(tmp_path / "a.npy", np.int32) as writer:
        for start in range(0, 100_000, 777):
            writer.append(np.arange(start, min(start + 777, 100_000), dtype=np.int32))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), np.arange(100_000))


def test_npy_writer_refuses_another_type(tmp_path):
    with NpyWriter(tmp_path / "a.npy", np.int32) as writer, pytest.raises(ValueError, match="int64"):
        writer.append(np.arange(3))
    assert np.load(tmp_path / "a.npy").tolist() == []
