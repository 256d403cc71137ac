"""Splits of data sets on the Hugging Face hub, through `datasets`; an unreachable hub is told within seconds."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ackd_deploy.data.reading import missing_column
from ackd_deploy.data.tables import Table
from ackd_deploy.errors import DataError, HubUnreachable, MissingExtra
from ackd_deploy.extras import install_hint
from ackd_deploy.recipe.sections import HubSplit

__all__ = ["hub_answers", "read_hub", "reference"]

_PROBE_SECONDS = 5.0
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
_LOCAL_HINT = (
    "give local files with --set data.train=FILE --set data.validation=FILE (.csv, .tsv, .jsonl, .json or .parquet)"
)


def reference(split: HubSplit) -> str:
    """Return how messages call a split, such as ``nyu-mll/glue [sst2] split train``."""
    config = f" [{split.config}]" if split.config else ""
    revision = f" at {split.revision}" if split.revision else ""
    return f"{split.hub}{config} split {split.split}{revision}"


def hub_answers() -> bool:
    """Tell whether the hub, or the mirror that HF_ENDPOINT names, gives any answer within five seconds.

    The hub's own client tries for half a minute before it says that the machine is offline.
    """
    if any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in _OFFLINE_VARIABLES):
        return False
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if not endpoint.startswith(("http://", "https://")):
        return False
    answers: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - http(s) only, checked above
            urllib.request.urlopen(request, timeout=_PROBE_SECONDS).close()  # noqa: S310
            answers.append(True)
        except urllib.error.HTTPError as error:
            # Any status means that the server answers; the client's own message will be the better one.
            error.close()
            answers.append(True)
        except (OSError, ValueError):
            answers.append(False)

    # Resolving a name has no timeout of its own, so the whole question runs in a thread that may be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return bool(answers and answers[0])


def read_hub(split: HubSplit, wanted: Sequence[str]) -> Table:
    """Read the wanted columns of a hub split; without the hub, from the local cache of `datasets`.

    Raises:
        HubUnreachable: it isn't cached, and the hub cannot be reached.
        DataError: the hub has no such data set, configuration, split or column.
        MissingExtra: `datasets` is not installed.
    """
    name = reference(split)
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra(
            f"{name} comes from the hub through the package datasets, which is not installed",
            hint=f"{install_hint('train')}, or {_LOCAL_HINT}",
        ) from error
    if hub_answers():
        dataset = _load(datasets, split, online=True)
    else:
        with _offline(datasets):
            dataset = _load(datasets, split, online=False)
        _check_revision(dataset, split)
    for column in wanted:
        if column not in dataset.column_names:
            raise missing_column(name, column, dataset.column_names)
    arrow = dataset.select_columns(list(dict.fromkeys(wanted))).with_format("arrow")[:]
    return Table(
        source=name,
        noun="row",
        numbers=list(range(1, len(dataset) + 1)),
        columns={column: arrow.column(column).to_pylist() for column in wanted},
        class_names={
            column: names
            for column, feature in dataset.features.items()
            if (names := _class_names(datasets.ClassLabel, feature))
        },
        present=list(dataset.column_names),
    )


def _class_names(class_label: type, feature: Any) -> list[str]:
    """Return the names of a ClassLabel, or of a list of them: Sequence(...), List(...) or [...]."""
    inner = feature[0] if isinstance(feature, list) and feature else getattr(feature, "feature", feature)
    return list(inner.names or []) if isinstance(inner, class_label) else []  # type: ignore[attr-defined]


def _load(datasets: Any, split: HubSplit, *, online: bool) -> Any:
    name = reference(split)
    try:
        return datasets.load_dataset(split.hub, split.config, split=split.split, revision=split.revision)
    except ConnectionError as error:
        raise HubUnreachable(
            f"{name} is out of reach: the Hugging Face hub cannot be reached, and the local cache doesn't hold it",
            hint=_LOCAL_HINT,
        ) from error
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(
            f"the hub has no data set {name}, or not for everyone", hint=f"check the id, log in, or {_LOCAL_HINT}"
        ) from error
    except (ValueError, OSError, RuntimeError) as error:
        # What `datasets` raises for a wrong configuration or split lists those that there are.
        what = " ".join(str(error).split())
        if not online:
            raise HubUnreachable(
                f"{name}: the Hugging Face hub cannot be reached, and the local cache doesn't hold it: {what}",
                hint=_LOCAL_HINT,
            ) from error
        raise DataError(f"{name} could not be loaded: {what}", hint=_LOCAL_HINT) from error


def _check_revision(dataset: Any, split: HubSplit) -> None:
    """Refuse a cached copy of another commit: without the hub, `datasets` takes whichever is newest."""
    if split.revision is None:
        return
    origins = list(dataset.info.download_checksums or {})
    if not any(f"@{split.revision}" in origin for origin in origins):
        raise HubUnreachable(
            f"{reference(split)}: the hub cannot be reached, and the cached copy is not known to be of that revision",
            hint=_LOCAL_HINT,
        )


@contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """Make the hub's client look into its cache alone: its own attempts take half a minute to fail."""
    from huggingface_hub import constants

    places: list[Any] = [datasets.config, constants]
    before = [place.HF_HUB_OFFLINE for place in places]
    for place in places:
        place.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = value
        _forget_sessions()


def _forget_sessions() -> None:
    # A session made while offline refuses every request later on. The function's name depends on the version.
    from huggingface_hub import utils

    for name in ("reset_sessions", "close_session"):
        forget = getattr(utils, name, None)
        if forget is not None:
            forget()
