"""An ablation's files and its table, from records."""

import csv
import io
import json
from pathlib import Path

from rich.console import Console

from ackd_deploy.experiments.ablation_report import ablation_table, write_ablation
from ackd_deploy.experiments.records import GapRecord, MethodRecord

KD = MethodRecord(
    method="kd", metric="micro_f1", seeds=[1, 2], values=[0.5, 0.75], mean=0.625, std=0.25, seconds=9.6, differences={}
)
ACKD = MethodRecord(
    method="ackd",
    metric="micro_f1",
    seeds=[1, 2],
    values=[0.625, 0.75],
    mean=0.6875,
    std=None,
    seconds=12.0,
    differences={"kd": GapRecord(mean=0.0625, low=0.0125, high=0.125, beyond_noise=True)},
)


def test_the_table_shows_points_and_marks_what_is_beyond_noise() -> None:
    stream = io.StringIO()
    Console(file=stream, width=120).print(ablation_table([KD, ACKD], title="sample"))
    lines = [line.replace("│", " ").split() for line in stream.getvalue().splitlines()]
    assert ["kd", "62.50", "±", "25.00", "2", "10"] in lines
    assert ["ackd", "68.75", "2", "+6.25", "[+1.25,", "+12.50]", "*", "12"] in lines
    assert "micro F1" in stream.getvalue()


def test_a_correlation_is_no_percent_and_chance_is_named() -> None:
    stream = io.StringIO()
    rows = [KD, ACKD.model_copy(update={"above_chance": False})]
    table = ablation_table([row.model_copy(update={"metric": "pearson"}) for row in rows], title="sample")
    Console(file=stream, width=140).print(table)
    lines = [line.replace("│", " ").split() for line in stream.getvalue().splitlines()]
    assert ["kd", "0.6250", "±", "0.2500", "2", "10"] in lines
    assert ["ackd", "(not", "above", "chance)", "0.6875", "2", "+0.0625", "[+0.0125,", "+0.1250]", "*", "12"] in lines


def test_files_hold_every_training_and_are_read_back_as_records(tmp_path: Path) -> None:
    results = {"validation": [KD, ACKD], "test": [KD]}
    files = write_ablation(results, {"recipe": "sample"}, tmp_path / "ablation")
    assert [file.name for file in files] == ["results.json", "results.csv", "results.svg"]
    content = json.loads(files[0].read_text())
    assert content.pop("recipe") == "sample"
    assert {name: [MethodRecord.model_validate(row) for row in rows] for name, rows in content.items()} == results
    rows = list(csv.reader(io.StringIO(files[1].read_text())))
    assert rows[0] == ["rows", "method", "seed", "micro_f1"]
    assert rows[1:] == [
        ["validation", "kd", "1", "0.5"],
        ["validation", "kd", "2", "0.75"],
        ["validation", "ackd", "1", "0.625"],
        ["validation", "ackd", "2", "0.75"],
        ["test", "kd", "1", "0.5"],
        ["test", "kd", "2", "0.75"],
    ]
    assert "</svg>" in files[2].read_text()
