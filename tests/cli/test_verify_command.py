import json

from click.testing import CliRunner

from ackd_deploy.cli import cli
from tests.artifact_builder import build_artifact


def verify(*arguments):
    return CliRunner().invoke(cli, ["verify", "--threads", "1", *map(str, arguments)])


def test_table_and_json_of_a_good_one(tiny_artifact):
    done = verify(tiny_artifact)
    assert done.exit_code == 0, done.stderr
    assert "golden samples" in done.stdout
    done = verify(tiny_artifact, "--json")
    content = json.loads(done.stdout)
    assert content["ok"] is True
    assert {check["status"] for check in content["checks"]} == {"pass"}


def test_damage_ends_with_6_and_still_shows_the_list(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch)
    (folder / "vocab.txt").write_text("other")
    done = verify(folder, "--json")
    assert done.exit_code == 6
    assert json.loads(done.stdout)["ok"] is False
    assert "vocab.txt" in done.stderr


def test_missing_feature_warns_and_strict_fails(tmp_path, artifact_scratch):
    folder = build_artifact(tmp_path / "a", artifact_scratch, chosen="int8_dynamic", cpu_features=("no_such",))
    done = verify(folder)
    assert done.exit_code == 0
    assert "runs instead" in " ".join(done.stdout.split())
    assert verify(folder, "--strict").exit_code == 6
