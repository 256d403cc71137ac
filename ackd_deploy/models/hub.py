"""Models from the Hugging Face hub: from the local cache, or downloaded when the hub answers within seconds."""

from __future__ import annotations

from pathlib import Path

from ackd_deploy.data.hub_splits import hub_answers
from ackd_deploy.errors import DataError, HubUnreachable, first_line

__all__ = ["fetch_model"]

_FILES = ["config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer*", "vocab*", "merges.txt",
          "special_tokens_map.json", "spiece.model", "LICENSE*"]  # fmt: skip


def fetch_model(reference: str, *, revision: str | None, key: str) -> Path:
    """Return the local snapshot of a hub model: weights as safetensors, configuration and tokenizer, nothing else.

    Raises:
        HubUnreachable: it is not cached, and the hub cannot be reached.
        DataError: the hub has no such model or revision, or requires a login.
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
            hint=f"give a local folder with --set {key}=DIR (and, where the data is on the hub too, local files "
            "with --set data.train=FILE --set data.validation=FILE)",
        )
    try:
        return Path(snapshot_download(reference, revision=revision, allow_patterns=_FILES))
    except HfHubHTTPError as error:
        where = f" at revision {revision}" if revision else ""
        raise DataError(
            f"the hub has no model {reference!r}{where} that can be read: {first_line(error)}",
            hint=f"check the id, log in where it is gated, or give a local folder with --set {key}=DIR",
        ) from error
    except OSError as error:
        raise HubUnreachable(
            f"the model {reference!r} ({key}) could not be fetched: {error}", hint=f"--set {key}=DIR"
        ) from error
