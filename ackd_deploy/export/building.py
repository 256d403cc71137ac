"""All variants of the recipe, built; one that a tool fails on is refused, and the others go on."""

from __future__ import annotations

from ackd_deploy import console
from ackd_deploy.errors import GateFailed, MissingExtra
from ackd_deploy.export.foreign import ForeignFailure
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.export.variants import build_variant
from ackd_deploy.runtime import cpu_info

__all__ = ["build_variants"]


def build_variants(setting: ExportSetting) -> list[VariantReport]:
    """Return a report of each variant, in the recipe's order, with its file or with the reason why it has none.

    Raises:
        GateFailed: fp32, which every other variant is measured against, could not be built.
    """
    calibration = setting.inputs.feeds(setting.graph.inputs)
    features = cpu_info().features
    reports = []
    for name in dict.fromkeys(setting.recipe.export.variants):
        report = VariantReport(name)
        try:
            with console.step(f"building {name}"):
                report.built = build_variant(
                    name,
                    setting.graph,
                    setting.folder,
                    calibration=calibration,
                    features=features,
                    min_agreement=setting.recipe.gates.min_agreement,
                )
        except MissingExtra as error:
            report.problem = f"{error.message} ({error.hint})"
        except ForeignFailure as error:
            if name == "fp32":
                raise GateFailed(f"the exported graph cannot be fused: {error}") from error
            report.problem = f"cannot be built: {error}"
        reports.append(report)
    return reports
