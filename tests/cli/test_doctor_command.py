import json

from click.testing import CliRunner

from ackd_deploy.cli import cli
from ackd_deploy.runtime.engines import packages


def test_json():
    done = CliRunner().invoke(cli, ["doctor", "--json"])
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert {probe["provider"]: probe["loads"] for probe in facts["providers"]}["CPUExecutionProvider"] is True
    assert facts["cpu"]["effective"] >= 1
    assert facts["torch_devices"][0] == "cpu"
    assert facts["versions"]["tokenizers"]
    assert facts["problems"] == []


def test_table():
    done = CliRunner().invoke(cli, ["doctor"])
    assert done.exit_code == 0
    for word in ("processor", "cgroup quota", "CPUExecutionProvider: loads", "transformers"):
        assert word in done.stdout


def test_both_wheels_are_a_problem(monkeypatch):
    monkeypatch.setattr(packages, "onnxruntime_wheels", lambda: {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"})
    done = CliRunner().invoke(cli, ["doctor", "--json"])
    assert done.exit_code == 4
    assert "one importable module" in json.loads(done.stdout)["problems"][0]
    assert "one importable module" in done.stderr
