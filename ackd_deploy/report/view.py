"""What the page says, gathered from the run's folder as plain data; the template only lays it out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from ackd_deploy.check.quality import ABOVE_CHANCE
from ackd_deploy.errors import ArtifactError
from ackd_deploy.recipe import dump_recipe
from ackd_deploy.report.compare import p_value
from ackd_deploy.report.summary import METHOD_NAMES, MISSING, Row, summary_rows
from ackd_deploy.run import BASELINES, EXPORT, Run
from ackd_deploy.run.predictions import Predictions, read_predictions
from ackd_deploy.run.records import BankRecord, ExportRecord, HardSentence, ModelRecord, Record
from ackd_deploy.tasks.metric_names import metric_name
from ackd_deploy.tasks.paired import paired_difference
from ackd_deploy.version import __version__

__all__ = ["Verdict", "hard_sentences", "label_names", "model_predictions", "page_facts", "shown_label", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """The page's first words: ``state`` is pass, fail or open; then one sentence each."""

    state: str
    headline: str
    sentences: tuple[str, ...]


def model_predictions(run: Run) -> dict[str, Predictions]:
    """Predictions by model, in the order of the table, for all that are done and whole."""
    found = {}
    trained = run.models()
    for key in [row.key for row in summary_rows(run) if row.key in trained]:
        try:
            found[key] = read_predictions(run.predictions(trained[key]))
        except ArtifactError:
            # A page about what is there must not fail over what is not; the table shows a dash for its interval.
            continue
    return found


def verdict(run: Run, rows: list[Row], predictions: dict[str, Predictions]) -> Verdict:
    """Say in words how the run ended."""
    by_key = {row.key: row for row in rows if row.role not in ("variant", "constant")}
    teacher, student = by_key.get("teacher"), by_key.get(run.student.model)
    chosen = next((row for row in rows if row.chosen), None)
    variants = [row for row in rows if row.role == "variant"]
    said = []
    if chosen and run.is_done(EXPORT):
        state, headline = "pass", f"Passed: {chosen.key} is what the artifact serves"
        said += [_chosen_sentence(chosen, teacher)]
    elif variants:
        state, headline = "fail", "Refused: no variant passed the gates, and no artifact was written"
        said += [f"{row.key}: {'; '.join(row.reasons)}." for row in variants if row.reasons]
    elif student:
        distilled = "Distilled, not" if student.role == "student" else "Not"
        state, headline = "open", f"{distilled} exported yet"
    else:
        state, headline = "open", "Not finished yet"
    said += _comparisons(run, predictions)
    return Verdict(state, headline, tuple(said))


def _chosen_sentence(chosen: Row, teacher: Row | None) -> str:
    parts = []
    reference = teacher.name.removesuffix(", PyTorch") if teacher else "teacher"
    if chosen.value is not None:
        facts = metric_name(chosen.metric)
        beside = f" (the {reference}: {facts.show(teacher.value)})" if teacher and teacher.value is not None else ""
        parts.append(f"{facts.show(chosen.value)}{facts.unit} {facts.title}{beside}")
    if chosen.size_mb is not None:
        whole = teacher.size_mb if teacher else None
        share = f", {100 * chosen.size_mb / whole:.0f} % of the {reference}" if whole else ""
        parts.append(f"{chosen.size_mb:.1f} MB{share}")
    if chosen.latency_ratio:
        parts.append(f"{1 / chosen.latency_ratio:.1f} times the speed of the {reference} in PyTorch")
    return "; ".join(parts) + "." if parts else ""


def _comparisons(run: Run, predictions: dict[str, Predictions]) -> list[str]:
    """The run's method against each baseline and the teacher, with what the validation rows can tell."""
    main = run.student.model
    said = []
    others = [key for key in predictions if key not in (main, "teacher")] + ["teacher"] * ("teacher" in predictions)
    if main == "teacher":
        others = []
    for other in others if main in predictions else []:
        found = _compared(run, predictions[main], _spoken(other), predictions[other])
        said += [found + _at_chance(run, other)] if found else []
    if main in predictions and (words := _words_alone(run)) is not None:
        name, reference = words
        found = _compared(run, predictions[main], f"{name}, without a network", reference)
        said += [found] if found else []
    return said


def _compared(run: Run, ours: Predictions, name: str, reference: Predictions) -> str | None:
    """Say how the run's model stands against another; None where their rows differ."""
    if not ours.same_rows(reference):
        return None
    facts = run.task.metric.facts
    d = paired_difference(run.task, reference.logits, ours.logits, ours.labels)
    test = "" if d.p_value is None else f", McNemar p {p_value(d.p_value)}"
    low, high = map(facts.show_difference, d.interval)
    main = "the classifier" if run.recipe.distill.method == "none" else _spoken(run.student.model)
    return (
        f"T{main[1:]} against {name}: {facts.show_difference(d.difference)}"
        f"{facts.difference_unit} {facts.title} (95 % interval {low} to {high}{test}) on {d.rows:,} rows: {d.verdict}."
    )


def _words_alone(run: Run) -> tuple[str, Predictions] | None:
    """Name and predictions of the baseline that has no network; None where there is none, or its file is damaged."""
    found = run.find(BASELINES)
    for model in [] if found is None else found.models:
        if model.logits is None:
            try:
                return model.name, read_predictions(run.path("predictions", f"{model.key}.safetensors"))
            except ArtifactError:
                return None
    return None


def _at_chance(run: Run, key: str) -> str:
    """Say of a reference that it is worth nothing: who is better than it need not be good."""
    gates = run.record(run.models()[key]).gates
    if any(gate.gate == ABOVE_CHANCE and gate.verdict in ("fail", "undecided") for gate in gates):
        return f" But {_spoken(key)} itself is not shown to be above chance."
    return ""


def _spoken(key: str) -> str:
    if key == "teacher":
        return "the teacher"
    if key == "finetune":
        return "the student that was not distilled"
    return f"the student by {METHOD_NAMES.get(key, key).removeprefix('student, ')}"


def label_names(run: Run) -> list[str]:
    """Label names by class id, from the saved model's own configuration."""
    for folder in ("student", "teacher"):
        try:
            mapping = json.loads(run.path(folder, "config.json").read_text(encoding="utf-8"))["id2label"]
            return [str(mapping[str(i)]) for i in range(len(mapping))]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return []


def hard_sentences(run: Run, kind: Literal["hardest", "label_errors"]) -> list[HardSentence]:
    """The training sentences with the highest mean SAR weight, or the likely label errors by contrastive loss."""
    record = run.find(run.student)
    if record is None or record.student is None:
        return []
    return (record.student.hardest if kind == "hardest" else record.student.label_errors) or []


def shown_label(label: str | float | list[str] | None) -> str:
    """One label's name, the names of a multi-label row, or a regression target."""
    if isinstance(label, list):
        return ", ".join(str(name) for name in label) or "none"
    if isinstance(label, float):
        return f"{label:.3g}"
    return MISSING if label is None else str(label)


def page_facts(run: Run) -> dict[str, Any]:
    """Seed, versions, machine and recipe, as they were recorded."""
    stages = []
    for stage, entry in run.entries().items():
        record = entry.record
        model = record if isinstance(record, ModelRecord) else None
        stages.append(
            {
                "name": stage,
                "state": entry.state,
                "finished": _moment(entry.finished),
                "seconds": _seconds(record),
                "device": model.device if model else MISSING,
                "precision": model.precision if model else MISSING,
                "threads": model.threads if model else None,
            }
        )
    return {
        "name": run.recipe.name,
        "description": run.recipe.description,
        "created": _moment(run.state.created),
        "seed": run.recipe.seed,
        "versions": run.state.versions,
        "machine": _machine(run),
        "stages": stages,
        "recipe": dump_recipe(run.recipe),
        "written_by": f"ackd-deploy {__version__}",
    }


def _moment(recorded: str | None) -> str:
    """2026-01-31T12:00:00+00:00 is 2026-01-31 12:00:00 UTC."""
    return MISSING if recorded is None else recorded.replace("T", " ", 1).replace("+00:00", " UTC")


def _seconds(record: Record | None) -> float | None:
    if isinstance(record, ModelRecord):
        return record.training.seconds if record.training else None
    return record.seconds if isinstance(record, BankRecord | ExportRecord) else None


def _machine(run: Run) -> dict[str, Any]:
    """The processor on which the last stage ran that recorded one."""
    for entry in reversed(run.entries().values()):
        if isinstance(entry.record, ModelRecord | ExportRecord):
            return entry.record.cpu.as_dict()
    return {}
