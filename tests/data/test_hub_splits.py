"""Hub splits: from the cache of `datasets` without a network; else one message within seconds."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from ackd_deploy.data import hub_splits as hub
from ackd_deploy.data import load_rows
from ackd_deploy.errors import HubUnreachable
from ackd_deploy.recipe.sections import Data, HubSplit

COMMIT = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """The cache of `datasets` after a download of two rows of GLUE's sst2, in the layout that the package writes."""
    import datasets
    from datasets.arrow_writer import ArrowWriter

    folder = tmp_path / "nyu-mll___glue" / "sst2" / "0.0.0" / COMMIT
    folder.mkdir(parents=True)
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    writer = ArrowWriter(features=features, path=str(folder / "glue-validation.arrow"))
    writer.write({"sentence": "good film", "label": 1})
    writer.write({"sentence": "bad film", "label": 0})
    count, size = writer.finalize()
    writer.close()
    split = {"name": "validation", "num_bytes": size, "num_examples": count, "dataset_name": "glue"}
    origin = f"hf://datasets/nyu-mll/glue@{COMMIT}/sst2/validation-00000-of-00001.parquet"
    datasets.DatasetInfo(
        features=features,
        builder_name="parquet",
        dataset_name="glue",
        config_name="sst2",
        version="0.0.0",
        splits={"validation": split},
        download_checksums={origin: {"num_bytes": size, "checksum": None}},
    ).write_to_directory(str(folder))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def glue(**keys):
    return HubSplit(**{"hub": "nyu-mll/glue", "config": "sst2", "split": "validation"} | keys)


def load(split, known=None, **keys):
    return load_rows(split, Data(train=split, validation=split, text="sentence", **keys), known)


def test_cached_split_with_its_class_names(cached):
    rows = load(glue())
    assert rows.texts == ["good film", "bad film"]
    assert rows.label_names == ("negative", "positive")
    assert rows.labels.tolist() == [1, 0]


def test_hub_ids_are_matched_by_name(cached):
    rows = load(glue(revision=COMMIT), ["POSITIVE", "NEGATIVE"], label_names={"0": "negative", "1": "positive"})
    assert rows.label_names == ("POSITIVE", "NEGATIVE")
    assert rows.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    "split", [glue(split="train"), glue(config="cola"), glue(revision="f" * 40), glue(hub="nobody/nothing")]
)
def test_what_is_not_cached_is_told_at_once(cached, split):
    started = time.monotonic()
    with pytest.raises(HubUnreachable) as caught:
        load(split)
    assert time.monotonic() - started < 5
    assert caught.value.exit_code == 4
    assert split.hub in caught.value.message
    assert "--set data.train=FILE --set data.validation=FILE" in caught.value.hint


def test_reference_names_everything():
    assert hub.reference(glue()) == "nyu-mll/glue [sst2] split validation"
    assert hub.reference(HubSplit(hub="imdb", split="train", revision="abc")) == "imdb split train at abc"


@pytest.fixture
def online(monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


class NotFound(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")  # as the real one marks it
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *arguments):
        pass


@pytest.fixture
def empty_hub():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), NotFound)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_any_answer_counts(online, monkeypatch, empty_hub):
    monkeypatch.setenv("HF_ENDPOINT", empty_hub)
    assert hub.hub_answers()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not hub.hub_answers()


def test_a_refused_connection_is_no_answer(online, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    assert not hub.hub_answers()


def test_silence_is_no_answer_and_is_not_waited_out(online, monkeypatch):
    monkeypatch.setattr(hub, "_PROBE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        assert not hub.hub_answers()
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("endpoint", ["file:///etc", "ftp://example.org"])
def test_only_http_is_asked(online, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert not hub.hub_answers()


SCRIPT = """
import sys, time
from ackd_deploy.data.hub_splits import read_hub
from ackd_deploy.errors import AckdError
from ackd_deploy.recipe.sections import HubSplit
started = time.monotonic()
try:
    read_hub(HubSplit(hub="nyu-mll/glue", config="sst2", split="train"), ["sentence", "label"])
except AckdError as error:
    print(type(error).__name__, error.exit_code, time.monotonic() - started < 15, error.message)
"""


def fresh_process(endpoint, home):
    # The hub's client reads its settings on import, so these need a process of their own.
    keep = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "OFFLINE" not in name}
    environment = keep | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.slow
def test_a_hub_without_the_data_set(empty_hub, tmp_path):
    assert fresh_process(empty_hub, tmp_path).startswith("DataError 5 True the hub has no data set nyu-mll/glue")


@pytest.mark.slow
def test_no_hub_and_an_empty_cache(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    said = fresh_process(f"http://127.0.0.1:{port}", tmp_path)
    assert said.startswith("HubUnreachable 4 True nyu-mll/glue [sst2] split train is out of reach")
