"""``export``: graph, variants, gates, choice, artifact. Each can end the export."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from ackd_deploy import console
from ackd_deploy.artifact import Decision
from ackd_deploy.check.accuracy import per_class_record
from ackd_deploy.check.finished import model_gates
from ackd_deploy.check.gates import failures
from ackd_deploy.check.quality import refused_model
from ackd_deploy.errors import GateFailed
from ackd_deploy.export.abstaining import choose_abstention
from ackd_deploy.export.building import build_variants
from ackd_deploy.export.check_variant import check_variant
from ackd_deploy.export.golden import golden_samples
from ackd_deploy.export.graph import divide_logits, export_graph
from ackd_deploy.export.inputs import gather
from ackd_deploy.export.outcome import calibration_record, export_record, print_variants, refusal
from ackd_deploy.export.packaging import final_artifact, provisional_artifact
from ackd_deploy.export.quality import measured_quality
from ackd_deploy.export.reference import student_reference
from ackd_deploy.export.selection import choose, fallback
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.export.timing import time_variants
from ackd_deploy.run import EXPORT, Run
from ackd_deploy.runtime import Classifier, effective_cpus

__all__ = ["export_run"]


def export_run(run: Run, *, provider: str = "cpu", table: bool = True) -> Path:
    """Export the run's student, gate every variant of the recipe, and write the artifact.

    The caller holds the run's lock. The stage ``export`` of run.json is done only when an artifact was
    written; where nothing passes, what was measured is kept there, and an older artifact stays as it was.

    Args:
        run: its student is finished.
        provider: execution provider on which every variant is judged.
        table: print the table of variants on stdout.

    Returns:
        The artifact's folder, ``artifact`` in the run's.

    Raises:
        GateFailed: the student is no better than chance or misses another bound on its quality; no variant passes:
            the table on stdout says why; or none can be as precise as export.abstain says.
        AckdError: other subclasses, for everything that a user can mend.
    """
    started = time.monotonic()
    # Every variant would miss the same bounds, after minutes of work; but where thresholds are tuned, they may help.
    failed = failures(model_gates(run, run.student), run.recipe.gates.undecided)
    if failed and run.recipe.export.thresholds is None:
        raise refused_model("the classifier" if run.recipe.existing else "the student", failed)
    run.start(EXPORT)
    with tempfile.TemporaryDirectory(prefix=".tmp-export-", dir=run.folder) as name:
        setting = _prepare(run, Path(name), provider)
        reports = build_variants(setting)
        artifact = provisional_artifact([report.built for report in reports if report.built], setting)
        for report in reports:
            if report.built:
                with console.step(f"checking {report.name}"):
                    check_variant(report, report.built, setting, artifact)
        with console.step("latency, one text at a time and in batches"):
            references = time_variants(reports, setting, artifact)
        chosen = choose(reports, run.recipe, provider)
        record = export_record(reports, chosen, references, setting)
        if table:
            print_variants(record, distilled=setting.distilled, local_teacher=not run.recipe.answers_given)
        if chosen is None or chosen.logits is None:
            # The report shows which bound was missed, and by how much.
            run.fail(EXPORT, record)
            raise refusal(record, setting)
        winner = Classifier.load(artifact, provider, variant=chosen.name)
        logits = chosen.logits
        calibration = calibration_record(logits, setting)
        try:
            abstain = choose_abstention(winner, logits, setting)
        except GateFailed:
            run.fail(EXPORT, record)
            raise
        decision = setting.decision
        if abstain is not None:
            decision = (decision or Decision()).model_copy(update={"abstain": abstain})
        rows = setting.inputs.validation
        golden = golden_samples(winner, logits, rows.items, rows.labels, run.recipe.export.golden_samples)
        gates = [gate for variant in record.variants for gate in variant.gates]
        if (spare := fallback(reports, run.recipe)) is not None and spare.refusals(run.recipe):
            console.log(f"{spare.name} stays in the artifact: its answers are right, and it runs on any processor")
        quality = measured_quality(logits, setting)
        per_class = per_class_record(setting.task, logits, rows.labels, setting.inputs.labels)
        final = final_artifact(reports, winner, setting, gates, golden, quality, decision)
    ended = {
        "calibration": calibration,
        "per_class": per_class,
        "metrics": quality.metrics,
        "decision": decision,
        "artifact": final.name,
    }
    run.finish(EXPORT, record.model_copy(update={**ended, "seconds": time.monotonic() - started}))
    return final


def _prepare(run: Run, folder: Path, provider: str) -> ExportSetting:
    inputs = gather(run)
    reference = student_reference(run, inputs)
    with console.step("exporting the graph"):
        graph = export_graph(inputs.student, folder / "raw.onnx", run.recipe.export.engine)
        divide_logits(graph.path, reference.graph_temperature)
    return ExportSetting(
        run=run,
        inputs=inputs,
        reference=reference,
        graph=graph,
        provider=provider,
        threads=effective_cpus(),
        folder=folder,
    )
