"""``ackd-deploy predict``: texts in, one JSON line for each out; or a file in, the same with answers beside it out."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ackd_deploy import console
from ackd_deploy.cli.options import find_artifact, provider_option, runs_option, threads_option
from ackd_deploy.cli.signals import end_despite_native_code
from ackd_deploy.errors import UsageError
from ackd_deploy.files import atomic_file

if TYPE_CHECKING:
    from ackd_deploy.bulk import Source
    from ackd_deploy.bulk.columns import TextColumns
    from ackd_deploy.data.reading import Records

_ROWS = 4096
_LINES = (".jsonl", ".ndjson")
_STDIN = Path("-")


@click.command()
@click.argument("texts", nargs=-1, metavar="[TEXT]... | ARTIFACT FILE")
@click.option("--artifact", type=click.Path(path_type=Path), help="Its folder; default: of the newest exported run.")
@runs_option
@click.option(
    "--input", "source", type=click.Path(path_type=Path, allow_dash=True),
    help="File instead of TEXT: .csv, .tsv, .jsonl, .ndjson, .json or .parquet; any other holds lines of text. '-': "
    "lines from stdin.",
)  # fmt: skip
@click.option("--pair", help="Second text, for a model of pairs; with one TEXT.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path),
    help="File for the result; default: stdout. Of a file it keeps all columns, its ending names the format, and the "
    "same command goes on where it was stopped.",
)  # fmt: skip
@click.option("--text-column", metavar="NAME", help="Column of the text; default: as the recipe called it.")
@click.option("--pair-column", metavar="NAME", help="Column of the second text; default: as the recipe called it.")
@click.option(
    "--prefix", metavar="TEXT",
    help="Before the names of the answers' columns; default: none, or predicted_ where the file has one of the names.",
)  # fmt: skip
@click.option(
    "--on-error", type=click.Choice(["stop", "skip"]), default="stop", show_default=True,
    help="For records that cannot be used: tell all and stop, or leave them out and list them in OUTPUT.skipped.csv.",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 4096), default=1, show_default=True, help="Processes, for a file.")
@click.option(
    "--engine", type=click.Choice(["processes", "ray"]), default="processes", show_default=True,
    help="For a folder of Parquet files: processes of this machine, or Ray's actors on one or many (extra ray).",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Drop what an earlier, stopped command left of this output.")
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
    text_column: str | None,
    pair_column: str | None,
    prefix: str | None,
    on_error: str,
    workers: int,
    engine: str,
    fresh: bool,
    batch_size: int,
    variant: str | None,
    strict: bool,
    provider: str,
    threads: int | None,
) -> None:
    """Classify each TEXT, each line of standard input, or each row of a file.

    Texts and lines, and a file without --output, give JSON Lines.

    `predict ARTIFACT FILE -o OUTPUT` writes the file's own columns with the answers beside them, in the same order.
    Where FILE is a folder of Parquet files, OUTPUT is one too.
    """
    if len(texts) == 2 and artifact is None and source is None and _is_artifact(Path(texts[0])):
        artifact, source, texts = Path(texts[0]), Path(texts[1]), ()
    if texts and source is not None:
        raise UsageError("give texts or --input, not both")
    if pair is not None and len(texts) != 1:
        raise UsageError("--pair goes with exactly one TEXT")
    file_to_file = output is not None and source not in (None, _STDIN)
    if not file_to_file and (prefix is not None or on_error != "stop" or workers > 1 or fresh or engine != "processes"):
        raise UsageError("--prefix, --on-error, --workers, --engine and --fresh go with a file and --output")
    folder = find_artifact(artifact, runs)

    from ackd_deploy.bulk import FileJob, Source, predict_file, predict_folder

    end_despite_native_code()
    model = Source(folder, provider, threads=threads, variant=variant, strict=strict)
    if output is None or source is None or not file_to_file:
        _print(model, texts, pair, source, output, columns=(text_column, pair_column), batch_size=batch_size)
        return
    job = FileJob(
        model, source, output, text_column=text_column, pair_column=pair_column, prefix=prefix, on_error=on_error,
        batch_size=batch_size, workers=workers, engine=engine, fresh=fresh,
    )  # fmt: skip
    if not source.is_dir() and engine != "processes":
        raise UsageError(f"--engine {engine} goes with a folder of Parquet files, and {source} is none")
    written = (predict_folder if source.is_dir() else predict_file)(job)
    console.log(f"{output}: {written.rows:,} rows")
    if written.skipped:
        console.warn(f"{written.skipped:,} rows could not be used; {job.skipped} says which and why")


def _print(
    model: Source,
    texts: tuple[str, ...],
    pair: str | None,
    source: Path | None,
    output: Path | None,
    *,
    columns: tuple[str | None, str | None],
    batch_size: int,
) -> None:
    from ackd_deploy.bulk import answer, chunked, predictions
    from ackd_deploy.bulk.columns import text_columns

    if output is not None and output.suffix.lower() not in _LINES:
        raise UsageError(f"{output}: texts and lines give JSON Lines; name a file that ends in .jsonl")
    classifier = model.load()
    # Typed lines are answered one by one; a file is faster in large chunks.
    at_once = 1 if source is None and not texts and sys.stdin.isatty() else _ROWS
    named = text_columns(classifier.manifest, *columns)
    with _opened(texts, pair, source, named) as records:
        answers = predictions(classifier, chunked(records, at_once, named.names), batch_size)
        with atomic_file(output) if output else nullcontext(sys.stdout.buffer) as sink:
            for chunk in answers:
                sink.write(b"".join(_line(answer(text, prediction)) for text, prediction in chunk))
                sink.flush()


def _opened(
    texts: tuple[str, ...], pair: str | None, source: Path | None, columns: TextColumns
) -> AbstractContextManager[Records]:
    from ackd_deploy.bulk import check_file, open_texts
    from ackd_deploy.data.reading import Records, read_lines

    if texts:
        rows = [[text] for text in texts] if pair is None else [[texts[0], pair]]
        return nullcontext(Records("the command line", "text", [columns.text], iter(enumerate(rows, 1))))
    if source is None or source == _STDIN:
        return nullcontext(read_lines(sys.stdin.buffer, "standard input", columns.text))
    check_file(source, columns)
    return open_texts(source, columns)


def _is_artifact(path: Path) -> bool:
    return any((path / name).is_file() for name in ("ackd.json", "run.json"))


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
