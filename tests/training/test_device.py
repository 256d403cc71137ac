"""Devices that are asked for are there, or it is an error."""

from __future__ import annotations

import pytest
import torch

from ackd_deploy.errors import DeviceUnavailable, UsageError
from ackd_deploy.training.device import autocast, resolve_device, resolve_precision

CPU = torch.device("cpu")


def test_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "", "CPU"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UsageError, match="no device"):
        resolve_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_no_silent_fallback(name: str) -> None:
    assert resolve_device("auto") == CPU
    with pytest.raises(DeviceUnavailable, match="was asked for"):
        resolve_device(name)


def test_precision_follows_the_hardware_only_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_precision("fp32", CPU) is torch.float32
    assert resolve_precision("bf16", CPU) is torch.bfloat16
    for has, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("ackd_deploy.training.device.cpu_has_bf16", lambda has=has: has)
        assert resolve_precision("auto", CPU) is expected


def test_autocast_is_off_for_float32() -> None:
    a = torch.ones(2, 2)
    with autocast(CPU, torch.float32):
        assert (a @ a).dtype is torch.float32
    with autocast(CPU, torch.bfloat16):
        assert (a @ a).dtype is torch.bfloat16
