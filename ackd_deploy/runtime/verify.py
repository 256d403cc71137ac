"""Check an artifact on the machine at hand: what it is, whether it is whole, and whether it answers as it did.

Each step relies on those before it, so that the first failure ends the list and nothing is executed of a
file that was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ackd_deploy.artifact.load import MANIFEST, check_files, check_graph, list_files, open_artifact
from ackd_deploy.artifact.schema import Manifest
from ackd_deploy.artifact.signature import SIGNATURE, verify_signature
from ackd_deploy.errors import ArtifactError, EnvironmentProblem

if TYPE_CHECKING:
    from ackd_deploy.runtime.classifier import Classifier

__all__ = ["Check", "verify_artifact"]

Status = Literal["pass", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str


def verify_artifact(
    folder: Path, *, provider: str = "cpu", threads: int | None = None, strict: bool = False, key: Path | None = None
) -> list[Check]:
    """Check files, checksums, graphs, CPU features and golden samples.

    Args:
        folder: the artifact.
        provider: execution provider for the golden samples.
        threads: threads of one run; None: as many processors as the cgroup grants.
        key: public key; None: a signature is not looked at.
        strict: count what is only worth a warning as a failure: a machine without the features or the engine that
            the chosen variant was gated on, files that the manifest does not list, no golden samples.

    Raises:
        ProviderUnavailable: the provider does not become active: that is no fault of the artifact.
    """
    checks: list[Check] = []
    try:
        _signature(folder, checks, key)
        _look(folder, checks)
        _run(folder, checks, provider, threads)
    except ArtifactError as error:
        checks.append(Check("artifact", "fail", error.message))
    if strict:
        checks = [
            Check(check.name, "fail" if check.status == "warn" else check.status, check.detail) for check in checks
        ]
    return checks


def _signature(folder: Path, checks: list[Check], key: Path | None) -> None:
    if key is not None:
        count = verify_signature(folder, key)
        checks.append(Check("signature", "pass", f"{count} files, by {key}"))
    elif (folder / SIGNATURE).is_file():
        checks.append(Check("signature", "skip", f"{SIGNATURE} is there; --key PUB checks it"))


def _look(folder: Path, checks: list[Check]) -> None:
    manifest = open_artifact(folder, verify=False)
    checks.append(Check("manifest", "pass", f"{manifest.name}: {manifest.problem_type}, {len(manifest.labels)} labels"))
    check_files(folder, manifest)
    checks.append(Check("checksums", "pass", f"{len(manifest.files)} files"))
    unlisted = [name for name in list_files(folder) if name not in (MANIFEST, SIGNATURE, *manifest.files)]
    if unlisted:
        shown = ", ".join(unlisted[:5])
        checks.append(Check("unlisted files", "warn", f"{len(unlisted)} without a checksum, never read: {shown}"))
    for variant in manifest.variants:
        facts = check_graph(folder, manifest, variant)
        nodes = sum(facts.operators.values())
        checks.append(Check(f"graph {variant.name}", "pass", f"{nodes} nodes, opset {facts.opset}, one file"))


def _run(folder: Path, checks: list[Check], provider: str, threads: int | None) -> None:
    from ackd_deploy.runtime.cpu import cpu_features
    from ackd_deploy.runtime.variant_choice import choose_variant, obstacle

    manifest = open_artifact(folder, verify=False)
    features = cpu_features()
    try:
        chosen, found = choose_variant(manifest, features, provider=provider)
    except EnvironmentProblem as error:
        checks.append(Check("chosen variant", "fail", error.message))
        return
    needed = ", ".join(chosen.cpu_features) or "none needed"
    checks.append(Check(found.what, "warn", found.reason) if found else Check("CPU features", "pass", needed))
    _golden(folder, manifest, checks, chosen.name, provider, threads)
    for variant in manifest.variants:
        if variant.name in (chosen.name, manifest.chosen):
            continue
        hindrance = obstacle(variant, features, provider)
        if hindrance is None:
            _golden(folder, manifest, checks, variant.name, provider, threads)
        else:
            checks.append(Check(f"golden samples, {variant.name}", "skip", hindrance.reason))


def _golden(
    folder: Path, manifest: Manifest, checks: list[Check], variant: str, provider: str, threads: int | None
) -> None:
    from ackd_deploy.runtime.classifier import Classifier
    from ackd_deploy.runtime.selftest import differences

    name = f"golden samples, {variant}"
    classifier = Classifier.load(folder, provider, threads=threads, variant=variant)
    if not manifest.golden:
        checks.append(Check(name, "warn", "the artifact has none; the graph loads and runs"))
        return
    found = differences(classifier)
    if found:
        checks.append(Check(name, "fail", f"{len(found)} of {len(manifest.golden)} differ; {found[0]}"))
    else:
        checks.append(Check(name, "pass", f"{len(manifest.golden)} answered as before, {_where(classifier)}"))


def _where(classifier: Classifier) -> str:
    if classifier.engine == "openvino":
        return f"under OpenVINO in {classifier.variant.precision} on {classifier.provider}"
    return f"on {classifier.provider}"
