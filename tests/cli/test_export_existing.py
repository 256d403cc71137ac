"""``export --model``: a classifier that exists already, from its folder to a gated artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ackd_deploy.artifact import open_artifact
from ackd_deploy.check.latency import Timing
from ackd_deploy.cli import cli
from ackd_deploy.cli.existing import Given, existing_recipe
from ackd_deploy.errors import DataError
from ackd_deploy.export import timing
from ackd_deploy.recipe import parse_recipe
from ackd_deploy.run import BASELINES, EXPORT, TEACHER, Run, student_stage
from ackd_deploy.runtime.verify import verify_artifact
from tests.export.families import save_model
from tests.records import model_record, student_record
from tests.unjudged import UNJUDGED_KEYS

LOOSE = [
    "export.engine=torch",
    "export.latency_all_threads=false",
    f"gates={{{UNJUDGED_KEYS}, parity_rows: 16, max_latency_ratio: null, max_accuracy_drop: 100, "
    "max_error_growth: 100, min_agreement: 0}",
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Timing starts PyTorch in another process, which these tests need not."""

    def timings(systems: Any, workloads: Any, **_: Any) -> Any:
        one = {s.name: Timing(s.name, (1.0,) * 3, (1.0,) * 3, None, 0.1, 1, 1) for s in systems}
        return dict.fromkeys(workloads, one)

    monkeypatch.setattr(timing, "measure", timings)
    monkeypatch.chdir(tmp_path)


def export(model: Path, data: Path, *arguments: str) -> Result:
    sets = [part for assignment in LOOSE for part in ("--set", assignment)]
    command = ["export", "--onnx", "--model", str(model), "--data", str(data), *sets, *arguments]
    return CliRunner().invoke(cli, command)


def test_it_is_gated_packaged_and_reported_without_distilling(tiny_teacher: Path, tiny_data: Path) -> None:
    folder = Path("runs") / tiny_teacher.name
    calibrated = ("--calibration", f"{tiny_data}/train.csv", "--set", "data.calibration_rows=32")
    done = export(tiny_teacher, tiny_data / "validation.csv", *calibrated)
    assert done.exit_code == 0, done.stderr
    run = Run.load(folder)
    assert run.stages() == [BASELINES, TEACHER, EXPORT]
    facts = run.record(EXPORT)
    assert [variant.name for variant in facts.variants] == ["fp32", "int8_dynamic", "int8_weight_only", "int8_static"]
    assert facts.variant("fp32").gate("parity").verdict == "pass"  # type: ignore[union-attr]
    assert facts.latency.ratios == {"teacher": 1.0}
    assert run.record(TEACHER).train_rows == 0
    manifest = open_artifact(folder / "artifact")
    assert manifest.provenance["mode"] == "existing classifier, no distillation"
    assert manifest.provenance["model"] == tiny_teacher.name
    assert "method" not in manifest.provenance
    assert manifest.max_length == 64
    assert {check.status for check in verify_artifact(folder / "artifact")} <= {"pass", "skip"}
    page = (folder / "report" / "index.html").read_text()
    card = (folder / "artifact" / "README.md").read_text()
    for text in (page, card, done.output):
        assert "ACKD" not in text
        assert "student" not in text.lower()
    assert "classifier, PyTorch" in done.stdout
    recipe = (folder / "recipe.yaml").read_text()
    assert "method: none" in recipe
    assert "student:" not in recipe

    # The same again has nothing to do; other commands find the run as they find a distilled one.
    before = (folder / "artifact" / "ackd.json").read_bytes()
    again = export(tiny_teacher, tiny_data / "validation.csv", *calibrated, "--json")
    assert again.exit_code == 0, again.stderr
    assert "already holds this classifier" in again.stderr
    assert "export: already done" in again.stderr
    assert (folder / "artifact" / "ackd.json").read_bytes() == before
    printed = json.loads(again.stdout)
    assert printed["chosen"] == manifest.chosen
    assert Path(printed["report"]).is_file()
    assert CliRunner().invoke(cli, ["report"]).exit_code == 0
    # Re-export with other bounds, by the run alone.
    strict = CliRunner().invoke(cli, ["export", "--set", "gates.max_size_mb=0.0001"])
    assert strict.exit_code == 3, strict.stderr
    assert Run.load(folder).record(EXPORT).chosen is None


def test_other_content_and_other_options_are_exported_again(
    tiny_teacher: Path, tiny_data: Path, tmp_path: Path
) -> None:
    # Other spelling, other order: ids follow the model's names.
    rows = (tiny_data / "validation.csv").read_text().replace(",positive", ",Positive").splitlines()
    data = tmp_path / "mine.csv"
    data.write_text("\n".join(rows) + "\n")
    small = ("--run", "out", "--set", "export.variants=[fp32]")
    first = export(tiny_teacher, data, *small)
    assert first.exit_code == 0, first.stderr
    assert "left out" in first.stderr
    assert open_artifact(Path("out/artifact")).labels == ["negative", "positive"]
    rows[1:] = rows[2:] + rows[1:2]
    data.write_text("\n".join(rows[:20]) + "\n")
    second = export(tiny_teacher, data, *small)
    assert second.exit_code == 0, second.stderr
    assert "data.validation: other content than before" in second.stderr
    assert Run.load("out").record(EXPORT).validation_rows == 19
    third = export(tiny_teacher, data, *small, "--max-length", "16")
    assert third.exit_code == 0, third.stderr
    assert open_artifact(Path("out/artifact")).max_length == 16


def test_nothing_is_calibrated_on_the_rows_that_judge(tiny_teacher: Path, tiny_data: Path) -> None:
    data = tiny_data / "validation.csv"
    assert "int8_static" not in existing_recipe(given(tiny_teacher, data)).export.variants
    for assignment, words in (("variants=[fp32, int8_static]", "int8_static"), ("fit_temperature=true", "temperature")):
        refused = export(tiny_teacher, data, "--set", f"export.{assignment}")
        assert refused.exit_code == 2
        assert words in refused.stderr
        assert "data.train" in refused.stderr


def given(model: Path, data: Path | None, **changed: Any) -> Given:
    plain: dict[str, Any] = dict.fromkeys(("calibration", "text", "text_pair", "problem_type", "max_length"))
    return Given(**{"model": str(model), "data": data, "label": (), **plain, **changed})


@pytest.mark.parametrize(
    ("config", "label", "expected"),
    [
        ({"problem_type": "multi_label_classification"}, (), "multi_label_classification"),
        ({"problem_type": None, "id2label": {"0": "LABEL_0"}}, (), "regression"),
        ({"problem_type": None, "id2label": {"0": "a", "1": "b"}}, (), "single_label_classification"),
        ({"problem_type": None, "id2label": {"0": "a", "1": "b"}}, ("a", "b"), "multi_label_classification"),
        # As transformers writes two labels without names.
        ({"problem_type": None, "id2label": None}, (), "single_label_classification"),
    ],
)
def test_the_task_is_told_by_the_configuration(
    config: dict[str, Any], label: tuple[str, ...], expected: str, tiny_teacher: Path, tmp_path: Path
) -> None:
    recipe = existing_recipe(given(changed_model(tiny_teacher, tmp_path, **config), Path("v.csv"), label=label))
    assert recipe.data.problem_type == expected


def test_a_task_that_is_none_is_refused_and_an_option_overrides_it(tiny_teacher: Path, tmp_path: Path) -> None:
    model = changed_model(tiny_teacher, tmp_path, problem_type="token_classification")
    with pytest.raises(DataError, match="token_classification"):
        existing_recipe(given(model, Path("v.csv")))
    told = existing_recipe(given(model, Path("v.csv"), problem_type="regression", text="review", label=("stars",)))
    assert (told.data.problem_type, told.data.text, told.data.label) == ("regression", "review", "stars")


def changed_model(model: Path, tmp_path: Path, **changed: Any) -> Path:
    """The model's folder with other keys in its configuration; the weights do not matter."""
    folder = tmp_path / "model"
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = {**json.loads((folder / "config.json").read_text()), **changed}
    content = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "somewhere"], "--model needs --data"),
        (["--data", "v.csv", "--text-pair", "b"], "--data, --text-pair without --model"),
    ],
)
def test_options_that_belong_together(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(cli, ["export", *arguments])
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_run_with_something_trained_is_not_touched(tiny_teacher: Path, tiny_data: Path) -> None:
    recipe = f"data: {{train: {tiny_data}/train.csv, validation: v.csv}}\nteacher: {{model: {tiny_teacher}}}"
    run = Run.open("trained", parse_recipe(recipe))
    run.finish(student_stage("ackd"), model_record(student=student_record()))
    refused = export(tiny_teacher, tiny_data / "validation.csv", "--run", "trained")
    assert refused.exit_code == 2, refused.stderr
    assert "holds a run of another recipe" in refused.stderr
    assert Run.load("trained").stages() == [student_stage("ackd")]


@pytest.mark.parametrize(
    ("problem_type", "labels", "columns"),
    [
        ("regression", {0: "LABEL_0"}, ("--label", "stars", "--text", "review")),
        ("multi_label_classification", {0: "funny", 1: "sad"}, ("--label", "sad", "--label", "funny")),
        ("single_label_classification", {0: "no", 1: "yes"}, ("--text-pair", "other", "--label", "same")),
    ],
    ids=["regression", "multi-label", "pairs"],
)
def test_every_task(
    problem_type: str, labels: dict[int, str], columns: tuple[str, ...], tiny_teacher: Path, tmp_path: Path
) -> None:
    vocabulary = json.loads((tiny_teacher / "config.json").read_text())["vocab_size"]
    model = save_model("bert", tmp_path / "model", vocab_size=vocabulary, labels=labels, problem_type=problem_type)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (model / name).write_bytes((tiny_teacher / name).read_bytes())
    rows = [
        f"film {n} funny {n % 5},film {n} warm,{n / 7},{n % 2},{n // 2 % 2},{'yes' if n % 3 else 'no'}"
        for n in range(24)
    ]
    lines = ["text,other,stars,funny,sad,same", *rows]
    (tmp_path / "v.csv").write_text(
        "\n".join(lines).replace("text", "review" if problem_type == "regression" else "text")
    )
    done = export(model, tmp_path / "v.csv", *columns, "--run", "out", "--set", "export.variants=[fp32]")
    assert done.exit_code == 0, done.stderr
    manifest = open_artifact(Path("out/artifact"))
    assert manifest.problem_type == problem_type
    assert manifest.labels == (["score"] if problem_type == "regression" else list(labels.values()))
    assert manifest.text_pairs is ("--text-pair" in columns)
