"""What a run says of its data before anything is trained, and keeps beside its other files."""

from __future__ import annotations

from ackd_deploy.console import log, warn
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.data.profile import Profile, profile_parts
from ackd_deploy.data.profile.findings import row_count
from ackd_deploy.data.skipped import write_skipped
from ackd_deploy.data.tokenizer import TokenizerFile
from ackd_deploy.distill.context import Context
from ackd_deploy.files import write_json

__all__ = ["tell_data"]

# Leaks, imbalance and rows cut have lines of their own; the others are in the report and in `recipe validate`.
_TOLD = ("conflicting_labels", "like_classes", "lacking_class")
# A share of cut rows from which on it is a warning.
_MANY = 0.01


def tell_data(context: Context) -> None:
    """Tell rows that are skipped or cut and what is wrong with labels; write skipped.jsonl and profile.json."""
    _skipped(context)
    named = {"validation": context.validation_rows, "test": context.test_rows}
    if not context.recipe.existing:
        named = {"training": context.train_rows, **named}
    for tokenizer in dict.fromkeys((context.tokenizer, context.student_tokenizer)):
        whose = "" if tokenizer == context.tokenizer else ", by the student's tokenizer,"
        for name, rows in named.items():
            if rows is not None:
                _cut(name, context.encoded(rows, tokenizer), whose)
    if "train" in context.parts:
        _profile(context)


def _skipped(context: Context) -> None:
    file = context.run.path("skipped.jsonl")
    write_skipped(file, [row for rows in context.skipped.values() for row in rows])
    for name, rows in context.skipped.items():
        if rows:
            warn(f"data.{name}: {row_count(len(rows))} skipped, which cannot be read; {file} lists them")


def _cut(name: str, rows: Encoded, whose: str) -> None:
    count = int(rows.truncated.sum())
    if count:
        share = count / len(rows.truncated)
        say = warn if share > _MANY else log
        of = f"{count:,} of {len(rows.truncated):,} {name} rows ({100 * share:.3g} %){whose}"
        say(f"{of} are longer than what is read of them; `ackd-deploy recipe validate` shows how long texts are")


def _profile(context: Context) -> None:
    count = TokenizerFile(context.tokenizer).count
    profile: Profile = profile_parts(context.parts, context.recipe.data, count)
    write_json(context.run.path("profile.json"), profile.model_dump(mode="json"))
    for finding in profile.findings:
        if finding.kind in _TOLD:
            rows = f" ({finding.noun} {', '.join(map(str, finding.rows))} ...)" if finding.rows else ""
            warn(f"{finding.part}: {finding.message}{rows}; {finding.hint}")
