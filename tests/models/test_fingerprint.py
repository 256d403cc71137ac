"""Fingerprints of model folders."""

from ackd_deploy.models.fingerprint import model_files, model_fingerprint


def test_every_file_counts_but_the_readme_and_hidden_ones(tmp_path):
    for name in ("config.json", "vocab.txt", "README.md", ".gitattributes"):
        (tmp_path / name).write_text(name)
    (tmp_path / "onnx").mkdir()
    assert sorted(model_files(tmp_path)) == ["config.json", "vocab.txt"]
    before = model_fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("edited")
    assert model_fingerprint(tmp_path) == before
    (tmp_path / "vocab.txt").write_text("edited")
    assert model_fingerprint(tmp_path) != before


def test_a_file_under_another_name_is_another_model(tmp_path):
    (tmp_path / "a").write_text("same")
    before = model_fingerprint(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert model_fingerprint(tmp_path) != before
