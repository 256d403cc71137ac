"""ackd_deploy/models/safetensors_errors.py"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ackd_deploy.models.safetensors_errors import os_errors


def test_an_error_of_the_system_is_one_again(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught, os_errors():
        save_file({"a": torch.zeros(3)}, tmp_path / "missing" / "a.safetensors")
    assert caught.value.errno == errno.ENOENT


def test_others_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(SafetensorError), os_errors():
        load_file(tmp_path / "bad.safetensors")
