"""From built variants to an artifact's folder: a provisional one to measure, the final one to keep."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path

from ackd_deploy.artifact import Golden, Manifest, VariantInfo
from ackd_deploy.export.graph import Graph
from ackd_deploy.export.inputs import Inputs
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.run import Run, package_versions
from ackd_deploy.runtime import Classifier, cpu_info
from ackd_deploy.tasks.text import Text, split

__all__ = ["copy_reader_files", "golden_samples", "graph_files", "make_manifest"]

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


def copy_reader_files(student: Path, folder: Path) -> None:
    """Copy the student's configuration and tokenizer as Hugging Face wrote them."""
    for name in _READER_FILES:
        if (student / name).is_file():
            shutil.copyfile(student / name, folder / name)


def make_manifest(
    run: Run,
    inputs: Inputs,
    graph: Graph,
    built: Sequence[BuiltVariant],
    chosen: str,
    *,
    gates: Sequence[dict[str, object]] = (),
    golden: Sequence[Golden] = (),
    temperature: float = 1.0,
    provenance: dict[str, object] | None = None,
) -> Manifest:
    """Describe an artifact that holds these variants."""
    winner = next(variant for variant in built if variant.name == chosen)
    files = graph_files(built, chosen)
    return Manifest(
        name=run.recipe.name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        problem_type=run.recipe.data.problem_type,
        labels=list(inputs.labels),
        max_length=inputs.max_length,
        inputs=list(graph.inputs),  # type: ignore[arg-type]
        text_pairs=inputs.validation.pairs is not None,
        temperature=temperature,
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
        gates=list(gates),
        golden=list(golden),
        provenance={
            "run": run.recipe.name,
            "method": run.recipe.distill.method,
            "seed": run.recipe.seed,
            "engine": graph.engine,
            "opset": graph.opset,
            **({"graph": winner.note} if winner.note else {}),
            "validation": inputs.validation.fingerprint,
            "versions": package_versions(),
            **(provenance or {}),
        },
    )


def golden_samples(classifier: Classifier, texts: Sequence[Text], count: int) -> list[Golden]:
    """Return the first ``count`` texts with the answers of a classifier, for the artifact's self-test."""
    samples = []
    for text, answer in zip(texts, classifier.classify(texts[:count]), strict=False):
        first, pair = split(text)
        samples.append(Golden(text=first, pair=pair, label=answer.label, scores=list(answer.scores.values())))
    return samples
