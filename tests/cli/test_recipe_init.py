"""recipe init: files of different shapes become recipes that load, are valid and run, without a question."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import yaml
from click.testing import CliRunner

from ackd_deploy.cli import cli
from ackd_deploy.recipe import load_recipe
from ackd_deploy.recipe.sections import HeldOut

WORDS = ("film", "story", "plot", "scene", "actor", "music")
SINGLE, MULTI, SCORE = "single_label_classification", "multi_label_classification", "regression"


def texts(count=120):
    return [f"the {WORDS[n % 6]} is {'dull' if n % 2 else 'warm'} and number {n}" for n in range(count)]


def comma_csv(folder):
    rows = [f'{n},"{text}, really",{"neg" if n % 2 else "pos"}' for n, text in enumerate(texts())]
    (folder / "data.csv").write_text("id,review,sentiment\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return folder / "data.csv", {"text": "review", "label": "sentiment", "problem_type": SINGLE}


def semicolon_cp1252(folder):
    rows = [f"{text}, schön für {n}; €;{n % 3}".replace("; €", " €") for n, text in enumerate(texts())]
    (folder / "daten.csv").write_bytes(("Text;Label\n" + "\n".join(rows) + "\n").encode("cp1252"))
    expected = {"text": "Text", "label": "Label", "problem_type": SINGLE, "delimiter": ";", "encoding": "cp1252"}
    return folder / "daten.csv", expected


def json_pairs(folder):
    labels = ("no", "yes", "maybe")
    rows = [{"premise": text, "hypothesis": f"it is {text}", "label": labels[n % 3]} for n, text in enumerate(texts())]
    (folder / "pairs.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder / "pairs.json", {"text": "premise", "text_pair": "hypothesis", "problem_type": SINGLE}


def jsonl_lists(folder):
    rows = [
        {"text": text, "tags": ["even"] * (n % 2 == 0) + ["three"] * (n % 3 == 0)} for n, text in enumerate(texts())
    ]
    (folder / "tags.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / "tags.jsonl", {"label": "tags", "problem_type": MULTI}


def class_folders(folder):
    for n, text in enumerate(texts()):
        file = folder / "films" / ("neg" if n % 2 else "pos") / f"{n}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    return folder / "films", {"text": "text", "label": "label", "problem_type": SINGLE}


def parquet_regression(folder):
    table = pyarrow.table({"sentence": texts(), "score": [n / 7 for n in range(120)]})
    pyarrow.parquet.write_table(table, folder / "scores.parquet")
    return folder / "scores.parquet", {"text": "sentence", "label": "score", "problem_type": SCORE}


def invoke(*arguments, code=0):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def distill(recipe):
    """Run a recipe with little training: one of random weights learns nothing of it, and the gates would say so."""
    gates = ["gates.above_chance=false", "gates.min_per_class=null", "gates.max_drop_from_teacher=null"]
    faster = ["distill.epochs=1", "distill.baselines=[]", "distill.precision=fp32", *gates]
    if load_recipe(recipe).teacher.finetune:
        faster += ["teacher.finetune.epochs=1"]
    return invoke("distill", recipe, *(word for value in faster for word in ("--set", value)))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "write", [comma_csv, semicolon_cp1252, json_pairs, jsonl_lists, class_folders, parquet_regression]
)
def test_files_of_six_shapes(write, here, tiny_teacher):
    source, expected = write(here)
    result = invoke("recipe", "init", source, "--model", tiny_teacher)
    file = Path(f"{source.stem}.yaml")
    assert f"next: ackd-deploy run {file}" in result.stdout
    recipe = load_recipe(file)
    assert {key: getattr(recipe.data, key) for key in expected} == expected
    assert recipe.data.validation == HeldOut(share=0.2)
    assert recipe.data.on_error == "stop"
    assert (recipe.teacher.model, recipe.student.layers) == (str(tiny_teacher), 2)
    (found,) = json.loads(invoke("recipe", "validate", file, "--json").stdout)
    parts = {part["name"]: part["rows"] for part in found["profile"]["parts"]}
    assert sum(parts.values()) == 120
    assert 20 <= parts["validation"] <= 28
    assert found["profile"]["lengths"]["unit"] == "tokens"
    assert found["profile"]["lengths"]["max_length"] == recipe.data.max_length


@pytest.mark.parametrize("write", [comma_csv, parquet_regression])
def test_the_recipe_runs(write, here, tiny_teacher):
    source, _ = write(here)
    invoke("recipe", "init", source, "--model", tiny_teacher)
    recipe = f"{source.stem}.yaml"
    distill(recipe)
    run = json.loads(Path("runs", source.stem, "run.json").read_text(encoding="utf-8"))
    record = next(entry for name, entry in run["stages"].items() if name.startswith("student"))["record"]
    assert record["train_rows"] + record["validation_rows"] == 120


def test_rows_that_cannot_be_read_are_skipped_by_the_recipe_and_named(here, tiny_teacher):
    source, _ = comma_csv(here)
    with source.open("a", encoding="utf-8") as stream:
        stream.write("121,,pos\n122,a text\n")
    invoke("recipe", "init", source, "--model", tiny_teacher)
    recipe = load_recipe("data.yaml")
    assert recipe.data.on_error == "skip"
    assert "2 rows cannot be read" in Path("data.yaml").read_text(encoding="utf-8")
    result = distill("data.yaml")
    assert "data.train: 2 rows skipped, which cannot be read" in result.stderr
    lines = Path("runs/data/skipped.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["number"] for line in lines] == [122, 123]
    inputs = json.loads(Path("runs/data/run.json").read_text(encoding="utf-8"))["inputs"]
    assert "data.train (the rows skipped)" in inputs


def test_what_was_found_stands_in_comments_and_nothing_else_changes(here, tiny_teacher):
    source, _ = comma_csv(here)
    with source.open("a", encoding="utf-8") as stream:
        stream.write(
            '200,"the film is warm and number 0, really",neg\n' + "".join(f"{n},rare {n},odd\n" for n in range(4))
        )
    invoke("recipe", "init", source, "--model", tiny_teacher, "-o", "mine.yaml")
    content = Path("mine.yaml").read_text(encoding="utf-8")
    assert "1 text in 2 rows with different labels (line 2, 122)" in content
    assert "# class_weights: balanced" in content
    assert "# metric: macro_f1" in content
    bare = "\n".join(line for line in content.splitlines() if not line.lstrip().startswith("#"))
    assert yaml.safe_load(bare) == yaml.safe_load(content)


def test_a_teacher_that_knows_the_labels_is_not_trained(here, tiny_teacher):
    rows = "".join(f"{text},{'negative' if n % 2 else 'positive'}\n" for n, text in enumerate(texts()))
    Path("known.csv").write_text("text,label\n" + rows, encoding="utf-8")
    invoke("recipe", "init", "known.csv", "--model", tiny_teacher)
    assert load_recipe("known.yaml").teacher.finetune is None


def test_without_a_teacher_the_hubs_is_named_and_its_absence_told(here):
    comma_csv(here)
    result = invoke("recipe", "init", "data.csv")
    assert load_recipe("data.yaml").teacher.model == "google-bert/bert-base-uncased"
    assert "hub cannot be reached" in result.stderr
    assert "--set teacher.model=DIR" in result.stderr
    semicolon_cp1252(here)
    invoke("recipe", "init", "daten.csv")
    assert load_recipe("daten.yaml").teacher.model == "google-bert/bert-base-multilingual-cased"


def test_options_tell_what_a_guess_gets_wrong(here, tiny_teacher):
    rows = "".join(f"title {n},body {n} of a text,{n % 2},{n // 2 % 2},{n}\n" for n in range(60))
    Path("odd.csv").write_text("title,body,a,b,c\n" + rows, encoding="utf-8")
    given = ["--text", "title", "--label", "a", "--label", "b", "--output", "x.yaml"]
    result = invoke("recipe", "init", "odd.csv", "--model", tiny_teacher, *given, "--json")
    data = load_recipe("x.yaml").data
    assert (data.text, data.label, data.problem_type) == ("title", ["a", "b"], MULTI)
    assert json.loads(result.stdout)["profile"]["label"] == ["a", "b"]
    assert "other columns with text: 'body'" in Path("x.yaml").read_text(encoding="utf-8")
    assert "already exists" in invoke("recipe", "init", "odd.csv", "--output", "x.yaml", code=2).stderr
    invoke("recipe", "init", "odd.csv", "--label", "c", "--task", "regression", "--model", tiny_teacher, "-o", "y.yaml")
    assert load_recipe("y.yaml").data.problem_type == SCORE
    assert "no column 'd'" in invoke("recipe", "init", "odd.csv", "--label", "d", "-o", "z.yaml", code=2).stderr
    assert not Path("z.yaml").exists()


def test_a_file_of_its_own_for_validation(here, tiny_teacher):
    source, _ = comma_csv(here)
    held = here / "held.csv"
    held.write_text("".join(source.read_text(encoding="utf-8").splitlines(keepends=True)[:20]), encoding="utf-8")
    invoke("recipe", "init", source, "--validation", held, "--model", tiny_teacher)
    assert load_recipe("data.yaml").data.validation == str(held)
    assert "19 rows stand in the training data too" in Path("data.yaml").read_text(encoding="utf-8")


def test_files_that_are_no_data(here):
    Path("empty.csv").write_text("text,label\n", encoding="utf-8")
    assert "holds no rows" in invoke("recipe", "init", "empty.csv", code=5).stderr
    assert "there is no file" in invoke("recipe", "init", "absent.csv", code=5).stderr
    assert not Path("empty.yaml").exists()


def test_the_name_of_a_recipe_still_gives_one_to_be_completed(here):
    invoke("recipe", "init", "mine.yaml", "--train", "t.csv", "--validation", "v.csv", "--model", "m")
    recipe = load_recipe("mine.yaml")
    assert (recipe.data.train, recipe.data.validation, recipe.teacher.model) == ("t.csv", "v.csv", "m")
    assert "is a recipe's name" in invoke("recipe", "init", "other.yaml", "--text", "x", code=2).stderr
    assert "recipe init t.csv" in invoke("recipe", "init", "data.csv", "--train", "t.csv", code=2).output
