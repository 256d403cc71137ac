"""From built variants to an artifact's folder: a provisional one to measure, the final one to keep."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ackd_deploy.artifact import Columns, Decision, Golden, Manifest, Quality, VariantInfo, seal, write_artifact
from ackd_deploy.errors import ArtifactError, GateFailed
from ackd_deploy.export.card_info import card_info
from ackd_deploy.export.selection import kept
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.files import sha256_file
from ackd_deploy.models.locate import is_hub_id
from ackd_deploy.models.reader_files import settle_length, settle_thresholds
from ackd_deploy.recipe import Recipe
from ackd_deploy.recipe.sections import Data
from ackd_deploy.run import package_versions
from ackd_deploy.run.records import GateRecord
from ackd_deploy.runtime import Classifier, cpu_info

__all__ = [
    "copy_reader_files",
    "data_columns",
    "final_artifact",
    "graph_files",
    "make_manifest",
    "provisional_artifact",
]

_READER_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)


def graph_files(built: Sequence[BuiltVariant], chosen: str) -> dict[str, str]:
    """Return where each variant's graph lies in the artifact: the chosen one's where every reader looks first.

    Variants of one graph share its file, which has the name of the first of them.
    """
    files = {variant.path: "model.onnx" for variant in built if variant.name == chosen}
    for variant in built:
        kind = variant.name.replace("int8", "qint8")
        suffix = "".join(f"_{feature}" for feature in variant.cpu_features)
        files.setdefault(variant.path, f"onnx/model_{kind}{suffix}.onnx")
    return {variant.name: files[variant.path] for variant in built}


def copy_reader_files(setting: ExportSetting, folder: Path) -> None:
    """Copy the student's configuration and tokenizer, as Hugging Face has them, with the artifact's own settings."""
    for name in _READER_FILES:
        if (setting.inputs.student / name).is_file():
            shutil.copyfile(setting.inputs.student / name, folder / name)
    settle_length(folder, setting.inputs.max_length)
    settle_thresholds(folder, setting.decision.thresholds if setting.decision else None)


def make_manifest(
    setting: ExportSetting,
    built: Sequence[BuiltVariant],
    chosen: str,
    *,
    gates: Sequence[GateRecord] = (),
    golden: Sequence[Golden] = (),
    decision: Decision | None = None,
    provenance: dict[str, object] | None = None,
    quality: Quality | None = None,
) -> Manifest:
    """Describe an artifact that holds these variants."""
    run, inputs, graph = setting.run, setting.inputs, setting.graph
    winner, temperature = (
        next(variant for variant in built if variant.name == chosen),
        setting.reference.graph_temperature,
    )
    files = graph_files(built, chosen)
    return Manifest(
        name=run.recipe.name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        problem_type=run.recipe.data.problem_type,
        labels=list(inputs.labels),
        max_length=inputs.max_length,
        inputs=list(graph.inputs),  # type: ignore[arg-type]
        text_pairs=inputs.validation.pairs is not None,
        long_texts=inputs.tokenizer.rule,
        chosen=chosen,
        variants=[
            VariantInfo(
                name=variant.name,
                file=files[variant.name],
                engine=variant.engine,
                precision=variant.precision,
                for_gpu=variant.for_gpu,
                batch_sensitive=variant.batch_sensitive,
                cpu_features=list(variant.cpu_features),
            )
            for variant in built
        ],
        fused_nodes=winner.fused,
        cpu=cpu_info().as_dict(),
        gates=[gate.model_dump(mode="json") for gate in gates],
        golden=list(golden),
        provenance={
            "run": run.recipe.name,
            **_origin(run.recipe),
            "engine": graph.engine,
            "opset": graph.opset,
            **({"graph": winner.note} if winner.note else {}),
            **({"temperature in the graph": temperature} if temperature != 1.0 else {}),
            "validation": inputs.validation.fingerprint,
            "versions": package_versions(),
            **(provenance or {}),
        },
        columns=data_columns(run.recipe.data),
        quality=quality,
        card=card_info(run.recipe, winner.precision),
        decision=decision or setting.decision,
    )


def data_columns(data: Data) -> Columns | None:
    """Return what the recipe calls its columns; None where these are the names that are taken without it.

    None also for names that no manifest takes, with a control character or over 200 characters: whoever reads a file
    with such a header names the columns again.
    """
    pair = None if data.text_pair == "text_pair" else data.text_pair
    try:
        found = Columns(text=data.text, text_pair=pair, label=data.label, label_names=data.label_names)
    except ValidationError:
        return None
    return None if found == Columns() else found


def _origin(recipe: Recipe) -> dict[str, object]:
    """Say how the model was made."""
    if recipe.distill.method != "none":
        origin = {"teacher": "soft labels in the data"} if recipe.answers_given else {}
        return {"method": recipe.distill.method, "seed": recipe.seed, **origin}
    model = str(recipe.teacher.model)
    # Where a folder lies is nobody's business.
    known = {"model": model if is_hub_id(model) else Path(model).resolve().name}
    if recipe.existing:
        return {"mode": "existing classifier, no distillation", **known}
    return {"mode": "fine-tuned classifier, no distillation", **known, "seed": recipe.seed}


def provisional_artifact(built: Sequence[BuiltVariant], setting: ExportSetting) -> Path:
    """Write an artifact with all variants, to be measured through the runtime, and return its folder.

    Raises:
        GateFailed: there is no variant.
    """
    if not built:
        raise GateFailed("no variant could be built")
    folder = setting.folder / "artifact"
    folder.mkdir()
    copy_reader_files(setting, folder)
    _place(built, built[0].name, folder)
    seal(folder, make_manifest(setting, built, built[0].name))
    return folder


def final_artifact(
    reports: Sequence[VariantReport],
    chosen: Classifier,
    setting: ExportSetting,
    gates: Sequence[GateRecord],
    golden: Sequence[Golden],
    quality: Quality,
    decision: Decision | None = None,
) -> Path:
    """Write the run's artifact: the chosen variant, the others that passed, and the fallback.

    Args:
        reports: of all variants.
        chosen: the winner, loaded.
        setting: the export.
        gates: of all variants, for the manifest.
        golden: samples with the winner's answers.
        quality: of the winner.
        decision: of the artifact; None: the setting's.

    Raises:
        ArtifactError: the student's weights are missing.
    """
    passing = [report.built for report in kept(reports, setting.recipe) if report.built]
    weights = setting.inputs.student / "model.safetensors"
    if not weights.is_file():
        raise ArtifactError(f"{weights} is missing")
    what = "student" if setting.distilled else "model"
    provenance: dict[str, object] = {f"{what}_sha256": sha256_file(weights)}

    def build(folder: Path) -> Manifest:
        copy_reader_files(setting, folder)
        _place(passing, chosen.variant.name, folder)
        return make_manifest(
            setting,
            passing,
            chosen.variant.name,
            gates=gates,
            golden=golden,
            decision=decision,
            provenance=provenance,
            quality=quality,
        )

    final = setting.run.path("artifact")
    write_artifact(final, build)
    return final


def _place(built: Sequence[BuiltVariant], chosen: str, folder: Path) -> None:
    files = graph_files(built, chosen)
    for path, name in {variant.path: files[variant.name] for variant in built}.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
