"""Checkpoints: whole or absent, the last two kept, damage found and said."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import torch

from ackd_deploy.errors import EnvironmentProblem
from ackd_deploy.training.checkpoint import Checkpoint, Checkpoints, load_optimizer, optimizer_tensors


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"weight": torch.full((3,), float(step))}, {"seconds": 1.5})


def test_round_trip_keeps_every_bit(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(5, 7), "half": torch.randn(3).half(), "count": torch.tensor(4, dtype=torch.int32)}
    Checkpoints(tmp_path / "c", {"k": 1}).save(Checkpoint(12, tensors, {"seconds": 0.25}))
    found = Checkpoints(tmp_path / "c", {"k": 1}).load()
    assert found is not None
    assert (found.step, found.facts) == (12, {"seconds": 0.25})
    assert set(found.tensors) == set(tensors)
    for name, tensor in tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


def test_none_where_there_is_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "c", {}).load() is None


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "c", {})
    for step in (2, 4, 6, 8):
        store.save(checkpoint(step))
    assert sorted(p.name for p in store.folder.iterdir()) == ["step-00000006", "step-00000008"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "json", "not json", "missing json"])
def test_a_damaged_one_is_said_and_the_one_before_is_used(
    damage: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Checkpoints(tmp_path / "c", {})
    store.save(checkpoint(2))
    store.save(checkpoint(4))
    newest = store.folder / "step-00000004"
    state, facts = newest / "state.safetensors", newest / "state.json"
    content = state.read_bytes()
    if damage == "truncate":
        state.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        state.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "delete":
        state.unlink()
    elif damage == "json":
        facts.write_text("[]")
    elif damage == "not json":
        facts.write_text(facts.read_text()[:20])
    else:
        facts.unlink()
    found = store.load()
    assert found is not None
    assert found.step == 2
    said = capfd.readouterr().err.replace("\n", " ")
    assert "step-00000004" in said
    assert "the one before" in said


@pytest.mark.parametrize("change", [{"step": 5}, {"facts": {"seconds": 9.5}}, {"facts": {}}])
def test_what_stands_beside_the_tensors_has_a_checksum_too(tmp_path: Path, change: dict[str, object]) -> None:
    checkpoints = Checkpoints(tmp_path / "c", {"k": 1})
    for step in (3, 4):
        checkpoints.save(checkpoint(step))
    path = tmp_path / "c" / "step-00000004" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    found = checkpoints.load()
    assert found is not None
    assert (found.step, found.facts) == (3, {"seconds": 1.5})


def test_a_renamed_checkpoint_is_not_believed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c", {"k": 1})
    checkpoints.save(checkpoint(3))
    (tmp_path / "c" / "step-00000003").rename(tmp_path / "c" / "step-00000300")
    assert checkpoints.load() is None


def test_all_damaged_means_none(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "c", {})
    store.save(checkpoint(2))
    (store.folder / "step-00000002" / "state.safetensors").write_bytes(b"")
    assert store.load() is None


def test_a_checkpoint_of_another_training_is_never_taken_up(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "c", {"data": "a"}).save(checkpoint(2))
    assert Checkpoints(tmp_path / "c", {"data": "b"}).load() is None


def test_leftovers_of_a_killed_write_are_removed(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "c", {})
    store.save(checkpoint(2))
    (store.folder / ".tmp-abc-step-00000004").mkdir()
    assert store.load() is not None
    assert [p.name for p in store.folder.iterdir()] == ["step-00000002"]


def test_a_full_disk_is_said_and_the_old_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Checkpoints(tmp_path / "c", {})
    store.save(checkpoint(2))

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ackd_deploy.training.checkpoint.save_file", full)
    with pytest.raises(EnvironmentProblem, match=r"step 4 .* the disk is full"):
        store.save(checkpoint(4))
    assert [p.name for p in store.folder.iterdir()] == ["step-00000002"]
    found = store.load()
    assert found is not None
    assert found.step == 2


def test_no_pickle_is_written(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "c", {})
    store.save(checkpoint(2))
    folder = store.folder / "step-00000002"
    assert sorted(p.name for p in folder.iterdir()) == ["state.json", "state.safetensors"]
    assert set(json.loads((folder / "state.json").read_text())) == {"step", "sha256", "key", "facts", "seal"}


def test_an_optimizer_goes_on_to_the_bit() -> None:
    def start() -> tuple[torch.nn.Linear, torch.optim.AdamW]:
        torch.manual_seed(3)
        layer = torch.nn.Linear(5, 3)
        groups = [{"params": [layer.weight], "weight_decay": 0.1}, {"params": [layer.bias], "weight_decay": 0.0}]
        return layer, torch.optim.AdamW(groups, lr=0.1, fused=True)

    def steps(layer: torch.nn.Linear, optimizer: torch.optim.AdamW, which: range) -> None:
        for step in which:
            torch.manual_seed(step)
            optimizer.zero_grad()
            layer(torch.randn(4, 5)).square().sum().backward()
            optimizer.step()

    straight, optimizer = start()
    steps(straight, optimizer, range(6))

    first, optimizer = start()
    steps(first, optimizer, range(3))
    weights = {name: value.clone() for name, value in first.state_dict().items()}
    saved = {name: value.clone() for name, value in optimizer_tensors(optimizer, "o").items()}
    second, optimizer = start()
    second.load_state_dict(weights)
    load_optimizer(optimizer, saved, "o")
    steps(second, optimizer, range(3, 6))
    assert torch.equal(straight.weight, second.weight)
    assert torch.equal(straight.bias, second.bias)
