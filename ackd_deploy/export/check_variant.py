"""All gates of one variant but latency, through the runtime that will serve it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ackd_deploy.check.accuracy import accuracy_gates, slices
from ackd_deploy.check.fusion import expected_fusion, fusion_gate, knows_fusion
from ackd_deploy.check.gates import GateResult, at_most, inform
from ackd_deploy.check.invariance import invariance_gates
from ackd_deploy.check.parity import parity_gate, spread_by_length
from ackd_deploy.check.quality import quality_gates
from ackd_deploy.errors import ArtifactError, EnvironmentProblem
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.runtime import Classifier, open_engine
from ackd_deploy.runtime.engines.session import is_cpu
from ackd_deploy.tasks.intervals import metric_interval

__all__ = ["check_variant"]

_INVARIANCE_ROWS = 128


def check_variant(report: VariantReport, built: BuiltVariant, setting: ExportSetting, artifact: Path) -> None:
    """Run every gate but latency, and add what they found to the report.

    Args:
        report: of the variant.
        built: its file.
        setting: the export.
        artifact: the provisional artifact that holds the variant.

    Raises:
        EnvironmentProblem: the provider does not become active.
    """
    graph, inputs, gates = setting.graph, setting.inputs, setting.recipe.gates
    report.size_bytes = built.path.stat().st_size
    report.results.append(at_most("size MB", built.name, report.size_bytes / 1e6, gates.max_size_mb))
    if built.engine == "openvino" and not is_cpu(setting.provider):
        report.problem = f"OpenVINO runs on the CPU here, and the export is judged on {setting.provider}"
        return
    if built.claims_fusion:
        expected = expected_fusion(graph.model_type, graph.layers)
        # Of a family that the optimizer does not know, an exact graph must not be refused.
        required = gates.require_fusion and knows_fusion(graph.model_type)
        report.results.append(fusion_gate(built.name, built.fused, expected, required=required))
    try:
        if built.precision == "fp32":
            report.results.append(_parity(built, setting))
        classifier = Classifier.load(artifact, provider=setting.provider, threads=setting.threads, variant=built.name)
    except (ArtifactError, EnvironmentProblem) as error:
        if isinstance(error, EnvironmentProblem) and built.engine == "onnxruntime":
            # Without its provider nothing can be judged; a second engine that fails takes only its variant along.
            raise
        report.problem = f"cannot be loaded: {error.message}"
        return
    logits = classifier.run_sorted(inputs.tokens, setting.recipe.export.max_batch)
    task, labels, expected_logits = setting.task, inputs.validation.labels, setting.reference.logits
    # By name: an artifact whose labels changed places must fail here, and not agree with itself.
    by_name = logits[:, [classifier.manifest.labels.index(name) for name in inputs.labels]]
    if built.precision != "fp32":
        # 8 or 16 bits cannot keep logits within 1e-4: the figure is shown, and the answers are judged.
        difference = float(np.abs(by_name - expected_logits).max())
        report.results.append(inform("parity", built.name, difference, n=len(labels)))
    report.logits = by_name
    report.metric, report.rows = task.score(by_name, labels), len(labels)
    report.interval = metric_interval(task, by_name, labels)
    report.results += accuracy_gates(built.name, task, expected_logits, by_name, labels, gates)
    report.results += quality_gates(built.name, task, by_name, labels, inputs.against, gates, inputs.labels)
    report.slices = slices(task, by_name, labels, np.array(inputs.lengths), inputs.labels)
    report.results += invariance_gates(
        classifier,
        [inputs.tokens[row] for row in spread_by_length(inputs.lengths, _INVARIANCE_ROWS)],
        max_batch=setting.recipe.export.max_batch,
        max_flips=gates.invariance_max_flips,
        max_score_change=gates.invariance_max_score_change,
        seed=setting.recipe.seed,
    )


def _parity(built: BuiltVariant, setting: ExportSetting) -> GateResult:
    inputs, gates = setting.inputs, setting.recipe.gates
    rows = spread_by_length(inputs.lengths, gates.parity_rows)
    return parity_gate(
        built.name,
        open_engine(built.path, built.engine, setting.provider, setting.threads, built.precision),
        [inputs.tokens[row] for row in rows],
        setting.reference.logits[rows],
        gates.parity_max_abs_diff,
        inputs=setting.graph.inputs,
        pad_id=inputs.pad_id,
        max_batch=setting.recipe.export.max_batch,
    )
