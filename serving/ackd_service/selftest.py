"""The golden self-test: does this process give the answers that were seen when the gates were decided?"""

from __future__ import annotations

from ackd_deploy.errors import ArtifactError
from ackd_deploy.runtime import Classifier

__all__ = ["check_golden"]

# The same graph on another processor sums in another order; quantised graphs round differently besides.
_TOLERANCE = {"fp32": 1e-3}
_OTHER_TOLERANCE = 0.02


def check_golden(classifier: Classifier) -> int:
    """Classify the artefact's golden samples and compare labels and scores; return how many there are.

    A fallback variant (another precision than the one that gave the answers) is held to the labels and
    the wider tolerance.

    Raises:
        ArtifactError: there are no samples, or an answer differs.
    """
    manifest = classifier.manifest
    if not manifest.golden:
        raise ArtifactError("the artefact has no golden samples: nothing says that it answers as it should")
    same = classifier.variant.name == manifest.chosen
    tolerance = _TOLERANCE.get(classifier.variant.precision, _OTHER_TOLERANCE) if same else _OTHER_TOLERANCE
    texts = [sample.text if sample.pair is None else (sample.text, sample.pair) for sample in manifest.golden]
    for index, (sample, answer) in enumerate(zip(manifest.golden, classifier.classify(texts), strict=True)):
        for label, expected in zip(manifest.labels, sample.scores, strict=True):
            off = abs(answer.scores[label] - expected)
            # Regression figures have any scale; probabilities are at most 1.
            if off > tolerance * max(1.0, abs(expected)):
                raise ArtifactError(
                    f"golden sample {index} has {answer.scores[label]:.4f} for {label!r} instead of {expected:.4f} "
                    f"(at most {tolerance:g} apart is allowed): the graph, the tokenizer or this machine's "
                    "arithmetic is not what was gated"
                )
    return len(manifest.golden)
