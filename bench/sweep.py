"""Train one student for each setting that is tried, and compare them: how the recipes' defaults are chosen.

    python bench/sweep.py RECIPE --set data.validation=tune.tsv \
        --try 'kd: distill.method=kd' --try 'low: distill.feature_weight=0.05' --seeds 2

All settings share teacher, bank, start and order of the rows; only keys under `distill` may differ. Settings called kd
and finetune serve as references. Name a slice of the training data as validation: what is chosen on the real validation
rows cannot be judged by them any more. Resumable, like `ackd-deploy ablate`.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import get_args

from rich.console import Console

from ackd_deploy.distill.context import Context
from ackd_deploy.distill.pipeline import opened_context, prepare, unfinished
from ackd_deploy.distill.stages import train_student
from ackd_deploy.experiments.ablation import read_series
from ackd_deploy.experiments.ablation_report import ablation_table, write_ablation
from ackd_deploy.experiments.comparison import compare_series
from ackd_deploy.recipe import Recipe, load_recipe
from ackd_deploy.recipe.sections import Method
from ackd_deploy.run import TEACHER, Run, student_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    parser.add_argument("--try", dest="tries", action="append", required=True, metavar="'NAME: KEY=VALUE …'")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    base = load_recipe(options.recipe, overrides=options.overrides)
    tried: dict[str, Recipe] = {}
    for text in options.tries:
        name, _, settings = text.partition(":")
        changed = load_recipe(options.recipe, overrides=[*options.overrides, *settings.split()])
        if changed.model_copy(update={"distill": base.distill}) != base:
            parser.error(f"{text!r}: only keys under distill may be tried")
        tried[name.strip()] = changed

    run = Run.open(options.run, base)
    seeds = [base.seed + offset for offset in range(options.seeds)]
    stages = {(name, seed): student_stage(name, seed) for seed in seeds for name in tried}
    with run.lock(), opened_context(run, options.device) as context:
        todo = unfinished(context, dict.fromkeys(stages.values()))
        if todo:
            teacher, bank = prepare(context, list(get_args(Method)), todo)
        for (name, seed), stage in stages.items():
            if stage in todo:
                # The same folder and the same state, read with another recipe.
                changed_run = copy.copy(run)
                changed_run.recipe = tried[name]
                other = Context(changed_run, context.device, context.dtype, context.process_group)
                method = tried[name].distill.method
                train_student(other, method, teacher, bank, stage=stage, folder=None, seed=seed)
        rows = compare_series(base.data.task, [read_series(run, name, seeds) for name in tried])
    write_ablation({"validation": rows}, {"tried": options.tries, "overrides": options.overrides}, run.path("sweep"))
    Console().print(ablation_table(rows, title=f"{base.name}: {run.record(TEACHER).validation_rows} rows"))


if __name__ == "__main__":
    main()
