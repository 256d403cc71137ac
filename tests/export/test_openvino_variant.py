"""OpenVINO among the export's variants: the same gates, the same file, and a word where it is missing."""

import sys

import onnx
import pytest

from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.check.latency import Timing
from ackd_deploy.export import building, export_run, timing
from ackd_deploy.export.packaging import graph_files
from ackd_deploy.export.variants import BuiltVariant
from ackd_deploy.run import EXPORT
from ackd_deploy.runtime import Classifier, cpu_features
from ackd_deploy.runtime.verify import verify_artifact

pytest.importorskip("openvino")

BF16 = "bf16" in cpu_features()
ALL = {"variants": ["openvino", "fp32", "openvino_fp32"]}
# bfloat16 on a random student: its answers may change, and what is tested here is the way through the gates.
LENIENT = {"invariance_max_score_change": 0.2, "invariance_max_flips": 32}


@pytest.fixture
def latency_favors(monkeypatch):
    """Stands where timing stands, so that the winner is known; the real one is tested below."""

    def favor(winner):
        def timings(systems, workloads, **_):
            one = {}
            for system in systems:
                seconds = (1.0 if system.name == winner else 2.0,) * 3
                one[system.name] = Timing(system.name, seconds, seconds, None, 0.1, 1, 1)
            return dict.fromkeys(workloads, one)

        monkeypatch.setattr(timing, "measure", timings)

    return favor


def rows_of(run):
    return {row.name: row for row in run.record(EXPORT).variants}


def test_chosen_for_openvino_it_shares_the_graph_of_fp32(make_run, latency_favors):
    latency_favors("openvino_fp32")
    run = make_run(export=ALL, gates=LENIENT)
    folder = export_run(run)
    manifest = open_artifact(folder)
    assert manifest.chosen == "openvino_fp32"
    found = {variant.name: variant for variant in manifest.variants}
    assert (found["openvino_fp32"].engine, found["openvino_fp32"].precision) == ("openvino", "fp32")
    assert (found["fp32"].engine, found["fp32"].precision) == ("onnxruntime", "fp32")
    assert found["openvino"].precision == ("bf16" if BF16 else "fp32")
    assert found["openvino"].cpu_features == (["bf16"] if BF16 else [])
    assert {variant.file for variant in manifest.variants} == {"model.onnx"}
    assert list(folder.rglob("*.onnx")) == [folder / "model.onnx"]
    checks = {check.name: check.status for check in verify_artifact(folder, threads=1)}
    assert len(checks) > 3
    assert set(checks.values()) == {"pass"}
    # The bound for what claims fp32 holds for both engines; bfloat16's difference is shown and decides nothing.
    rows = rows_of(run)
    for name in ("fp32", "openvino_fp32"):
        parity = next(gate for gate in rows[name].gates if gate.gate == "parity")
        assert (parity.verdict, parity.bound) == ("pass", 1e-4)
    for name, row in rows.items():
        gates = {gate.gate for gate in row.gates}
        assert gates >= {"parity", "agreement", "batch flips", "batch score change", "size MB"}, name
    assert (rows["openvino"].engine, rows["fp32"].engine) == ("openvino", "onnxruntime")
    if BF16:
        half = next(gate for gate in rows["openvino"].gates if gate.gate == "parity")
        assert half.verdict == "info"
        assert half.figure > 1e-4


def test_its_answers_are_timed_by_the_worker_that_times_all(make_run):
    run = make_run(export={"variants": ["fp32", "openvino_fp32"]})
    export_run(run)
    row = rows_of(run)["openvino_fp32"]
    assert set(row.timings) == {"single", "batch"}
    assert row.timings["single"].resident_mb > 0
    assert row.timings["single"].load_seconds > 0
    assert row.latency_ratio > 0
    assert "latency single / teacher" in {gate.gate for gate in row.gates}


def test_a_graph_that_computes_something_else_fails_on_parity_under_openvino_too(make_run, latency_favors, monkeypatch):
    latency_favors("fp32")
    honest = building.build_variant

    def nudged(name, *arguments, **options):
        built = honest(name, *arguments, **options)
        if name == "openvino_fp32":
            model = onnx.load(built.path)
            weight = next(item for item in model.graph.initializer if sorted(item.dims) == [32, 64])
            changed = onnx.numpy_helper.to_array(weight) * 1.5
            weight.CopyFrom(onnx.numpy_helper.from_array(changed, weight.name))
            path = built.path.with_name("nudged.onnx")
            onnx.save(model, path)
            return BuiltVariant(**{**vars(built), "path": path})
        return built

    monkeypatch.setattr(building, "build_variant", nudged)
    run = make_run(export={"variants": ["fp32", "openvino_fp32"]})
    folder = export_run(run)
    row = rows_of(run)["openvino_fp32"]
    assert row.verdict == "fail"
    assert row.reasons[0].startswith("parity ")
    assert [variant.name for variant in open_artifact(folder).variants] == ["fp32"]


def test_where_it_is_missing_the_table_says_so_and_the_export_goes_on(make_run, latency_favors, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "openvino", None)
    latency_favors("fp32")
    run = make_run(export=ALL)
    folder = export_run(run)
    expected = "OpenVINO isn't installed (pip install 'ackd-deploy[openvino]')"
    for name in ("openvino", "openvino_fp32"):
        assert rows_of(run)[name].verdict == "fail"
        assert rows_of(run)[name].reasons == [expected]
    assert expected in " ".join(capsys.readouterr().out.split())
    assert open_artifact(folder).chosen == "fp32"
    assert Classifier.load(folder, threads=1).engine == "onnxruntime"


def test_without_bfloat16_it_runs_in_fp32_and_asks_for_no_feature(graphs, tmp_path):
    from ackd_deploy.export.quantization.search import Calibration
    from ackd_deploy.export.variants import build_variant

    _, graph = graphs["bert"]
    plain = build_variant("openvino", graph, tmp_path, calibration=Calibration([], []), features={"avx2", "avx512f"})
    assert (plain.engine, plain.precision, plain.cpu_features) == ("openvino", "fp32", ())
    half = build_variant("openvino", graph, tmp_path, calibration=Calibration([], []), features={"avx512_bf16", "bf16"})
    assert (half.precision, half.cpu_features, half.path) == ("bf16", ("bf16",), plain.path)


def test_variants_of_one_graph_share_its_file(tmp_path):
    fp32 = BuiltVariant("fp32", tmp_path / "a", "fp32")
    openvino = BuiltVariant("openvino", tmp_path / "a", "bf16", engine="openvino", cpu_features=("bf16",))
    int8 = BuiltVariant("int8_static", tmp_path / "b", "int8", cpu_features=("vnni",))
    built = [fp32, int8, openvino]
    assert graph_files(built, "openvino") == {
        "fp32": "model.onnx",
        "int8_static": "onnx/model_qint8_static_vnni.onnx",
        "openvino": "model.onnx",
    }
    assert graph_files(built, "int8_static") == {
        "fp32": "onnx/model_fp32.onnx",
        "int8_static": "model.onnx",
        "openvino": "onnx/model_fp32.onnx",
    }
