"""Compare ``config.json``, which other tools read, with the manifest, which ours read."""

from __future__ import annotations

from typing import Any

from ackd_deploy.artifact.code_keys import code_keys
from ackd_deploy.artifact.positions import text_positions
from ackd_deploy.artifact.schema import MAX_LABELS, Manifest
from ackd_deploy.errors import ArtifactError

__all__ = ["THRESHOLDS", "check_config"]

THRESHOLDS = "decision_thresholds"


def check_config(config: Any, manifest: Manifest, source: str) -> None:
    """Check a Hugging Face configuration, as far as it says something.

    Raises:
        ArtifactError: it names code to import, or contradicts the manifest in labels, task, thresholds or length.
    """
    if not isinstance(config, dict):
        raise ArtifactError(f"{source} holds no JSON object")
    for key in code_keys(config):
        raise ArtifactError(f"{source} has {key!r}, which names code to import: refused")
    _check_labels(config, manifest, source)
    task = config.get("problem_type")
    if task is not None and task != manifest.problem_type:
        raise ArtifactError(f"{source} says problem_type {str(task)[:60]!r}, the manifest {manifest.problem_type!r}")
    vocabulary = config.get("vocab_size")
    if vocabulary is not None and (type(vocabulary) is not int or not 1 <= vocabulary <= 10_000_000):
        raise ArtifactError(f"{source} has a vocab_size that is not a number of tokens")
    pad = config.get("pad_token_id")
    if pad is not None and (type(pad) is not int or not 0 <= pad < (vocabulary or 10_000_000)):
        raise ArtifactError(f"{source} has a pad_token_id outside its vocabulary")
    thresholds = config.get(THRESHOLDS)
    if thresholds is not None and thresholds != (manifest.decision.thresholds if manifest.decision else None):
        raise ArtifactError(f"{source} has other {THRESHOLDS} than the manifest")
    positions = text_positions(config)
    if positions is not None and positions < manifest.max_length:
        raise ArtifactError(
            f"{source} gives the model {positions} positions, the manifest texts of {manifest.max_length} tokens"
        )


def _check_labels(config: dict[str, Any], manifest: Manifest, source: str) -> None:
    count = config.get("num_labels")
    if count is not None and (type(count) is not int or not 1 <= count <= MAX_LABELS):
        raise ArtifactError(f"{source} has num_labels {str(count)[:40]}; 1 to {MAX_LABELS:,} are allowed")
    names = config.get("id2label")
    if names is None:
        return
    if not isinstance(names, dict) or len(names) > MAX_LABELS:
        raise ArtifactError(f"{source} has an id2label that is no table of at most {MAX_LABELS:,} labels")
    if not manifest.task.has_classes and len(names) == len(manifest.labels):
        # transformers writes LABEL_0 for the one output of a regression; the name means nothing.
        return
    expected = {str(index): name for index, name in enumerate(manifest.labels)}
    if names != expected:
        raise ArtifactError(f"{source} has other labels than the manifest, or another order")
