"""A software bill of materials (CycloneDX 1.6, JSON) of the service and of the artifact that it serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ackd_deploy.artifact import Manifest
from ackd_deploy.deploy.requirements import Pin
from ackd_deploy.errors import MissingExtra, first_line
from ackd_deploy.extras import install_hint

if TYPE_CHECKING:
    from cyclonedx.model import HashType

__all__ = ["SBOM", "bill_of_materials"]

SBOM = "sbom.cdx.json"


def bill_of_materials(manifest: Manifest, pins: Iterable[Pin], version: str) -> str:
    """Return the bill as JSON text.

    Args:
        manifest: of the artifact; its files are listed with their SHA-256.
        pins: Python packages of the image, with the SHA-256 of their wheels.
        version: of ackd-deploy.

    Raises:
        MissingExtra: the package cyclonedx is not installed.
    """
    try:
        from cyclonedx.model import HashAlgorithm, HashType
        from cyclonedx.model.bom import Bom
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
        from packageurl import PackageURL
    except ImportError as error:
        problem = f"a bill of materials needs cyclonedx: {first_line(error)}"
        raise MissingExtra(problem, hint=install_hint("serve")) from error

    def sha256(digests: Iterable[str]) -> list[HashType]:
        return [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests]

    model = Component(
        name=manifest.name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref="artifact",
        description=f"{manifest.problem_type}, {len(manifest.labels)} labels, served variant {manifest.chosen}",
        components=[
            Component(name=name, type=ComponentType.FILE, bom_ref=f"artifact/{name}", hashes=sha256([digest]))
            for name, digest in sorted(manifest.files.items())
        ],
    )
    packages = [
        Component(
            name=pin.name,
            version=pin.version,
            type=ComponentType.LIBRARY,
            bom_ref=f"{pin.name}@{pin.version}",
            purl=PackageURL("pypi", name=pin.name, version=pin.version),
            hashes=sha256(pin.hashes),
        )
        for pin in pins
    ]
    bom = Bom(components=[model, *packages])
    bom.metadata.component = Component(
        name="ackd-deploy", version=version, type=ComponentType.APPLICATION, bom_ref="service"
    )
    bom.register_dependency(bom.metadata.component, [model, *packages])
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text + "\n"
