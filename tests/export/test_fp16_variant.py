"""fp16 among the export's variants: judged for its answers on a CPU, kept for GPUs, never served on the CPU."""

import onnx
import pytest
from onnx import TensorProto

from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.check.gates import GateResult
from ackd_deploy.check.latency import Timing
from ackd_deploy.errors import GateFailed
from ackd_deploy.export import export_run, pipeline, timing
from ackd_deploy.export.selection import choose
from ackd_deploy.export.variant_report import VariantReport
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import EXPORT
from ackd_deploy.runtime import Classifier

VARIANTS = {"variants": ["fp32", "fp16"]}


@pytest.fixture
def timed(monkeypatch):
    """Stands where timing stands; returns the names of what was to be timed."""
    names = []

    def timings(systems, workloads, **_):
        names.extend(system.name for system in systems)
        one = {s.name: Timing(s.name, (1.0,) * 3, (1.0,) * 3, None, 0.1, 1, 1) for s in systems}
        return dict.fromkeys(workloads, one)

    monkeypatch.setattr(timing, "measure", timings)
    return names


def test_it_is_judged_and_kept_but_neither_timed_nor_served_on_a_cpu(make_run, timed, capsys):
    run = make_run(export=VARIANTS, gates={"min_agreement": 0.99, "invariance_max_score_change": 0.05})
    folder = export_run(run)
    manifest = open_artifact(folder)
    assert manifest.chosen == "fp32"
    assert "fp16" not in timed
    variant = manifest.variant("fp16")
    assert (variant.precision, variant.for_gpu, variant.engine) == ("fp16", True, "onnxruntime")
    assert variant.file == "onnx/model_fp16.onnx"
    assert variant.size_bytes < 0.75 * manifest.variant("fp32").size_bytes
    row = next(row for row in run.record(EXPORT).variants if row.name == "fp16")
    # All 32 rows agree, or it would fail; Wilson's lower end of 32 of 32 is 32 / (32 + 1.96²) = 0.893, below the bound.
    assert row.verdict == "undecided"
    assert row.for_gpu
    assert row.latency_ratio is None
    gates = {gate.gate: gate for gate in row.gates}
    assert gates.keys() >= {"parity", "fusion", "agreement", "batch flips", "size MB"}
    assert gates["parity"].verdict == "info"
    assert 0 < gates["parity"].figure < 0.1
    assert gates["fusion"].verdict == "pass"
    assert ", for GPUs" in capsys.readouterr().out
    kinds = {item.data_type for item in onnx.load(folder / variant.file).graph.initializer}
    assert TensorProto.FLOAT16 in kinds
    assert TensorProto.FLOAT not in kinds
    assert Classifier.load(folder, threads=1, variant="fp16").logits(["a warm film"]).shape == (1, 2)


def test_alone_in_passing_it_is_no_artifact_for_a_cpu(make_run, timed, monkeypatch):
    honest = pipeline.check_variant

    def check(report, *arguments):
        honest(report, *arguments)
        if report.name == "fp32":
            report.problem = "planted"

    monkeypatch.setattr(pipeline, "check_variant", check)
    run = make_run(export=VARIANTS, gates={"invariance_max_score_change": 0.05})
    with pytest.raises(GateFailed, match="fp16: meant for GPUs"):
        export_run(run)


def test_on_a_gpu_it_may_win(tmp_path):
    recipe = parse_recipe("data: {train: a.csv, validation: b.csv}\nteacher: {model: t}\n", source="test")

    def judgment(name, seconds, for_gpu):
        timing = Timing(name, (seconds,) * 3, (seconds,) * 3, None, 0.1, 1, 1)
        built = BuiltVariant(name, tmp_path / name, name, for_gpu=for_gpu)
        result = GateResult("agreement", name, "pass", 1.0, 0.99)
        return VariantReport(name, built, results=[result], size_bytes=1, timings={"single": timing, "batch": timing})

    found = [judgment("fp32", 2.0, False), judgment("fp16", 1.0, True)]
    assert choose(found, recipe, "cuda").name == "fp16"
    assert choose(found, recipe, "cpu").name == "fp32"
    assert choose(found, recipe, "CPUExecutionProvider").name == "fp32"
