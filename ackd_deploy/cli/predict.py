"""``ackd-deploy predict``: text in, one JSON line for each out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from ackd_deploy.cli.options import find_artifact, provider_option, runs_option, threads_option
from ackd_deploy.errors import UsageError
from ackd_deploy.files import atomic_file
from ackd_deploy.tasks.text import Text, split

if TYPE_CHECKING:
    from ackd_deploy.runtime import Classifier, Prediction

_ROWS = 4096


@click.command()
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--artifact", type=click.Path(path_type=Path), help="Its folder; default: of the newest exported run.")
@runs_option
@click.option(
    "--input", "source", type=click.Path(path_type=Path, allow_dash=True),
    help="File instead of TEXT: lines of text, or .jsonl, .csv, .tsv with a column text (and text_pair). '-': stdin.",
)  # fmt: skip
@click.option("--pair", help="Second text, for a model of pairs; with one TEXT.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File for the result; default: stdout.")
@click.option("--batch-size", type=click.IntRange(1, 4096), default=32, show_default=True)
@click.option("--variant", help="Variant of the artifact to run; default: the one that won.")
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

    from ackd_deploy.runtime import Classifier

    classifier = Classifier.load(folder, provider, threads, variant, strict)
    rows: Iterable[Text]
    if texts:
        rows = texts if pair is None else [(texts[0], pair)]
    elif source is None or str(source) == "-":
        rows = _lines(sys.stdin.buffer)
    else:
        from ackd_deploy.runtime.rows import read_rows

        rows = read_rows(source)
    # A person who types lines wants each answered at once; a file is faster in large pieces.
    at_once = 1 if source is None and not texts and sys.stdin.isatty() else _ROWS
    with atomic_file(output) if output else nullcontext(sys.stdout.buffer) as sink:
        _classify(classifier, iter(rows), sink, batch_size, at_once)


def _classify(classifier: Classifier, rows: Iterator[Text], sink: BinaryIO, batch_size: int, at_once: int) -> None:
    while chunk := list(islice(rows, at_once)):
        predictions = classifier.classify(chunk, batch_size)
        sink.write(b"".join(_json(text, prediction) for text, prediction in zip(chunk, predictions, strict=True)))
        sink.flush()


def _json(text: Text, prediction: Prediction) -> bytes:
    first, second = split(text)
    answer = {
        "text": first,
        **({} if second is None else {"text_pair": second}),
        "label": prediction.label,
        "score": round(prediction.score, 6),
        "labels": list(prediction.labels),
        "scores": {name: round(score, 6) for name, score in prediction.scores.items()},
        "truncated": prediction.truncated,
        "num_tokens": prediction.num_tokens,
    }
    return json.dumps(answer, ensure_ascii=False).encode() + b"\n"


def _lines(stream: BinaryIO) -> Iterator[str]:
    from ackd_deploy.runtime.rows import decode_line

    for number, line in enumerate(stream, start=1):
        yield decode_line(line, number, "standard input")
