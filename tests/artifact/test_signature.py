"""Signatures: what any change to a signed folder does, other keys, other tools, and the two commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ackd_deploy.artifact.signature import SIGNATURE, check_key, sign_artifact, verify_signature
from ackd_deploy.cli import cli
from ackd_deploy.errors import ArtifactError, UsageError


def write_keys(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return write_keys(tmp_path, "ours")


@pytest.fixture
def signed(tiny_artifact: Path, tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    folder = shutil.copytree(tiny_artifact, tmp_path / "artifact")
    assert sign_artifact(folder, keys[0]) == folder / SIGNATURE
    return folder


def test_what_was_signed_is_accepted(signed: Path, keys: tuple[Path, Path]):
    assert verify_signature(signed, keys[1]) == sum(file.is_file() for file in signed.rglob("*")) - 1
    # Under another name and signed again: the format binds the content.
    moved = signed.rename(signed.with_name("elsewhere"))
    sign_artifact(moved, keys[0])
    verify_signature(moved, keys[1])


CHANGES = {
    "a byte of the graph": lambda folder: (folder / "model.onnx").write_bytes(
        b"x" + (folder / "model.onnx").read_bytes()
    ),
    "the manifest": lambda folder: (folder / "ackd.json").write_text((folder / "ackd.json").read_text() + " "),
    "a file more": lambda folder: (folder / "more.txt").write_text("x"),
    "a file less": lambda folder: (folder / "README.md").unlink(),
    "a file hidden from git": lambda folder: (folder / ".gitignore").write_text("*"),
    "a cut signature": lambda folder: (folder / SIGNATURE).write_bytes((folder / SIGNATURE).read_bytes()[:200]),
    "no JSON": lambda folder: (folder / SIGNATURE).write_text("signed, honestly"),
    "no signature": lambda folder: (folder / SIGNATURE).unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_found(signed: Path, keys: tuple[Path, Path], change: str):
    CHANGES[change](signed)
    with pytest.raises(ArtifactError):
        verify_signature(signed, keys[1])


def test_another_key_is_refused(signed: Path, tmp_path: Path):
    _, other = write_keys(tmp_path, "others")
    with pytest.raises(ArtifactError, match="not what this key signed"):
        verify_signature(signed, other)


def test_what_is_no_key_is_a_mistake_of_usage(signed: Path, tmp_path: Path):
    wrong = tmp_path / "rsa.pem"
    wrong.write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (tmp_path / "text.pem").write_text("secret")
    for key in (wrong, tmp_path / "text.pem", tmp_path / "absent.pem"):
        with pytest.raises(UsageError, match=key.name):
            check_key(key)
        with pytest.raises(UsageError, match=key.name):
            verify_signature(signed, key)


def test_the_packages_own_command_accepts_it(signed: Path, keys: tuple[Path, Path]):
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(signed)]
    command += ["--signature", str(signed / SIGNATURE), "--public_key", str(keys[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_verify_by_command(signed: Path, keys: tuple[Path, Path], tmp_path: Path):
    good = CliRunner().invoke(cli, ["verify", str(signed), "--key", str(keys[1])])
    assert good.exit_code == 0, good.output + good.stderr
    assert "signature" in good.stdout
    # A signature is no file that nobody listed.
    assert "unlisted" not in good.stdout
    (signed / "model.onnx").write_bytes(b"other")
    assert CliRunner().invoke(cli, ["verify", str(signed), "--key", str(keys[1])]).exit_code == 6
    assert CliRunner().invoke(cli, ["verify", str(signed), "--key", str(tmp_path / "no")]).exit_code == 2


def test_a_bad_key_ends_an_export_before_it_begins(tmp_path: Path):
    result = CliRunner().invoke(cli, ["export", "--runs", str(tmp_path), "--sign", str(tmp_path / "absent.pem")])
    assert result.exit_code == 2
    assert "absent.pem" in result.stderr


@pytest.mark.timeout(20)
def test_keys_and_signatures_without_end_are_refused(signed: Path, keys: tuple[Path, Path], tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for key in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match="not a regular file"):
            verify_signature(signed, key)
        with pytest.raises(UsageError, match="not a regular file"):
            check_key(key)
    (signed / SIGNATURE).write_bytes(b"[" + b"[]," * 1_000_000 + b"0]")
    with pytest.raises(ArtifactError, match="no signature of an artifact"):
        verify_signature(signed, keys[1])
