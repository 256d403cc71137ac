import csv
import json

import pytest
from click.testing import CliRunner

from ackd_deploy.cli import cli
from ackd_deploy.runtime import Classifier
from tests.artifact_builder import SENTENCES, build_artifact


def predict(artifact, *arguments, stdin=None):
    return CliRunner().invoke(cli, ["predict", "--artifact", str(artifact), "--threads", "1", *arguments], input=stdin)


def lines(done):
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def expected(tiny_artifact):
    return [prediction.label for prediction in Classifier.load(tiny_artifact, threads=1).classify(SENTENCES)]


def test_arguments(tiny_artifact, expected):
    (first, second) = lines(predict(tiny_artifact, SENTENCES[0], SENTENCES[1]))
    assert [first["text"], second["text"]] == SENTENCES[:2]
    assert [first["label"], second["label"]] == expected[:2]
    assert first["score"] == max(first["scores"].values())
    assert first["truncated"] is False
    assert first["num_tokens"] > 2


def test_standard_input(tiny_artifact, expected):
    answers = lines(predict(tiny_artifact, stdin="\n".join(SENTENCES) + "\n"))
    assert [answer["label"] for answer in answers] == expected
    assert lines(predict(tiny_artifact, "--input", "-", stdin="")) == []


def test_file_to_file(tiny_artifact, expected, tmp_path):
    source, output = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in SENTENCES))
    assert lines(predict(tiny_artifact, "--input", str(source), "--output", str(output), "--batch-size", "3")) == []
    assert [json.loads(line)["label"] for line in output.read_text().splitlines()] == expected


def test_artifact_file_and_output_by_position(tiny_artifact, expected, tmp_path):
    source, output = tmp_path / "rows.csv", tmp_path / "out.csv"
    source.write_text("id,label,text\n" + "".join(f'{n},x,"{text}"\n' for n, text in enumerate(SENTENCES)))
    options = ["-o", str(output), "--threads", "1"]
    done = CliRunner().invoke(cli, ["predict", str(tiny_artifact), str(source), *options])
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    assert f"{output}: 8 rows" in done.stderr
    with output.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["predicted_label"] for row in rows] == expected
    assert [(row["id"], row["label"], row["text"]) for row in rows] == [
        (str(n), "x", t) for n, t in enumerate(SENTENCES)
    ]


def test_columns_by_name(tiny_artifact, expected, tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps({"title": text, "text_pair": 1}) + "\n" for text in SENTENCES))
    answers = lines(predict(tiny_artifact, "--input", str(source), "--text-column", "title"))
    assert [answer["label"] for answer in answers] == expected
    done = predict(tiny_artifact, "--input", str(source))
    assert done.exit_code == 5
    assert "--text-column and --pair-column name the columns" in done.stderr


def test_skipped_rows_are_told(tiny_artifact, tmp_path):
    source, output = tmp_path / "rows.tsv", tmp_path / "out.json"
    source.write_text("text\tid\nfine\t1\n \t2\n")
    done = predict(tiny_artifact, "--input", str(source), "-o", str(output), "--on-error", "skip")
    assert done.exit_code == 0, done.stderr
    assert f"1 rows could not be used; {output}.skipped.csv says which and why" in done.stderr
    assert [row["id"] for row in json.loads(output.read_text())] == ["1"]


def test_a_job_of_two_workers(tiny_artifact, expected, tmp_path):
    source, output = tmp_path / "rows.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(SENTENCES))
    predict(tiny_artifact, "--input", str(source), "--output", str(output), "--workers", "2")
    assert [json.loads(line)["label"] for line in output.read_text().splitlines()] == expected


def test_a_bad_row_leaves_the_old_output(tiny_artifact, tmp_path):
    source, output = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "fine"}\n{"text": 3}\n')
    output.write_text("older")
    done = predict(tiny_artifact, "--input", str(source), "--output", str(output))
    assert done.exit_code == 5
    assert "line 2" in done.stderr
    assert output.read_text() == "older"
    assert {path.name for path in tmp_path.iterdir()} == {"rows.jsonl", "out.jsonl"}


def test_every_mistake_of_a_file_is_told_before_anything_is_computed(tiny_artifact, tmp_path):
    source = tmp_path / "rows.csv"
    source.write_text("text,id\nfine,1\n ,2\n" + "fine,3\n" * 5000 + ",4\n")
    done = predict(tiny_artifact, "--input", str(source))
    assert done.exit_code == 5
    assert done.stdout == ""
    assert "empty text in column 'text': lines 3, 5004" in done.stderr


def test_a_blank_line_of_standard_input(tiny_artifact):
    done = predict(tiny_artifact, stdin="fine\n\n")
    assert done.exit_code == 5
    assert "standard input" in done.stderr
    assert "line 2" in done.stderr


def test_pairs(tmp_path, artifact_scratch):
    artifact = build_artifact(tmp_path / "a", artifact_scratch, pairs=True)
    (answer,) = lines(predict(artifact, "one", "--pair", "two"))
    assert (answer["text"], answer["text_pair"]) == ("one", "two")
    assert predict(artifact, "alone").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["a", "--input", "b.txt"], 2, "not both"),
        (["a", "b", "--pair", "c"], 2, "exactly one TEXT"),
        (["a", "--variant", "int2"], 2, "no variant 'int2'"),
        (["a", "--provider", "NoSuchExecutionProvider"], 4, "not in this build"),
        (["--input", "none.txt"], 5, "there is no file"),
        (["--input", "none.txt", "-o", "a.jsonl"], 5, "there is no file"),
        (["--input", "none.txt", "-o", "a.xlsx"], 2, "'.xlsx' is none of"),
        (["a", "-o", "a.csv"], 2, "give JSON Lines"),
        (["a", "--workers", "2"], 2, "go with a file and --output"),
        (["fine", " "], 5, "empty text in column 'text': text 2"),
    ],
)
def test_mistakes(tiny_artifact, arguments, code, message):
    done = predict(tiny_artifact, *arguments)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_no_artifact_at_all(tmp_path):
    done = predict(tmp_path / "nowhere", "a")
    assert done.exit_code == 6
    assert "not a folder" in done.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.csv", "text,id\na warm, funny and moving film,7\nbad film,8\n"),
        ("in.tsv", "text\tx\ngood film\tgreat\t1\n"),
    ],
)
def test_a_text_is_never_cut_at_a_delimiter(tiny_artifact, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    done = predict(tiny_artifact, "--input", str(tmp_path / name))
    assert done.exit_code == 5
    assert "line 2: 3 fields where the header has 2" in done.stderr


@pytest.mark.parametrize("name", ["in.ndjson", "in.json"])
def test_json_is_never_classified_raw(tiny_artifact, tmp_path, name):
    record = '{"text":"two hours I want back","id":1}'
    (tmp_path / name).write_text(f"[{record}]\n" if name.endswith(".json") else record + "\n")
    (answer,) = lines(predict(tiny_artifact, "--input", str(tmp_path / name)))
    assert answer["text"] == "two hours I want back"
