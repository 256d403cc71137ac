"""Ask a loaded classifier the questions whose answers were written down when it was gated."""

from __future__ import annotations

from ackd_deploy.artifact.schema import Golden
from ackd_deploy.errors import ArtifactError
from ackd_deploy.runtime.classifier import Classifier
from ackd_deploy.runtime.predictions import Prediction
from ackd_deploy.tasks import Task
from ackd_deploy.tasks.text import joined

__all__ = ["differences", "self_test"]

# The same graph on another processor sums in another order: far below this, also under int8, whose
# products are exact. In half precision each of those sums is rounded to 8 (bf16) or 11 bits (fp16). A fallback
# variant differs by its precision: then only a clear label must hold.
_SAME_VARIANT = {"bf16": 2e-2, "fp16": 5e-3}
_SAME_VARIANT_FULL = 1e-3
_OTHER_VARIANT = 0.1


def self_test(classifier: Classifier) -> int:
    """Run the golden samples and return how many there were.

    Raises:
        ArtifactError: an answer differs; the message shows the first.
    """
    found = differences(classifier)
    if found:
        raise ArtifactError(
            f"{len(found)} of {len(classifier.manifest.golden)} golden samples are answered otherwise than "
            f"when the artifact was written; {found[0]}",
            hint="copy or export the artifact again; 'ackd-deploy doctor' shows what this machine runs it with",
        )
    return len(classifier.manifest.golden)


def differences(classifier: Classifier) -> list[str]:
    """Return one line for each golden sample whose answer differs by more than the variant allows."""
    manifest = classifier.manifest
    if not manifest.golden:
        return []
    same = classifier.variant.name == manifest.chosen
    predictions = classifier.classify([joined(sample.text, sample.pair) for sample in manifest.golden])
    tolerance = _SAME_VARIANT.get(classifier.variant.precision, _SAME_VARIANT_FULL) if same else _OTHER_VARIANT
    task = manifest.task
    lines = (_difference(*both, tolerance, task) for both in zip(manifest.golden, predictions, strict=True))
    return [line for line in lines if line]


def _difference(sample: Golden, prediction: Prediction, tolerance: float, task: Task) -> str:
    scores = list(prediction.scores.values())
    # Probabilities lie within 1; a regression's figure may be large, and is compared in proportion.
    largest = max(abs(new - old) / max(1.0, abs(old)) for new, old in zip(scores, sample.scores, strict=True))
    clear = task.margin(sample.scores) > tolerance
    text = sample.text if len(sample.text) <= 60 else sample.text[:59] + "…"
    # Written so that NaN, which compares as false with everything, counts as a difference.
    if not largest <= tolerance:
        return f"{text!r}: a score differs by {largest:.2g}, more than {tolerance:g}"
    if clear and prediction.label != sample.label:
        return f"{text!r}: {prediction.label!r} instead of {sample.label!r}"
    return ""
