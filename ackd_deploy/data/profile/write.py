"""The commented recipe that ``recipe init DATA`` writes: what was found, and why each value was chosen."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path

from ackd_deploy.data.problems import listed
from ackd_deploy.data.profile.draft import Draft
from ackd_deploy.data.profile.record import Finding, Profile
from ackd_deploy.recipe.load import parse_recipe, run_name
from ackd_deploy.recipe.sections import HeldOut
from ackd_deploy.recipe.template import yaml_scalar

__all__ = ["drafted_recipe"]

_COLUMN = 32
_WIDTH = 118


def drafted_recipe(file: Path, draft: Draft, *, model: str, layers: tuple[int, int], model_why: str) -> str:
    """Return a recipe for ``file`` that reads back with the values of the draft.

    Args:
        file: that it will be written to; it names the run.
        draft: of the data section.
        model: folder or hub id of the teacher.
        layers: of the student and of the teacher.
        model_why: why this teacher.

    Raises:
        RecipeError: a value that a recipe refuses.
    """
    name = run_name(file)
    lines = [
        f"# {name}: written by ackd-deploy recipe init; every value can be changed.",
        "#",
        f"# Run it   ackd-deploy run {shlex.quote(str(file))}",
        f"# Every key with its default: ackd-deploy recipe show {shlex.quote(str(file))}",
        "#",
        *_found(draft.profile),
        "",
        f"name: {yaml_scalar(name)}",
        "seed: 42",
        "",
        "data:",
        *_data(draft),
        "",
        "teacher:",
        _line(f"model: {yaml_scalar(model)}", model_why),
    ]
    if draft.keeps_labels:
        lines += ["  # The teacher has these labels already, by name; to train it on these rows all the same:"]
        lines += ["  # finetune: {epochs: 3, learning_rate: 3e-5}"]
    else:
        lines += [_line("finetune:", "the teacher learns the task first"), "    epochs: 3", "    learning_rate: 3e-5"]
    lines += ["", "student:", _line(f"layers: {layers[0]}", f"of the teacher's {layers[1]}")]
    lines += ["", "distill:", "  method: ackd", _line("baselines: [finetune]", "tells what distilling is worth")]
    lines += [_line("epochs: 3", "")]
    if _has(draft.profile, "imbalance"):
        lines += [_line("# class_weights: balanced", "rare classes count more")]
    lines += ["", "export:", _line("workload: single", "latency for one text at a time; batch: for many")]
    content = "\n".join(lines) + "\n"
    # Nothing is written that would be refused afterwards, or that reads back as something else.
    read = parse_recipe(content, source=str(file))
    if read.data != draft.data or read.teacher.model != model:
        raise RuntimeError(f"the drafted recipe does not read back: {read.data} for {draft.data}")
    return content


def _data(draft: Draft) -> list[str]:
    data, why, guess = draft.data, draft.why, draft.guess
    lines = [_line(f"train: {yaml_scalar(str(data.train))}", "")]
    if isinstance(data.validation, HeldOut):
        lines += [_line(f"validation: {{share: {data.validation.share:g}}}", why["validation"])]
    else:
        lines += [_line(f"validation: {yaml_scalar(str(data.validation))}", "held out: metrics and gates decide on it")]
    if data.delimiter is not None:
        lines += [_line(f"delimiter: {yaml_scalar(data.delimiter)}", "the only one that splits all lines alike")]
    if data.encoding != "utf-8":
        lines += [_line(f"encoding: {yaml_scalar(data.encoding)}", "the file is no UTF-8")]
    lines += [_line(f"text: {yaml_scalar(data.text)}", guess.why.get("text", ""))]
    if data.text_pair is not None:
        lines += [_line(f"text_pair: {yaml_scalar(data.text_pair)}", "")]
    if guess.others:
        lines += [f"  # other columns with text: {listed(map(ascii, guess.others), 3)}"]
    label = data.label if isinstance(data.label, str) else None
    shown = yaml_scalar(label) if label is not None else "[" + ", ".join(map(yaml_scalar, data.label)) + "]"
    lines += [_line(f"label: {shown}", guess.why.get("label", ""))]
    lines += [_line(f"problem_type: {data.problem_type}", guess.why.get("task", ""))]
    names = [entry.name for entry in draft.profile.classes]
    if names and all(name.lstrip("-").isdigit() for name in names):
        shown = ", ".join(f"'{name}': ..." for name in names[:3])
        lines += [f"  # label_names: {{{shown}{', ...' if len(names) > 3 else ''}}}  # names in place of numbers"]
    if _has(draft.profile, "imbalance"):
        lines += [_line("# metric: macro_f1", "accuracy hides a class that is never found")]
    lines += [_line(f"max_length: {data.max_length}", why["max_length"])]
    if _has(draft.profile, "cut") and draft.profile.lengths.cut > 0.01 * draft.profile.lengths.rows:
        lines += [_line("# long_texts: windows" if data.text_pair is None else "# long_texts: head_tail", "reads more")]
    if data.on_error != "stop":
        lines += [_line(f"on_error: {data.on_error}", why["on_error"])]
    return lines


def _line(content: str, comment: str) -> str:
    line = f"  {content}"
    return f"{line:<{_COLUMN}}  # {comment}" if comment else line


def _found(profile: Profile) -> list[str]:
    """Return what was found, as comment lines."""
    lines = [f"Found: {', '.join(f'{part.name} {part.rows:,} rows' for part in profile.parts)}."]
    if profile.classes:
        most = sorted(profile.classes, key=lambda entry: -entry.share)
        shown = [f"{entry.name!a} {100 * entry.share:.3g} %" for entry in most]
        lines += [
            f"{len(shown)} {'classes' if profile.problem_type.startswith('single') else 'labels'}: {listed(shown, 6)}."
        ]
    if profile.targets is not None:
        lines += [
            f"Targets from {profile.targets.least:g} to {profile.targets.largest:g}, mean {profile.targets.mean:.3g}."
        ]
    if profile.findings:
        lines += ["Look at these:", *(f"- {_sentence(finding)}" for finding in profile.findings)]
    return [piece for line in lines for piece in _wrapped(line)]


def _sentence(finding: Finding) -> str:
    where = ""
    if finding.rows:
        more = " ..." if finding.count > len(finding.rows) else ""
        where = f" ({finding.noun} {', '.join(map(str, finding.rows))}{more})"
    return f"{finding.part}: {finding.message}{where}; {finding.hint}"


def _wrapped(line: str) -> list[str]:
    indent = "  " if line.startswith("- ") else ""
    safe = "".join(character if character.isprintable() else "?" for character in line)
    return [f"# {piece}" for piece in textwrap.wrap(safe, _WIDTH - 2, subsequent_indent=indent)]


def _has(profile: Profile, kind: str) -> bool:
    return any(finding.kind == kind for finding in profile.findings)
