"""An artifact as a function from text to predictions: what is measured is what is served."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ackd_deploy.artifact.load import CONFIG, TOKENIZER, check_files, check_graph, open_artifact, read_bounded_json
from ackd_deploy.artifact.schema import Manifest, VariantInfo
from ackd_deploy.errors import ArtifactError, UsageError, first_line
from ackd_deploy.runtime.cpu import cpu_features
from ackd_deploy.runtime.engines.base import EngineSession
from ackd_deploy.runtime.engines.opening import open_engine
from ackd_deploy.runtime.predictions import Prediction, decide
from ackd_deploy.runtime.tokenizer import TextTokenizer, Tokens, pad, windows_by_row
from ackd_deploy.runtime.variant_choice import choose_variant
from ackd_deploy.tasks.long_texts import mean_by_row
from ackd_deploy.tasks.text import Text

__all__ = ["Classifier"]

_LOG = logging.getLogger("ackd_deploy.runtime")

# Texts tokenized at once: bounds memory for millions of rows, long enough to sort by length within.
_CHUNK = 4096

# Rows of one run on a CPU. More rows win nothing there: 8 already fill the vector units, while each further
# one pads the shorter ones and pushes activations out of the cache. 32 texts of a mixed batch took 1.8 times
# as long in one run as in four (3 layers of 384, fp32 and int8, 1 and 2 threads).
_CPU_ROWS = 8


class Classifier:
    """One variant of an artifact, ready to classify. All methods may be called from several threads.

    Attributes:
        manifest: what the artifact says of itself.
        variant: the variant that runs.
        fallback_reason: why that is not the chosen one, or None.
        engine: ``onnxruntime`` or ``openvino``.
        provider: active execution provider, by ONNX Runtime's name, or OpenVINO's device.
        threads: threads of one run.
    """

    def __init__(
        self,
        manifest: Manifest,
        variant: VariantInfo,
        tokenizer: TextTokenizer,
        session: EngineSession,
        pad_id: int,
        fallback_reason: str | None = None,
    ) -> None:
        self.manifest = manifest
        self.variant = variant
        self.fallback_reason = fallback_reason
        self.engine = session.facts.engine
        self.provider = session.facts.device
        self.threads = session.facts.threads
        self._on_cpu = session.facts.on_cpu
        self._tokenizer = tokenizer
        self._session = session
        self._pad_id = pad_id
        self._task = manifest.task
        self._accepts_from = manifest.accepts_from

    @classmethod
    def load(
        cls,
        folder: Path | str,
        provider: str = "cpu",
        *,
        threads: int | None = None,
        variant: str | None = None,
        strict: bool = False,
    ) -> Classifier:
        """Check an artifact and load one of its variants.

        Args:
            folder: the artifact.
            provider: ``cpu``, ``cuda`` … or ONNX Runtime's own name; it must become active.
            threads: threads of one run; None: as many processors as the cgroup grants.
            variant: name of the variant; None: the chosen one.
            strict: refuse, rather than fall back to fp32, where the machine lacks what the variant needs.

        Raises:
            ArtifactError: damaged or hostile.
            ProviderUnavailable: the provider did not become active.
            MissingExtra: the variant's engine is not installed and no fallback is allowed.
            EnvironmentProblem: the processor lacks a feature and no fallback is allowed.
            UsageError: no variant of that name.
        """
        folder = Path(folder)
        manifest = open_artifact(folder, verify=False)
        chosen, found = choose_variant(manifest, cpu_features(), variant, strict=strict, provider=provider)
        reason = found.reason if found else None
        if reason:
            _LOG.warning("%s", reason)
        # Only what is used is hashed: of three graphs the other two would double the time to load.
        check_files(folder, manifest, only=[CONFIG, TOKENIZER, chosen.file])
        rows = check_graph(folder, manifest, chosen).embedding_rows
        config = read_bounded_json(folder / CONFIG)
        tokenizer = TextTokenizer(folder / TOKENIZER, manifest.max_length, manifest.long_texts)
        _check_vocabulary(tokenizer, rows or config.get("vocab_size"), folder)
        session = open_engine(folder / chosen.file, chosen.engine, provider, threads, chosen.precision)
        pad_id = config.get("pad_token_id")
        classifier = cls(manifest, chosen, tokenizer, session, 0 if pad_id is None else pad_id, reason)
        classifier._first_run()
        return classifier

    def classify(self, texts: Sequence[Text], batch_size: int = 32) -> list[Prediction]:
        """Return one prediction for each text or pair, in their order.

        Args:
            texts: [N] texts, or tuples of two for a model of pairs.
            batch_size: rows that are run together, at most.

        Raises:
            DataError: an entry is not a text.
            UsageError: a pair for a model of single texts, or the other way round.

        Example:
            >>> from ackd_deploy import Classifier
            >>> classifier = Classifier.load(artifact)
            >>> first, second = classifier.classify(["a warm and funny film", "noisy, empty and far too long"])
            >>> sorted(first.scores)
            ['negative', 'positive']
            >>> first.score == max(first.scores.values())
            True
        """
        predictions: list[Prediction] = []
        for start in range(0, len(texts), _CHUNK):
            tokens = self.tokenize(texts[start : start + _CHUNK])
            predictions += self.predict(self.run_sorted(tokens, batch_size), tokens)
        return predictions

    def logits(self, texts: Sequence[Text], batch_size: int = 32) -> npt.NDArray[np.float32]:
        """Return the raw logits [N, C], without temperature, in the order of the texts."""
        logits = np.empty((len(texts), len(self.manifest.labels)), dtype=np.float32)
        for start in range(0, len(texts), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            logits[chunk] = self.run_sorted(self.tokenize(texts[chunk]), batch_size)
        return logits

    def tokenize(self, texts: Sequence[Text]) -> list[Tokens]:
        """Tokenize, which is the first of the three steps of `classify`; a queue may lie between them.

        Raises:
            DataError: an entry is no text.
            UsageError: a pair for a model of single texts, or the other way round.
        """
        for position, text in enumerate(texts):
            if isinstance(text, tuple) != self.manifest.text_pairs:
                expected = "pairs of texts" if self.manifest.text_pairs else "single texts"
                raise UsageError(f"text {position}: this model takes {expected}")
        return self._tokenizer.encode(texts)

    def run(self, tokens: Sequence[Tokens]) -> npt.NDArray[np.float32]:
        """Return the logits [B, C] of one batch, in its order; those of a text in windows are the mean of theirs.

        On a CPU it is cut into parts of like length, each padded to its own longest row; a variant whose
        results depend on the batch runs row by row.
        """
        if not tokens:
            return np.empty((0, len(self.manifest.labels)), dtype=np.float32)
        if any(row.more for row in tokens):
            windows, counts = windows_by_row(tokens)
            return mean_by_row(self.run(windows), counts)
        if self.variant.batch_sensitive:
            return np.concatenate([self._run([row]) for row in tokens])
        if not self._on_cpu or len(tokens) <= _CPU_ROWS:
            return self._run(tokens)
        logits = np.empty((len(tokens), len(self.manifest.labels)), dtype=np.float32)
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index].ids), reverse=True)
        for start in range(0, len(order), _CPU_ROWS):
            part = order[start : start + _CPU_ROWS]
            logits[part] = self._run([tokens[index] for index in part])
        return logits

    def run_sorted(self, tokens: Sequence[Tokens], batch_size: int = 32) -> npt.NDArray[np.float32]:
        """Return the logits [N, C] of any number of rows, run in batches of like length; windows count as rows."""
        if batch_size < 1:
            raise UsageError(f"batch_size {batch_size} is below 1")
        if any(row.more for row in tokens):
            windows, counts = windows_by_row(tokens)
            return mean_by_row(self.run_sorted(windows, batch_size), counts)
        logits = np.empty((len(tokens), len(self.manifest.labels)), dtype=np.float32)
        order = sorted(range(len(tokens)), key=lambda index: len(tokens[index].ids), reverse=True)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            logits[chosen] = self.run([tokens[index] for index in chosen])
        return logits

    def predict(self, logits: npt.NDArray[np.float32], tokens: Sequence[Tokens]) -> list[Prediction]:
        """Turn logits [N, C] into predictions: the last of the three steps."""
        manifest = self.manifest
        return decide(
            self._task.activate(logits, manifest.temperature),
            manifest.labels,
            self._task,
            [row.num_tokens for row in tokens],
            [row.used_tokens for row in tokens],
            self._accepts_from,
        )

    def _run(self, rows: Sequence[Tokens]) -> npt.NDArray[np.float32]:
        feed = pad(rows, self._pad_id, self.manifest.inputs)
        return self._session.run(feed)

    def _first_run(self) -> None:
        """Run once: a graph of another width, or with a frozen axis, is found now and not by a caller."""
        sample: Text = ("a", "b") if self.manifest.text_pairs else "a"
        tokens = self.tokenize([sample, ("a a", "b") if self.manifest.text_pairs else "a a"])
        try:
            shape = self._run(tokens).shape
        except Exception as error:  # the engines' exceptions share no base class but Exception
            raise ArtifactError(f"{self.variant.file} fails on two short texts: {first_line(error)}") from error
        if shape != (2, len(self.manifest.labels)):
            raise ArtifactError(
                f"{self.variant.file} gives logits of shape {list(shape)} for 2 texts and "
                f"{len(self.manifest.labels)} labels"
            )


def _check_vocabulary(tokenizer: TextTokenizer, rows: int | None, folder: Path) -> None:
    """Refuse a tokenizer that does not belong to the model.

    Ids beyond the table fail at run time, on some texts alone. A vocabulary far smaller than the table is
    the other sign: a tokenizer saved broken answers [UNK] to everything and looks healthy.
    """
    if rows is None:
        return
    if tokenizer.largest_id >= rows:
        raise ArtifactError(
            f"{folder / TOKENIZER} has token id {tokenizer.largest_id}, the model's embedding only {rows} rows"
        )
    if tokenizer.vocabulary_size * 2 < rows:
        raise ArtifactError(
            f"{folder / TOKENIZER} has {tokenizer.vocabulary_size} tokens for an embedding of {rows} rows: "
            "it is not the tokenizer of this model"
        )
