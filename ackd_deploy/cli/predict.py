"""``ackd-deploy predict``: text in, one JSON line for each out."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ackd_deploy.cli.options import find_artifact, provider_option, runs_option, threads_option
from ackd_deploy.cli.signals import end_despite_native_code
from ackd_deploy.errors import UsageError
from ackd_deploy.files import atomic_file

if TYPE_CHECKING:
    from ackd_deploy.data.reading import Records

_ROWS = 4096


@click.command()
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--artifact", type=click.Path(path_type=Path), help="Its folder; default: of the newest exported run.")
@runs_option
@click.option(
    "--input", "source", type=click.Path(path_type=Path, allow_dash=True),
    help="File instead of TEXT: .csv, .tsv, .jsonl, .json or .parquet with a column text (and text_pair); any other "
    "holds lines of text. '-': lines from stdin.",
)  # fmt: skip
@click.option("--pair", help="Second text, for a model of pairs; with one TEXT.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File for the result; default: stdout.")
@click.option("--batch-size", type=click.IntRange(1, 4096), default=32, show_default=True)
@click.option("--variant", help="Variant of the artifact to run; default: the chosen one.")
@click.option("--strict", is_flag=True, help="Refuse, rather than fall back to fp32, on a CPU without the features.")
@provider_option
@threads_option
def command(
    texts: tuple[str, ...],
    artifact: Path | None,
    runs: Path,
    source: Path | None,
    pair: str | None,
    output: Path | None,
    batch_size: int,
    variant: str | None,
    strict: bool,
    provider: str,
    threads: int | None,
) -> None:
    """Classify each TEXT, each line of standard input, or each row of a file; JSON Lines out."""
    if texts and source is not None:
        raise UsageError("give texts or --input, not both")
    if pair is not None and len(texts) != 1:
        raise UsageError("--pair goes with exactly one TEXT")
    folder = find_artifact(artifact, runs)

    from ackd_deploy.bulk import answer, chunked, predictions
    from ackd_deploy.runtime import Classifier

    end_despite_native_code()
    classifier = Classifier.load(folder, provider, threads=threads, variant=variant, strict=strict)
    # Typed lines are answered one by one; a file is faster in large chunks.
    at_once = 1 if source is None and not texts and sys.stdin.isatty() else _ROWS
    with _opened(texts, pair, source, pairs=classifier.manifest.text_pairs) as records:
        answers = predictions(classifier, chunked(records, at_once), batch_size)
        with atomic_file(output) if output else nullcontext(sys.stdout.buffer) as sink:
            for chunk in answers:
                sink.write(b"".join(_line(answer(text, prediction)) for text, prediction in chunk))
                sink.flush()


def _opened(
    texts: tuple[str, ...], pair: str | None, source: Path | None, *, pairs: bool
) -> AbstractContextManager[Records]:
    from ackd_deploy.bulk import check_file, open_texts
    from ackd_deploy.bulk.texts import TEXT
    from ackd_deploy.data.reading import Records, read_lines

    if texts:
        rows = [[text] for text in texts] if pair is None else [[texts[0], pair]]
        return nullcontext(Records("the command line", "text", [TEXT], iter(enumerate(rows, 1))))
    if source is None or str(source) == "-":
        return nullcontext(read_lines(sys.stdin.buffer, "standard input", TEXT))
    check_file(source, pairs=pairs)
    return open_texts(source, pairs=pairs)


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
