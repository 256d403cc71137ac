"""What a run says of its data before it trains."""

import json

from ackd_deploy.data.profile import Profile
from ackd_deploy.distill.pipeline import opened_context
from ackd_deploy.distill.tell_data import tell_data
from ackd_deploy.run import Run


def told(run, capsys):
    with opened_context(run, "cpu") as context:
        tell_data(context)
    return capsys.readouterr().err


def test_rows_that_are_cut_are_told(new_run, capsys):
    said = told(new_run("data.max_length=8"), capsys)
    assert "96 of 96 training rows (100 %) are longer than what is read of them" in said
    assert "of 32 validation rows" in said
    windows = told(new_run("data.max_length=8", "data.long_texts=windows", name="other"), capsys)
    assert "longer than what is read" not in windows


def test_the_profile_is_kept_and_wrong_labels_are_told(new_run, tiny_data, tmp_path, capsys):
    train = tmp_path / "train.csv"
    content = (tiny_data / "train.csv").read_text(encoding="utf-8")
    train.write_text(content + "train 0 a warm and funny film about friendship,negative\n", encoding="utf-8")
    run = new_run(f"data.train={train}")
    said = told(run, capsys)
    assert "train: 1 text in 2 rows with different labels (line 2, 98 ...)" in said
    profile = Profile.model_validate(json.loads(run.path("profile.json").read_text(encoding="utf-8")))
    assert [(part.name, part.rows) for part in profile.parts] == [("train", 97), ("validation", 32)]
    assert profile.lengths.unit == "tokens"
    # --fresh knows both files as the run's own.
    run.path("skipped.jsonl").write_text("{}\n", encoding="utf-8")
    Run.open(run.folder, run.recipe, fresh=True)
    assert not run.path("profile.json").exists()
    assert not run.path("skipped.jsonl").exists()
    assert {entry.name: entry.rows["train"] for entry in profile.classes} == {"negative": 49, "positive": 48}
