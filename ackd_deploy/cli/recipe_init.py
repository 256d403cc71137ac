"""``ackd-deploy recipe init``: from a data file to a recipe that runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ackd_deploy import console
from ackd_deploy.cli.options import json_option
from ackd_deploy.errors import UsageError
from ackd_deploy.files import write_text
from ackd_deploy.recipe.template import check_printable, recipe_template
from ackd_deploy.tasks import MULTI_LABEL, REGRESSION, SINGLE_LABEL, ProblemType

if TYPE_CHECKING:
    from ackd_deploy.data.profile.draft import Given

__all__ = ["init"]

_ENGLISH = "google-bert/bert-base-uncased"
_MANY_LANGUAGES = "google-bert/bert-base-multilingual-cased"
_FOREIGN = 0.01
_TASKS: dict[str, ProblemType] = {
    "single": SINGLE_LABEL.problem_type,
    "multi": MULTI_LABEL.problem_type,
    "regression": REGRESSION.problem_type,
}


@click.command()
@click.argument("source", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Recipe to write; default: DATA's name with .yaml, in this folder.",
)
@click.option("--validation", help="Labeled text held out; default: a share of DATA.")
@click.option("--model", help=f"Teacher: folder or hub id; default: {_ENGLISH}, or its multilingual relative.")
@click.option("--text", help="Column of the text.")
@click.option("--pair", help="Column of the second text, for pairs.")
@click.option("--label", multiple=True, help="Column of the label; several times for columns of zeros and ones.")
@click.option("--task", type=click.Choice(list(_TASKS)), help="One label a text, several, or a number.")
@click.option("--delimiter", type=click.Choice([",", ";", "tab", "|"]), help="Between the fields of a .csv.")
@click.option("--encoding", help="Of a text file, by Python's name, such as cp1252.")
@click.option("--train", help="Where DATA ends in .yaml: labeled text of a recipe that is to be completed.")
@json_option
def init(
    source: Path,
    output: Path | None,
    validation: str | None,
    model: str | None,
    text: str | None,
    pair: str | None,
    label: tuple[str, ...],
    task: Literal["single", "multi", "regression"] | None,
    delimiter: str | None,
    encoding: str | None,
    train: str | None,
    as_json: bool,
) -> None:
    """Look at DATA, a file or a folder of a folder a class, and write a commented recipe that runs.

    The options are for where the guess is wrong; nothing is asked.
    """
    if source.suffix.lower() in (".yaml", ".yml"):
        guessing = [output, text, pair, *label, task, delimiter, encoding]
        if any(value is not None for value in guessing) or as_json:
            raise UsageError(f"{source} is a recipe's name", hint="to look at a file: ackd-deploy recipe init data.csv")
        _template(source, train or "train.csv", validation or "validation.csv", model or _ENGLISH)
        return
    if train is not None:
        raise UsageError("--train goes with the name of a recipe", hint=f"ackd-deploy recipe init {train}")
    from ackd_deploy.data.profile.draft import Given

    given = Given(
        validation=validation, text=text, pair=pair, label=label, problem_type=_TASKS[task] if task else None,
        delimiter="\t" if delimiter == "tab" else delimiter, encoding=encoding,
    )  # fmt: skip
    _draft(source, output or Path(f"{source.stem}.yaml"), given, model, as_json=as_json)


def _template(file: Path, train: str, validation: str, model: str) -> None:
    _refuse_existing(file)
    write_text(file, recipe_template(file, train=train, validation=validation, model=model))
    console.print_result(f"wrote {file}; next: ackd-deploy run {shlex.quote(str(file))}")


def _draft(source: Path, file: Path, given: Given, model: str | None, *, as_json: bool) -> None:
    from ackd_deploy.cli.profile_view import profile_view
    from ackd_deploy.data.profile.draft import draft
    from ackd_deploy.data.profile.write import drafted_recipe
    from ackd_deploy.models.facts import teacher_facts
    from ackd_deploy.models.locate import is_hub_id

    _refuse_existing(file)
    check_printable({"the file": str(file), "DATA": str(source), "--model": model, "--validation": given.validation})
    facts = teacher_facts(model or _ENGLISH)
    found = draft(str(source), given, count=facts.count, positions=facts.positions, known=facts.labels)
    chosen, why = model, "as given"
    if chosen is None:
        foreign = found.foreign > _FOREIGN
        chosen = _MANY_LANGUAGES if foreign else _ENGLISH
        beyond = f"{100 * found.foreign:.2g} % of the letters are beyond ASCII"
        why = f"for many languages: {beyond}" if foreign else "for English; a folder, or a hub id"
    content = drafted_recipe(file, found, model=chosen, layers=(facts.student_layers, facts.layers), model_why=why)
    write_text(file, content)
    if as_json:
        console.emit_json({"recipe": str(file), "profile": found.profile.model_dump(mode="json")})
    else:
        console.print_table(profile_view(found.profile))
        console.print_result(f"wrote {file}; next: ackd-deploy run {shlex.quote(str(file))}")
    if is_hub_id(chosen):
        _tell_unreachable(chosen, file)


def _tell_unreachable(model: str, file: Path) -> None:
    from ackd_deploy.data.hub_splits import hub_answers

    if not hub_answers():
        console.warn(
            f"the Hugging Face hub cannot be reached: {model} must be cached already, or give a folder in Hugging Face "
            f"layout: ackd-deploy run {shlex.quote(str(file))} --set teacher.model=DIR"
        )


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise UsageError(f"{file} already exists and was not changed", hint="give another name: --output NEW.yaml")
