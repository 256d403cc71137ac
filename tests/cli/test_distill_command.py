"""``distill`` and ``run`` where a model has learned nothing: the table, the report, the message, exit code 3."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from ackd_deploy.cli import cli

LOST = ("teacher.finetune.learning_rate=1e-12", "gates.above_chance=true", "distill.baselines=[]")


def invoke(command: str, recipe: Path, *arguments: str):
    sets = [part for assignment in LOST for part in ("--set", assignment)]
    return CliRunner().invoke(cli, [command, str(recipe), "--runs", str(recipe.parent / "runs"), *sets, *arguments])


def test_a_teacher_at_chance_ends_both_with_what_to_do(tiny_recipe: Path) -> None:
    done = invoke("distill", tiny_recipe)
    assert done.exit_code == 3, done.stderr
    assert "always 'negative'" in done.stdout
    assert "the teacher does not pass the gates on its quality" in done.stderr
    assert "hint: do texts and labels belong together" in " ".join(done.stderr.split())
    again = invoke("distill", tiny_recipe, "--json")
    assert again.exit_code == 3
    rows = json.loads(again.stdout)["rows"]
    assert [(row["key"], row["verdict"]) for row in rows if row["key"] != "tfidf"] == [
        ("constant", None),
        ("teacher", "fail"),
    ]
    whole = invoke("run", tiny_recipe)
    assert whole.exit_code == 3
    assert "does not pass" in whole.stderr
    page = (tiny_recipe.parent / "runs" / "tiny" / "report" / "index.html").read_text()
    assert "above chance: accuracy 50.0 %" in page
