"""Which of an artefact's variants runs on this machine."""

from __future__ import annotations

from collections.abc import Collection

from ackd_deploy.artifact.schema import Manifest, VariantInfo
from ackd_deploy.errors import EnvironmentProblem, UsageError

__all__ = ["choose_variant"]


def choose_variant(
    manifest: Manifest, features: Collection[str], name: str | None = None, *, strict: bool = False
) -> tuple[VariantInfo, str | None]:
    """Return the variant to run, and the reason where it is not the chosen one.

    A variant's gates were decided on a processor with certain features; on one without them its integer
    products may saturate, and the gates say nothing. Then fp32 runs instead, unless that was refused
    (``strict``) or a variant was named outright.

    Raises:
        UsageError: there is no variant of that name.
        EnvironmentProblem: the variant needs what the processor lacks and nothing may take its place.
    """
    try:
        variant = manifest.variant(name)
    except KeyError:
        known = ", ".join(variant.name for variant in manifest.variants)
        raise UsageError(f"the artefact has no variant {name!r}", hint=f"it has: {known}") from None
    missing = sorted(set(variant.cpu_features) - set(features))
    if not missing:
        return variant, None
    reason = f"variant {variant.name!r} was gated on a processor with {', '.join(missing)}, which this one lacks"
    fallback = manifest.fallback()
    if name is not None or strict or fallback is None:
        hint = f"variant {fallback.name!r} runs anywhere" if fallback else "export again on a machine like this one"
        raise EnvironmentProblem(reason, hint=hint)
    return fallback, f"{reason}; {fallback.name!r} runs instead"
