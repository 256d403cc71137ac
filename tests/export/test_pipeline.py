"""The stage as a whole, on a tiny student; and each gate with a planted fault that it must find."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from scipy.special import softmax
from tokenizers import Tokenizer

from ackd_deploy.artifact.load import open_artifact
from ackd_deploy.errors import ArtifactError, GateFailed, RunMismatch
from ackd_deploy.export import building, export_run, fusion, outcome, packaging, timing
from ackd_deploy.export.inputs import gather
from ackd_deploy.export.quantization import search
from ackd_deploy.run import EXPORT, Run
from ackd_deploy.runtime import Classifier

FAST = {"variants": ["fp32"]}


@pytest.fixture
def no_latency(monkeypatch):
    """Timing starts PyTorch in another process; tests of other gates need none of it."""
    from ackd_deploy.check.latency import Timing

    def timings(systems, workloads, **_):
        one = {s.name: Timing(s.name, (1.0,) * 3, (1.0,) * 3, None, 0.1, 1, 1) for s in systems}
        return dict.fromkeys(workloads, one)

    monkeypatch.setattr(timing, "measure", timings)


def bare_scores(folder, file, texts):
    """The softmax of a graph's logits, with the tokenizer as its file stands."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(folder / file), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    rows = []
    for text in texts:
        encoded = tokenizer.encode(text)
        arrays = {
            "input_ids": encoded.ids,
            "attention_mask": encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
        }
        rows.append(session.run(["logits"], {name: np.array([arrays[name]]) for name in names})[0][0])
    return softmax(np.stack(rows), axis=1)


def test_all_variants_end_in_a_checked_artifact(make_run, capsys, monkeypatch):
    # So that there are more threads than the one that decides, also on a machine with a single processor.
    for module in (timing, outcome):
        monkeypatch.setattr(module, "effective_cpus", lambda: 2)
    run = make_run(
        export={
            "variants": ["fp32", "int8_dynamic", "int8_weight_only", "int8_static"],
            "fit_temperature": True,
            "latency_all_threads": True,
        }
    )
    folder = export_run(run)
    assert folder == run.path("artifact")
    manifest = open_artifact(folder)
    facts = run.record(EXPORT)
    assert run.is_done(EXPORT)
    assert manifest.chosen == facts.chosen
    assert manifest.variant().file == "model.onnx"
    assert [row.name for row in facts.variants] == list(run.recipe.export.variants)
    passed = {row.name for row in facts.variants if row.verdict != "fail"}
    assert {variant.name for variant in manifest.variants} == passed
    assert manifest.variant("fp32").precision == "fp32"
    # The temperature is in every graph, so that whoever runs one has the scores that we serve.
    assert facts.calibration.temperature != 1.0
    assert manifest.temperature == 1.0
    assert manifest.provenance["temperature in the graph"] == facts.calibration.temperature
    for variant in manifest.variants:
        found = bare_scores(folder, variant.file, [sample.text for sample in manifest.golden])
        served = Classifier.load(folder, threads=1, variant=variant.name).classify([s.text for s in manifest.golden])
        np.testing.assert_allclose(found, [list(answer.scores.values()) for answer in served], atol=2e-3)
    assert len(manifest.golden) == 8
    assert facts.variant("fp32").gate("fusion").verdict == "pass"
    table = capsys.readouterr().out
    assert all(name in table for name in run.recipe.export.variants)
    fp32 = facts.variants[0]
    assert set(fp32.timings) == {"single", "batch", "single, 2 threads", "batch, 2 threads"}
    assert "2 threads each" in table
    assert fp32.latency_ratio > 0
    assert facts.latency.ratios["ackd"] > 0
    # What was written is read back as it was.
    assert Run.load(run.folder).record(EXPORT) == facts
    # What was gated is what answers.
    texts = [sample.text for sample in manifest.golden]
    for answer, sample in zip(Classifier.load(folder, threads=1).classify(texts), manifest.golden, strict=True):
        assert answer.label == sample.label
        assert list(answer.scores.values()) == pytest.approx(sample.scores, abs=1e-5)
    assert not list(run.folder.glob(".tmp-*"))


@pytest.mark.usefixtures("no_latency")
class TestFaults:
    def refused(self, run, words):
        older = run.path("artifact")
        older.mkdir()
        (older / "good.txt").write_text("an older artifact")
        with pytest.raises(GateFailed) as caught:
            export_run(run)
        assert caught.value.exit_code == 3
        assert words in caught.value.message
        assert [path.name for path in older.iterdir()] == ["good.txt"]
        assert not run.is_done(EXPORT)
        assert run.record(EXPORT).chosen is None
        assert not list(run.folder.glob(".tmp-*"))
        return {gate.gate: gate for gate in run.record(EXPORT).variants[0].gates}

    def plant(self, monkeypatch, edit):
        """Change the fused graph after it was written, as a faulty optimizer would."""
        honest = fusion.fuse

        def faulty(graph, target, **options):
            honest(graph, target, **options)
            model = onnx.load(target)
            edit(model)
            onnx.save(model, target)
            return fusion.count_fused(target)

        monkeypatch.setattr(fusion, "fuse", faulty)

    def test_swapped_inputs_fail_on_parity(self, make_run, monkeypatch):
        def swap(model):
            names = {"input_ids": "token_type_ids", "token_type_ids": "input_ids"}
            for node in model.graph.node:
                for place, name in enumerate(node.input):
                    node.input[place] = names.get(name, name)

        self.plant(monkeypatch, swap)
        gates = self.refused(make_run(export=FAST), "parity")
        assert gates["parity"].verdict == "fail"

    def test_a_frozen_batch_axis_fails_on_parity(self, make_run, monkeypatch):
        def freeze(model):
            for value in model.graph.input:
                value.type.tensor_type.shape.dim[0].dim_value = 1

        self.plant(monkeypatch, freeze)
        gates = self.refused(make_run(export=FAST), "parity")
        assert "invalid dimensions" in gates["parity"].detail

    def test_changed_weights_fail_on_parity(self, make_run, monkeypatch):
        def nudge(model):
            weight = next(item for item in model.graph.initializer if sorted(item.dims) == [32, 64])
            array = onnx.numpy_helper.to_array(weight).copy()
            array *= 1.5
            weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))

        self.plant(monkeypatch, nudge)
        self.refused(make_run(export=FAST), "parity")

    def test_broken_fusion_fails_though_the_answers_are_right(self, make_run, monkeypatch):
        import shutil

        def unfused(graph, target, **_):
            shutil.copyfile(graph.path, target)
            return fusion.count_fused(target)

        monkeypatch.setattr(fusion, "fuse", unfused)
        gates = self.refused(make_run(export=FAST), "fusion")
        assert "Attention 0 of 2" in gates["fusion"].detail
        assert gates["parity"].verdict == "pass"

    def test_a_mislabeled_artifact_fails_on_accuracy(self, make_run, monkeypatch):
        honest = packaging.make_manifest

        def mislabel(*arguments, **options):
            manifest = honest(*arguments, **options)
            return manifest.model_copy(update={"labels": manifest.labels[::-1]})

        def reader_files(student, folder):
            honest_copy(student, folder)
            config = json.loads((folder / "config.json").read_text())
            config["id2label"] = {"0": "positive", "1": "negative"}
            (folder / "config.json").write_text(json.dumps(config))

        honest_copy = packaging.copy_reader_files
        monkeypatch.setattr(packaging, "make_manifest", mislabel)
        monkeypatch.setattr(packaging, "copy_reader_files", reader_files)
        gates = self.refused(make_run(export=FAST, gates={"min_agreement": 0.99}), "agreement")
        assert gates["agreement"].figure == 0.0
        assert gates["parity"].verdict == "pass"

    def test_a_batch_dependent_variant_served_in_batches_is_refused(self, make_run, monkeypatch):
        from dataclasses import replace

        honest = building.build_variant

        def careless(*arguments, **options):
            return replace(honest(*arguments, **options), batch_sensitive=False)

        monkeypatch.setattr(building, "build_variant", careless)
        run = make_run(export={"variants": ["fp32", "int8_dynamic"]}, gates={"invariance_max_score_change": 1e-6})
        export_run(run)
        refused = {row.name: row.reasons for row in run.record(EXPORT).variants if row.verdict == "fail"}
        assert list(refused) == ["int8_dynamic"]
        assert any("batch score change" in reason for reason in refused["int8_dynamic"])
        assert open_artifact(run.path("artifact")).chosen == "fp32"

    def test_a_size_bound_refuses(self, make_run):
        self.refused(make_run(export=FAST, gates={"max_size_mb": 0.001}), "size MB")

    def test_rows_too_few_to_tell_are_refused_where_the_recipe_says_so(self, make_run):
        strict = {"min_agreement": 0.99, "undecided": "fail"}
        run = make_run(export=FAST, gates=strict)
        gates = self.refused(run, "agreement")
        assert gates["agreement"].verdict == "undecided"
        # The very same figures pass where the recipe lets the undecided through.
        run.path("artifact", "good.txt").unlink()
        run = make_run(export=FAST, gates={"min_agreement": 0.99, "undecided": "pass"})
        export_run(run)
        assert run.record(EXPORT).variants[0].verdict == "undecided"

    def test_latency_above_its_bound_refuses(self, make_run):
        self.refused(make_run(export=FAST, gates={"max_latency_ratio": 0.5}), "latency single / teacher")

    def test_a_variant_that_a_tool_fails_on_is_refused_and_fp32_is_served(self, make_run, monkeypatch):
        def broken(*_, **__):
            raise ValueError("incomplete symbolic shape inference")

        monkeypatch.setattr("onnxruntime.quantization.quantize_static", broken)
        run = make_run(export={"variants": ["fp32", "int8_static"]})
        export_run(run)
        rows = {row.name: row for row in run.record(EXPORT).variants}
        assert rows["int8_static"].reasons == ["cannot be built: ValueError: incomplete symbolic shape inference"]
        assert run.record(EXPORT).chosen == "fp32"

    def test_an_error_of_our_own_is_no_refused_variant(self, make_run, monkeypatch):
        """A bug must end with its traceback, and not with a variant less and exit code 0."""

        def typo(*_, **__):
            raise TypeError("quantize_static() got an unexpected keyword argument 'reduce_rnage'")

        monkeypatch.setattr(search, "quantize_static", typo)
        run = make_run(export={"variants": ["fp32", "int8_static"]})
        with pytest.raises(TypeError, match="reduce_rnage"):
            export_run(run)
        assert not run.is_done(EXPORT)

    def test_a_graph_that_cannot_be_fused_ends_the_export(self, make_run, monkeypatch):
        def broken(*_, **__):
            raise AttributeError("no such node")

        monkeypatch.setattr("onnxruntime.transformers.optimizer.optimize_model", broken)
        with pytest.raises(GateFailed, match="cannot be fused: AttributeError: no such node"):
            export_run(make_run(export=FAST))

    def test_a_student_whose_labels_changed_places_is_not_what_was_trained(self, make_run):
        run = make_run(export=FAST)
        found = run.record(run.student)
        run.finish(run.student, found.model_copy(update={"metrics": {"accuracy": found.value + 0.2}}))
        with pytest.raises(ArtifactError, match="its training recorded"):
            export_run(run)

    def test_no_text_leaves_where_the_recipe_wants_none(self, make_run):
        run = make_run(export={**FAST, "golden_samples": 0})
        manifest = open_artifact(export_run(run))
        assert manifest.golden == []

    def test_calibration_rows_are_training_rows(self, make_run):
        inputs = gather(make_run(export=FAST))
        assert all(text.startswith("train ") for text in inputs.calibration.texts)
        assert all(text.startswith("validation ") for text in inputs.validation.texts)
        assert len(np.unique(inputs.calibration.texts)) == 32


class TestWhatItStartsFrom:
    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
    def test_a_damaged_file_of_the_student_is_refused(self, make_run, name):
        run = make_run(export=FAST)
        file = run.path("student", name)
        file.write_bytes(file.read_bytes() + b" ")
        with pytest.raises(ArtifactError, match=rf"{name} is not the file that the training wrote"):
            gather(run)

    def test_data_that_changed_since_the_training_is_refused(self, make_run, tmp_path):
        run = make_run(export=FAST)
        changed = tmp_path / "validation.csv"
        changed.write_text(Path(run.recipe.data.validation).read_text() + "one more row,positive\n")
        data = run.recipe.data.model_copy(update={"validation": str(changed)})
        run.recipe = run.recipe.model_copy(update={"data": data})
        with pytest.raises(RunMismatch, match=r"data\.validation"):
            gather(run)
