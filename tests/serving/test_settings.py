"""ackd_deploy/serving/settings.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd_deploy.errors import UsageError
from ackd_deploy.serving.settings import Settings, load_settings
from tests.serving.running_service import ROOT


def test_defaults_need_no_variable():
    assert load_settings({"PATH": "/bin"}) == Settings()


def test_variables_are_typed():
    settings = load_settings(
        {
            "ACKD_ARTIFACT": "/a", "ACKD_THREADS": "3", "ACKD_LOG_REQUESTS": "true", "ACKD_QUEUE_SECONDS": "0.5",
            "ACKD_CORS_ORIGINS": "https://a.example, https://b.example", "ACKD_VARIANT": "", "ACKD_WORKERS": "2",
        }
    )  # fmt: skip
    assert settings.artifact == Path("/a")
    assert (settings.workers, settings.threads) == (2, 3)
    assert (settings.log_requests, settings.queue_seconds) == (True, 0.5)
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.token is None


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_token_is_refused_and_does_not_turn_authentication_off(value: str):
    with pytest.raises(UsageError, match="ACKD_TOKEN is empty"):
        load_settings({"ACKD_TOKEN": value})


def test_every_mistake_is_named_at_once():
    with pytest.raises(UsageError) as caught:
        load_settings({"ACKD_THREAD": "1", "ACKD_MAX_ITEMS": "0", "ACKD_STRICT": "perhaps"})
    message = caught.value.message
    assert "ACKD_THREAD is unknown; did you mean ACKD_THREADS?" in message
    assert "ACKD_MAX_ITEMS" in message
    assert "ACKD_STRICT" in message


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(UsageError, match="max_items must not exceed max_queue_rows"):
        load_settings({"ACKD_MAX_ITEMS": "100", "ACKD_MAX_QUEUE_ROWS": "50"})


def test_kubernetes_own_variables_are_no_settings():
    links = {"ACKD_SERVICE_HOST": "10.0.0.1", "ACKD_SERVICE_PORT_HTTP": "80", "ACKD_PORT_80_TCP": "tcp://10.0.0.1:80"}
    assert load_settings(links) == Settings()


@pytest.mark.parametrize(
    ("processors", "given", "lanes", "threads"),
    [
        (1, {}, 1, 1), (2, {}, 2, 1), (4, {}, 4, 1), (6, {}, 4, 1), (16, {}, 4, 1),
        (16, {"ACKD_WORKERS": "1"}, 4, 4), (2, {"ACKD_WORKERS": "2"}, 1, 1), (2, {"ACKD_WORKERS": "8"}, 1, 1),
        (16, {"ACKD_THREADS": "2"}, 2, 1), (2, {"ACKD_LANES": "1"}, 1, 2), (2, {"ACKD_LANES": "8"}, 2, 1),
        (2, {"ACKD_THREADS": "8", "ACKD_LANES": "2"}, 2, 4),
    ],
)  # fmt: skip
def test_lanes_share_the_threads(processors: int, given: dict[str, str], lanes: int, threads: int):
    assert load_settings(given).split(processors) == (lanes, threads)


@pytest.mark.parametrize(
    ("processors", "given", "workers"),
    [
        (1, {}, 1),
        (7, {}, 1),
        (8, {}, 2),
        (64, {}, 16),
        (8, {"ACKD_WORKERS": "3"}, 3),
        (16, {"ACKD_THREADS": "16"}, 1),
        (16, {"ACKD_THREADS": "8"}, 2),
        (16, {"ACKD_THREADS": "2"}, 4),
        (16, {"ACKD_PROVIDER": "cuda"}, 1),
        (16, {"ACKD_PROVIDER": "cuda", "ACKD_WORKERS": "2"}, 2),
    ],
)
def test_workers_follow_the_quota(processors: int, given: dict[str, str], workers: int):
    assert load_settings(given).processes(processors) == workers


def test_a_token_never_shows():
    assert "s3cret" not in repr(load_settings({"ACKD_TOKEN": "s3cret"}))


def test_the_documentation_lists_every_setting():
    page = (ROOT / "docs" / "reference" / "http.md").read_text()
    for name in Settings.model_fields:
        assert f"`ACKD_{name.upper()}`" in page
