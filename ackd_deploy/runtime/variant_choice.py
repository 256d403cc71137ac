"""Which of an artifact's variants runs on this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from ackd_deploy.artifact.schema import Manifest, VariantInfo
from ackd_deploy.errors import EnvironmentProblem, MissingExtra, UsageError
from ackd_deploy.runtime.engines.opening import engine_problem
from ackd_deploy.runtime.engines.openvino_engine import HINT
from ackd_deploy.runtime.engines.session import is_cpu

__all__ = ["Obstacle", "choose_variant", "obstacle"]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a variant from running here as it was gated.

    Attributes:
        what: ``CPU features``, ``engine`` or ``provider``.
        reason: one sentence.
        hint: what would mend it, where something can.
    """

    what: str
    reason: str
    hint: str | None = None


def obstacle(
    variant: VariantInfo,
    features: Collection[str],
    provider: str = "cpu",
    problem: Callable[[str], str | None] = engine_problem,
) -> Obstacle | None:
    """Return what keeps a variant from running here as it was gated, or None.

    Args:
        variant: of an artifact.
        features: of this processor.
        provider: that was asked for.
        problem: says why an engine cannot run here, or None.
    """
    name = f"variant {variant.name!r}"
    missing = sorted(set(variant.cpu_features) - set(features))
    if missing:
        reason = f"{name} was gated on a processor with {', '.join(missing)}, which this one lacks"
        return Obstacle("CPU features", reason)
    on_cpu = is_cpu(provider)
    if variant.engine == "openvino" and not on_cpu:
        return Obstacle("provider", f"{name} runs on the CPU alone, and provider {provider!r} was asked for")
    if variant.for_gpu and on_cpu:
        return Obstacle("provider", f"{name} is meant for a GPU, and provider {provider!r} was asked for")
    found = problem(variant.engine)
    if found is not None:
        return Obstacle("engine", f"{name} runs under {variant.engine}: {found}", HINT)
    return None


def choose_variant(
    manifest: Manifest,
    features: Collection[str],
    name: str | None = None,
    *,
    strict: bool = False,
    provider: str = "cpu",
    problem: Callable[[str], str | None] = engine_problem,
) -> tuple[VariantInfo, Obstacle | None]:
    """Return the variant to run, and why it is not the chosen one where it is not.

    A variant's gates were decided under one engine, on a processor with certain features; elsewhere they say
    nothing. Then fp32 runs instead, unless that was refused (``strict``) or a variant was named outright.

    Raises:
        UsageError: there is no variant of that name.
        MissingExtra: the variant's engine is not installed, and nothing may take its place.
        EnvironmentProblem: the variant needs what the machine lacks, and nothing may take its place.
    """
    try:
        variant = manifest.variant(name)
    except KeyError:
        known = ", ".join(variant.name for variant in manifest.variants)
        raise UsageError(f"the artifact has no variant {name!r}", hint=f"it has: {known}") from None
    found = obstacle(variant, features, provider, problem)
    # A variant for GPUs that is named outright is asked for with open eyes; it computes the same on a CPU.
    if found is None or (name is not None and variant.for_gpu and found.what == "provider"):
        return variant, None
    fallback = manifest.fallback()
    if name is not None or strict or fallback is None:
        other = f"variant {fallback.name!r} runs anywhere" if fallback else "export again on a machine like this one"
        hint = f"{found.hint}; or: {other}" if found.hint else other
        raise (MissingExtra if found.what == "engine" else EnvironmentProblem)(found.reason, hint=hint)
    return fallback, Obstacle(found.what, f"{found.reason}; {fallback.name!r} runs instead", found.hint)
