"""Models from the Hugging Face hub: from the local cache, or fetched when the hub answers within seconds."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from pathlib import Path

from ackd_deploy.errors import DataError, HubUnreachable

__all__ = ["fetch_model", "hub_answers"]

_SECONDS = 4.0
_FILES = ["config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer*", "vocab*", "merges.txt",
          "special_tokens_map.json", "spiece.model", "LICENSE*"]  # fmt: skip


def hub_answers() -> bool:
    """Tell whether the hub (or its mirror in HF_ENDPOINT) gives any answer within four seconds.

    The hub's own client tries several times with long pauses, which makes a user wait for a minute to learn that
    the machine is offline.
    """
    offline = (os.environ.get(name, "").upper() for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    if any(value in {"1", "TRUE", "YES", "ON"} for value in offline):
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if not endpoint.startswith(("http://", "https://")):
        return False
    answer: list[bool] = []

    def ask() -> None:
        request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 - http(s) only, checked above
        try:
            urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310
            answer.append(True)
        except urllib.error.HTTPError as error:
            # Any status says that somebody is there.
            error.close()
            answer.append(True)
        except (OSError, ValueError):
            answer.append(False)

    # Name resolution has no timeout of its own: the thread is left behind when it hangs there.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return bool(answer and answer[0])


def fetch_model(reference: str, *, revision: str | None, key: str) -> Path:
    """Return the local snapshot of a hub model: weights as safetensors, configuration and tokenizer, nothing else.

    Raises:
        HubUnreachable: it isn't cached, and the hub cannot be reached.
        DataError: the hub knows no such model or revision, or wants a login.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(reference, revision=revision, allow_patterns=_FILES, local_files_only=True))
        if any(cached.glob("model*.safetensors")):
            return cached
    except (LocalEntryNotFoundError, FileNotFoundError):
        pass
    if not hub_answers():
        raise HubUnreachable(
            f"the model {reference!r} ({key}) is not a folder here, not in the hub's local cache, and the Hugging Face "
            "hub cannot be reached",
            hint=f"give a local folder with --set {key}=DIR",
        )
    try:
        return Path(snapshot_download(reference, revision=revision, allow_patterns=_FILES))
    except HfHubHTTPError as error:
        where = f" at revision {revision}" if revision else ""
        raise DataError(
            f"the hub has no model {reference!r}{where} that can be read: {str(error).splitlines()[0]}",
            hint=f"check the id, log in where it is gated, or give a local folder with --set {key}=DIR",
        ) from error
    except OSError as error:
        raise HubUnreachable(
            f"the model {reference!r} ({key}) could not be fetched: {error}", hint=f"--set {key}=DIR"
        ) from error
