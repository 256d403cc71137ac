import contextlib
import io
import os
import re
import subprocess
import sys

import pytest
import yaml
from huggingface_hub import ModelCard

from ackd_deploy.artifact import Manifest, open_artifact
from ackd_deploy.artifact.card import render_card
from ackd_deploy.run.records import GateRecord
from tests.artifact.test_schema import ABSTAIN, DECISION, PLAIN
from tests.artifact_builder import build_artifact


def test_card_of_a_real_artifact(tiny_artifact):
    card = (tiny_artifact / "README.md").read_text()
    manifest = open_artifact(tiny_artifact)
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["pipeline_tag"] == "text-classification"
    assert "reconstruction" in body
    assert "negative, positive" in body
    for variant in manifest.variants:
        assert f"{variant.size_bytes / 1e6:.1f}" in body
    assert "one row at a time" in body


def test_gates_are_shown_and_none_invented():
    # Of the class that an export writes, so that the card knows each of its fields.
    failed = GateRecord(
        gate="accuracy drop", variant="int8", verdict="fail", figure=0.71234567, bound=0.5, n=872, interval=(-0.1, 1.2)
    )
    shown = GateRecord(gate="parity", variant="fp16", verdict="info", figure=None, detail="largest at row 3")
    gates = [gate.model_dump(mode="json") for gate in (failed, shown)]
    card = render_card(Manifest.model_validate({**PLAIN, "gates": gates}))
    assert "| accuracy drop | int8 | fail | 0.7123 | 0.5 | 872 | -0.1, 1.2 |  |" in card
    assert "| parity | fp16 | info |  |  |  |  | largest at row 3 |" in card
    assert "Gates" not in render_card(Manifest.model_validate(PLAIN))


def test_names_cannot_smuggle_markup():
    card = render_card(
        Manifest.model_validate({**PLAIN, "name": "x | y <script>alert(1)</script>", "labels": ["[a](b)", "`c`"]})
    )
    assert "<script>" not in card
    assert "\\<script\\>" in card
    assert "\\[a\\](b), \\`c\\`" in card


def test_template_code_in_a_value_is_text():
    card = render_card(Manifest.model_validate({**PLAIN, "provenance": {"note": "{{ 6 * 7 }}"}}))
    assert "{{ 6 \\* 7 }}" in card


QUALITY = {
    "metric": "macro_f1", "value": 0.8123, "interval": [0.79, 0.83], "rows": 1200,
    "metrics": {"accuracy": 0.861, "macro_f1": 0.8123, "f1:yes": 0.7}, "teacher": 0.83, "constant": 0.4,
    "classes": [{"name": "no", "precision": 0.9, "recall": 0.95, "f1": 0.924, "support": 800},
                {"name": "yes", "precision": 0.75, "recall": 0.656, "f1": 0.7, "support": 400}],
}  # fmt: skip
CARD = {
    "license": "apache-2.0", "language": ["en", "no"], "base_model": "google-bert/bert-base-uncased",
    "base_model_relation": "quantized", "datasets": ["nyu-mll/glue"], "validation": "nyu-mll/glue",
}  # fmt: skip


def card_of(**change):
    return render_card(Manifest.model_validate({**PLAIN, "provenance": {"method": "ackd"}, **change}))


def test_how_good_it_is_stands_first():
    card = card_of(quality=QUALITY)
    assert "| **this model** | **81.2** (95 %: 79.0 to 83.0) |" in card
    assert "On 1,200 validation rows." in card
    assert "| the classifier that it was made from | 83.0 |" in card
    assert "| the same answer for every row | 40.0 |" in card
    assert "Also: accuracy 86.1 %, F1 of yes 70.0 %." in card
    assert "| yes | 75.0 | 65.6 | 70.0 | 400 |" in card
    assert card.index("How good it is") < card.index("## Gates" if "## Gates" in card else "## Variants")
    assert "How good" not in card_of()


def test_a_correlation_is_no_percentage():
    quality = {"metric": "pearson", "value": 0.8123, "rows": 50, "metrics": {"pearson": 0.8123, "mse": 0.25}}
    card = card_of(problem_type="regression", labels=["score"], quality=quality)
    assert "| **this model** | **0.812** |" in card
    assert "Also: MSE 0.25." in card


def test_metadata_are_what_the_hub_reads():
    """The hub's own library parses the block, the results included, and refuses a malformed one."""
    data = ModelCard(card_of(quality=QUALITY, card=CARD), ignore_metadata_errors=False).data
    assert (data.license, data.language) == ("apache-2.0", ["en", "no"])
    assert (data.base_model, data.base_model_relation) == ("google-bert/bert-base-uncased", "quantized")
    assert data.datasets == ["nyu-mll/glue"]
    assert data.metrics == ["accuracy", "f1"]
    assert data.model_name == "n"
    found = {(row.metric_name, row.metric_type, row.metric_value) for row in data.eval_results}
    assert found == {("accuracy", "accuracy", 0.861), ("macro F1", "f1", 0.8123), ("F1 of yes", "f1", 0.7)}
    assert {row.dataset_type for row in data.eval_results} == {"nyu-mll/glue"}
    assert {row.task_type for row in data.eval_results} == {"text-classification"}


def test_nothing_is_said_that_the_recipe_did_not_say():
    data = ModelCard(card_of(), ignore_metadata_errors=False).data
    assert data.license is data.language is data.base_model is data.datasets is data.eval_results is None


@pytest.mark.parametrize(
    ("method", "words", "not_words"),
    [
        ("ackd", "reconstruction", "Hinton"),
        ("kd", "Hinton et al. 2015", "ACKD"),
        ("finetune", "nothing was distilled", "ACKD"),
        (None, "that existed already", "ACKD"),
    ],
)
def test_the_method_is_the_one_that_was_used(method, words, not_words):
    body = card_of(provenance={} if method is None else {"method": method})
    assert words in body
    assert not_words not in body
    assert ("distillation" in yaml.safe_load(body.split("---\n")[1])["tags"]) == (method in {"ackd", "kd"})


def snippets(card, language):
    return re.findall(rf"```{language}\n(.*?)```", card, flags=re.DOTALL)


@pytest.mark.parametrize("pairs", [False, True])
def test_snippets_run_as_they_stand(artifact_scratch, tmp_path, monkeypatch, pairs):
    folder = build_artifact(tmp_path / "artifact", artifact_scratch, pairs=pairs)
    python = snippets((folder / "README.md").read_text(), "python")
    assert len(python) == 2
    monkeypatch.chdir(folder)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(python[0], {})
    assert "Prediction(" in out.getvalue()
    pytest.importorskip("optimum.onnxruntime")
    done = subprocess.run([sys.executable, "-c", python[1]], capture_output=True, text=True, env={**os.environ})
    assert "tensor(" in done.stdout, done.stderr


def test_an_example_that_a_shell_or_markdown_would_read_is_not_shown():
    for text in ("it's", 'say "x"', "`ls`", "a\\b", "x" * 201):
        golden = [{"text": text, "label": "no", "scores": [1.0, 0.0], "example": True}]
        assert text not in card_of(golden=golden)
    golden = [{"text": "ein schöner Film", "label": "no", "scores": [1.0, 0.0], "example": True}]
    assert card_of(golden=golden).count("ein schöner Film") == 3


def test_how_it_decides():
    decision = {**DECISION, "metric": "macro_f1", "abstain": ABSTAIN}
    card = render_card(Manifest.model_validate({**PLAIN, "decision": decision}))
    assert "in place of the larger of two scores; tuned for macro F1 on 40 rows" in card
    assert "| yes | 0.3 |" in card
    assert (
        "Answers are marked `review` below a confidence of 0.7, chosen for a coverage of 50 % on 100 rows that nothing "
        "was trained on. Of 200 validation rows, 50.0 % (95 %: 40.0 to 60.0) are accepted; 90.0 % (95 %: 80.0 to 95.0) "
        "of these are right."
    ) in card
    plain = render_card(Manifest.model_validate(PLAIN))
    assert "What decides" not in plain
    assert "leaves the answer" not in plain
