"""The model card of an artifact, from its manifest alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from ackd_deploy.artifact.card_metadata import card_metadata
from ackd_deploy.artifact.decision import Decision
from ackd_deploy.artifact.schema import Manifest
from ackd_deploy.escaping import visible
from ackd_deploy.tasks.metric_names import metric_name

__all__ = ["render_card"]


_ACKD = (
    "ACKD (*Adaptive Contrastive Knowledge Distillation for BERT Compression*, Guo et al., Findings of ACL 2023: a "
    "contrastive loss on hidden states whose samples are reweighted by how hard they are) is here a **reconstruction "
    "from the paper's abstract and its nearest relatives**, made without the authors' code. The figures above are this "
    "model's own and say nothing about the paper's."
)
_METHODS = {
    "ackd": _ACKD,
    "cdl": "The contrastive part of ACKD, without its adaptive weights. " + _ACKD,
    "kd": "Knowledge distillation: the student learns from labels and from the teacher's logits (Hinton et al. 2015).",
    "pkd": "Patient knowledge distillation: logits and normalized [CLS] states (Sun et al. 2019).",
    "rkd": "Relational knowledge distillation: logits, and distances and angles between texts (Park et al. 2019).",
    "codir": "Contrastive distillation on intermediate representations: logits and [CLS] states (Sun et al. 2020).",
    "finetune": "The small model was trained on the labels alone; nothing was distilled.",
}
_SOFT = " The teacher was no model at hand: its answers are soft labels that came with the data."
_MADE = {
    None: "that existed already",
    "existing classifier, no distillation": "that existed already",
    "fine-tuned classifier, no distillation": "trained",
    "finetune": "trained",
}
_EXAMPLE_CHARACTERS = 200
_TEXT, _PAIR = ("a warm, funny and moving film",), ("the film is warm", "the film is cold")


def render_card(manifest: Manifest) -> str:
    """Return the model card as Markdown with the metadata block that hubs read.

    What the manifest does not say is left out rather than guessed.
    """
    import jinja2
    import yaml

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Markdown is not HTML: names are escaped for the table cells that they stand in.
        autoescape=False,  # noqa: S701
        finalize=lambda value: visible(value) if isinstance(value, str) else value,
    )
    environment.filters["cell"] = _cell
    environment.filters["share"] = lambda value: f"{100 * value:.1f}"
    source = resources.files("ackd_deploy.artifact").joinpath("card.md.j2").read_text(encoding="utf-8")
    quality, method = manifest.quality, manifest.provenance.get("method")
    example = _example(manifest)
    quoted = ", ".join(f'"{text}"' for text in example)
    asked = {"pairs": [list(example)]} if manifest.text_pairs else {"text": example[0]}
    return environment.from_string(source).render(
        manifest=manifest,
        reading=_reading(manifest),
        metadata=yaml.safe_dump(card_metadata(manifest), sort_keys=False, allow_unicode=True, width=1000),
        made=_MADE.get(manifest.provenance.get("mode", method), "distilled"),
        method_text=_METHODS.get(str(method), "") + (_SOFT if manifest.provenance.get("teacher") else ""),
        sizes={variant.name: f"{variant.size_bytes / 1e6:.1f}" for variant in manifest.variants},
        quality=quality,
        decision=manifest.decision,
        tuned_for=metric_name(manifest.decision.metric).title if manifest.decision and manifest.decision.metric else "",
        abstains=_abstains(manifest.decision),
        metric=metric_name(quality.metric) if quality else None,
        others=[
            (metric_name(name).title, metric_name(name).show(value) + metric_name(name).unit)
            for name, value in (quality.metrics.items() if quality else ())
            if quality and name != quality.metric
        ],
        python_example=f"({quoted})" if manifest.text_pairs else quoted,
        json_example=json.dumps(asked, ensure_ascii=False),
        optimum_example=quoted,
    )


def _abstains(decision: Decision | None) -> str:
    """Return in sentences from which confidence on answers are accepted, and what that did on the validation rows."""
    if decision is None or (abstain := decision.abstain) is None:
        return ""

    def share(value: float, ends: Sequence[float] | None) -> str:
        interval = "" if ends is None else f" (95 %: {100 * ends[0]:.1f} to {100 * ends[1]:.1f})"
        return f"{100 * value:.1f} %{interval}"

    right = "none of them could be counted"
    if abstain.precision is not None:
        right = f"{share(abstain.precision, abstain.precision_interval)} of these are right"
    return (
        f"Answers are marked `review` below a confidence of {abstain.threshold:.4g}, chosen for a {abstain.target} of "
        f"{100 * abstain.goal:g} % on {abstain.rows:,} rows that nothing was trained on. Of "
        f"{abstain.validation_rows:,} validation rows, {share(abstain.coverage, abstain.coverage_interval)} are "
        f"accepted; {right}."
    )


def _example(manifest: Manifest) -> tuple[str, ...]:
    """Return a text, or both of a pair, that stands in Python, JSON and a shell's quotes as it is."""
    for sample in manifest.golden:
        texts = (sample.text,) if sample.pair is None else (sample.text, sample.pair)
        if sample.example and all(map(_plain, texts)):
            return tuple(text.strip() for text in texts)
    return _PAIR if manifest.text_pairs else _TEXT


def _plain(text: str) -> bool:
    return len(text) <= _EXAMPLE_CHARACTERS and text.isprintable() and not set("'\"`\\") & set(text)


def _cell(value: Any) -> str:
    """Return a value for a Markdown table: one line, no markup that a name could smuggle in."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(part) for part in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{_cell(key)}: {_cell(part)}" for key, part in value.items()) or "none"
    text = " ".join(str(value).split())
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, "\\" + mark)
    return text


def _reading(manifest: Manifest) -> str:
    rule, length = manifest.long_texts, manifest.max_length
    if rule is None:
        return f"truncated to {length} tokens"
    if rule.mode == "head_tail":
        return f"of more than {length} tokens the first {rule.head:.0%} of these and the last ones"
    return f"of more than {length} tokens at most {rule.max_windows} windows, whose logits are averaged"
