"""A signature over an artifact's folder, in the format of OpenSSF Model Signing v1.0, by a key of the user's own.

The manifest's checksums show damage; whoever can change a file can change them too. A signature shows who wrote the
whole. It lies in the folder as ``model.sig``, covers every other file by its SHA-256, and any tool that knows the
format can check it. No network and no transparency log take part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ackd_deploy.errors import ArtifactError, MissingExtra, UsageError, first_line
from ackd_deploy.extras import install_hint
from ackd_deploy.files import read_bounded

__all__ = ["SIGNATURE", "check_key", "sign_artifact", "verify_signature"]

SIGNATURE = "model.sig"

# A signature names each file of an artifact, of which there are 1,000 at most; a key has a few hundred bytes.
_MAX_SIGNATURE = 1_000_000
_MAX_KEY = 100_000


def _package() -> Any:
    try:
        import model_signing
    except ImportError as error:
        raise MissingExtra(f"signatures need model-signing: {first_line(error)}", hint=install_hint("sign")) from error
    return model_signing


def _check_key_file(key: Path) -> None:
    try:
        read_bounded(key, _MAX_KEY)
    except OSError as error:
        raise UsageError(f"{key} holds no key: {error.strerror or error}") from error


def _hashing(package: Any) -> Any:
    return package.hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _signing(package: Any, key: Path) -> Any:
    _check_key_file(key)
    try:
        return package.signing.Config().use_elliptic_key_signer(private_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:  # AttributeError: a key of another kind
        raise UsageError(
            f"{key} holds no private key that can sign: {first_line(error)}",
            hint="openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out KEY.pem",
        ) from error


def check_key(key: Path) -> None:
    """Check that a file holds a private key that can sign, before hours of work depend on it.

    Raises:
        MissingExtra: the extra ``sign`` is not installed.
        UsageError: the file cannot be read, or holds no private key on an elliptic curve in PEM without a password.
    """
    _signing(_package(), key)


def sign_artifact(folder: Path, key: Path) -> Path:
    """Write ``model.sig`` into an artifact and return its path; an older one is replaced.

    Args:
        folder: the artifact; every file in it is covered.
        key: private key on an elliptic curve, PEM.

    Raises:
        MissingExtra: the extra ``sign`` is not installed.
        UsageError: the key cannot be used.
    """
    package, target = _package(), folder / SIGNATURE
    _signing(package, key).set_hashing_config(_hashing(package)).sign(folder, target)
    return target


def verify_signature(folder: Path, key: Path) -> int:
    """Check that an artifact was signed by a key, and is what was signed.

    Args:
        folder: the artifact.
        key: public key, PEM.

    Returns:
        The number of files that the signature covers.

    Raises:
        MissingExtra: the extra ``sign`` is not installed.
        UsageError: the key cannot be used.
        ArtifactError: there is no signature, it is not of this key, or a file was changed, added or removed.
    """
    package, signature = _package(), folder / SIGNATURE
    _check_key_file(key)
    try:
        verifying = package.verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{key} holds no public key: {first_line(error)}") from error
    if not signature.is_file():
        raise ArtifactError(f"{folder} is not signed: it holds no {SIGNATURE}", hint="ackd-deploy export --sign KEY")
    if signature.stat().st_size > _MAX_SIGNATURE:
        raise ArtifactError(f"{signature} has more than {_MAX_SIGNATURE:,} bytes, and is no signature of an artifact")
    try:
        verifying.set_hashing_config(_hashing(package)).verify(folder, signature)
    except Exception as error:  # the package raises ValueError, and what its parsers raise for a damaged signature
        raise ArtifactError(f"{folder} is not what this key signed: {first_line(error)}") from error
    return sum(1 for file in folder.rglob("*") if file.is_file()) - 1
