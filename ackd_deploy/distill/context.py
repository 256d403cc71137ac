"""What the stages of one distillation share: data, device, teacher; each is loaded when it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ackd_deploy.console import log, warn
from ackd_deploy.data.balance import class_weights, warn_of_imbalance
from ackd_deploy.data.encode import encode_rows
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.data.fingerprint import data_fingerprints
from ackd_deploy.data.labeled_texts import LabeledTexts
from ackd_deploy.data.labels import match_names
from ackd_deploy.data.skipped import SkippedRow, skipped_fingerprints
from ackd_deploy.data.source import Part, Source, load_part, load_texts
from ackd_deploy.data.split import shared_rows, subset, tuning_split
from ackd_deploy.data.tokenizer import TokenizerFile
from ackd_deploy.data.unlabeled import joined, labeled_part, without_labels
from ackd_deploy.distill.augment import augmented_copies
from ackd_deploy.errors import DataError, first_line
from ackd_deploy.files import read_json
from ackd_deploy.models.classifiers import load_classifier, provide_tokenizer
from ackd_deploy.models.families import check_own_layers
from ackd_deploy.models.fingerprint import model_fingerprint
from ackd_deploy.models.layer_map import layer_map
from ackd_deploy.models.locate import label_names_of, locate_model
from ackd_deploy.models.preflight import check_positions
from ackd_deploy.models.student import check_layers, check_student
from ackd_deploy.models.vocabulary import same_tokens
from ackd_deploy.recipe import Recipe
from ackd_deploy.recipe.decisions import check_thresholds
from ackd_deploy.run import Run
from ackd_deploy.run.stages import parse_stage
from ackd_deploy.tasks import Task
from ackd_deploy.training.interrupt import interruption
from ackd_deploy.training.process_group import ProcessGroup

__all__ = ["Context"]


@dataclass(frozen=True, eq=False)
class Context:
    """One distillation in progress.

    Attributes:
        run: its folder.
        device: where to compute.
        dtype: of the matrix products in training.
        process_group: the processes that train together.
    """

    run: Run
    device: torch.device
    dtype: torch.dtype
    process_group: ProcessGroup

    @property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        return self.run.recipe

    @cached_property
    def source(self) -> Path:
        """The folder that the teacher comes from; without a local teacher, that the student comes from."""
        teacher = self.recipe.teacher
        if teacher.model is None:
            return locate_model(self.recipe.student.init, key="student.init")
        return locate_model(teacher.model, revision=teacher.revision)

    @cached_property
    def config(self) -> Any:
        """The configuration there."""
        from transformers import AutoConfig

        try:
            return AutoConfig.from_pretrained(self.source, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"the configuration in {self.source} cannot be used: {first_line(error)}") from error

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The teacher layer (from 1) that each student layer learns from; none without a local teacher."""
        student = self.recipe.student
        if self.recipe.answers_given:
            return ()
        return layer_map(student.layer_map, student.layers, self.config.num_hidden_layers)

    def check_inputs(self) -> None:
        """Check that data and models are those of the run's stages, and record them where nothing is done yet.

        Raises:
            RunMismatch: they have changed since.
            DataError: a file or folder isn't there.
        """
        found = data_fingerprints(self.recipe.data)
        if not self.recipe.answers_given:
            found["teacher.model"] = model_fingerprint(self.source)
        if (init := self.recipe.student.init) not in ("teacher", "random"):
            found["student.init"] = model_fingerprint(locate_model(init, key="student.init"))
        if (augment := self.recipe.data.augment) is not None:
            found["data.augment.model"] = model_fingerprint(locate_model(augment.model, key="data.augment.model"))
        if self.recipe.data.on_error == "skip":
            found |= skipped_fingerprints(self.skipped)
        if self.recipe.existing:
            self._renew(found)
        self.run.check_inputs(found)
        if self.process_group.is_first:
            self.run.record_inputs(found)

    def _renew(self, found: dict[str, str]) -> None:
        """Forget what was made from other content: where nothing is trained, all of it is soon made again."""
        if self.process_group.is_first and (changed := self.run.changed_inputs(found)):
            log(f"{', '.join(changed)}: other content than before, so everything is made again")
            self.run.reset(*map(parse_stage, self.run.entries()))

    def check(self) -> None:
        """Raise an error for a recipe that cannot work, before anything is trained."""
        _ = label_names_of(self.source)
        if self.recipe.distill.method != "none":
            student = self.recipe.student
            check_student(student)
            _ = self.layers
            if student.init == "teacher":
                check_own_layers(self.config.model_type)
                check_layers(self.config)
        check_positions(self.config.to_dict(), self.recipe.data.max_length)

    def check_tokenizer(self) -> None:
        """Raise an error for a tokenizer that teacher or student cannot read; writes a converted one.

        Raises:
            DataError: it has tokens without an embedding, or too few positions.
        """
        TokenizerFile(self.tokenizer).check_vocabulary(self.config.vocab_size)
        if self.student_tokenizer != self.tokenizer:
            init = self.recipe.student.init
            config = read_json(locate_model(init, key="student.init") / "config.json")
            check_positions(config, self.recipe.data.max_length, model=f"student.init {init}")
            TokenizerFile(self.student_tokenizer).check_vocabulary(config["vocab_size"])
            self.log(f"the student reads its texts by the tokenizer of {init}, the teacher by its own")

    @cached_property
    def tokenizer(self) -> Path:
        """The folder of the teacher's tokenizer."""
        return provide_tokenizer(self.source, self.run.path("tokenizer"))

    @cached_property
    def student_tokenizer(self) -> Path:
        """The folder of the student's tokenizer: the teacher's, or that of ``student.init`` where it is another."""
        init = self.recipe.student.init
        if init in ("teacher", "random") or self.recipe.distill.method == "none":
            return self.tokenizer
        folder = locate_model(init, key="student.init")
        own = provide_tokenizer(folder, self.run.path("tokenizer-student"))
        return self.tokenizer if same_tokens(self.tokenizer, own) else own

    @cached_property
    def _naming(self) -> tuple[Part, bool]:
        """The part of the data that names the labels, and whether the teacher's head has these names."""
        data, known = self.recipe.data, label_names_of(self.source)
        # Without training rows the validation rows tell what a teacher with generic names calls its labels.
        source = data.validation if data.train is None else data.train
        teacher = self.recipe.teacher
        as_it_is = teacher.model is not None and teacher.finetune is None
        if not data.task.has_classes or as_it_is:
            # A teacher that is not fine-tuned defines the labels; without names, their number is still known.
            generic = tuple(self.config.id2label[i] for i in range(self.config.num_labels))
            names = known or generic if data.task.has_classes else None
            return load_part(source, data, names), as_it_is
        part = load_part(source, data, None)
        if known is not None and len(known) == len(part.rows.label_names):
            matched = match_names(part.rows.label_names, known)
            if len(matched) == len(known):
                return load_part(source, data, known), True
        return part, False

    @property
    def keeps_head(self) -> bool:
        """Whether the teacher's head already has these labels, by name."""
        return self._naming[1]

    @property
    def label_names(self) -> tuple[str, ...]:
        """Name of each logit."""
        return self._naming[0].rows.label_names

    @cached_property
    def _split(self) -> tuple[LabeledTexts, LabeledTexts | None]:
        data, seed = self.recipe.data, self.recipe.seed
        if data.train is None:
            raise LookupError("data.train is absent: nothing is trained")
        rows = subset(self._naming[0].rows, data.train_rows, seed=seed)
        return tuning_split(rows, data.tuning_rows, seed=seed)

    @property
    def train_rows(self) -> LabeledTexts:
        """The training rows."""
        return self._split[0]

    @property
    def tuning_rows(self) -> LabeledTexts | None:
        """Rows of the training data that nothing is trained on; None where the recipe keeps none."""
        return self._split[1]

    @cached_property
    def class_weights(self) -> npt.NDArray[np.float64] | None:
        """Weights of the classes in the loss against the labels, where the recipe gives any.

        Raises:
            RecipeError: it names a class that the data lacks.
        """
        return class_weights(self.train_rows, self.recipe.distill.class_weights, source=self.recipe.name)

    def check_balance(self) -> None:
        """Warn of rare classes; say the weights that the recipe gives to classes.

        Raises:
            RecipeError: it names a class that the data lacks, or wants thresholds of more than two classes.
        """
        check_thresholds(self.recipe, len(self.train_rows.label_names))
        warn_of_imbalance(self.train_rows, self.recipe.distill.class_weights)
        if (weights := self.class_weights) is not None:
            named = zip(self.train_rows.label_names[:20], weights, strict=False)
            self.log(f"weights of the classes: {', '.join(f'{name} {weight:.4g}' for name, weight in named)}")

    @cached_property
    def validation_rows(self) -> LabeledTexts:
        """The held-out rows."""
        return self._held_out("validation").rows

    @cached_property
    def _parts(self) -> dict[str, Part]:
        """The held-out parts by name, as they are read."""
        return {}

    def _held_out(self, name: str) -> Part:
        if name not in self._parts:
            source: Source = getattr(self.recipe.data, name)
            part = load_part(source, self.recipe.data, self.label_names)
            train = None if self.recipe.data.train is None else self.train_rows
            for known, what in ((train, "the training data"), (self._unlabeled[0], "the unlabeled texts")):
                if known is not None and (shared := len(shared_rows(known, part.rows))):
                    warn(f"{shared} of {len(part.rows)} {name} rows are in {what} too")
            self._parts[name] = part
        return self._parts[name]

    @property
    def parts(self) -> dict[str, Part]:
        """Training rows, all of them, and held-out rows by name: ``train``, ``validation``, ``test``."""
        held_out = ["validation"] if self.recipe.data.test is None else ["validation", "test"]
        train = {} if self.recipe.data.train is None else {"train": self._naming[0]}
        return {**train, **{name: self._held_out(name) for name in held_out}}

    @property
    def skipped(self) -> dict[str, tuple[SkippedRow, ...]]:
        """The rows that the recipe said to skip, for each part."""
        found = {name: part.skipped for name, part in self.parts.items()}
        return found | ({"unlabeled": self._unlabeled[1]} if self.recipe.data.unlabeled_sources else {})

    @property
    def unlabeled_rows(self) -> LabeledTexts | None:
        """The rows without labels, those of augmentation last; None where the recipe wants none."""
        given, made = self._unlabeled[0], self._augmented
        return joined(given, made) if given is not None and made is not None else given or made

    @cached_property
    def _augmented(self) -> LabeledTexts | None:
        """Copies of training texts with replaced words, but those that are a held-out text."""
        augment = self.recipe.data.augment
        if augment is None:
            return None
        model = locate_model(augment.model, key="data.augment.model")
        with interruption() as stop:
            texts, pairs = augmented_copies(
                self.train_rows,
                augment,
                model,
                model_fingerprint(model),
                self.run.path("augmented"),
                seed=self.recipe.seed,
                device=self.device,
                dtype=self.dtype,
                stop=stop,
            )
        rows = without_labels(texts, pairs, like=self.train_rows)
        held_out = [part.rows for name, part in self.parts.items() if name != "train"]
        for known in (*held_out, *([] if self.tuning_rows is None else [self.tuning_rows])):
            rows = rows.take(np.setdiff1d(np.arange(len(rows)), shared_rows(known, rows)))
        self.log(f"{len(rows):,} copies of {len(self.train_rows):,} training texts with replaced words, to be labeled")
        return rows if len(rows) else None

    @cached_property
    def _unlabeled(self) -> tuple[LabeledTexts | None, tuple[SkippedRow, ...]]:
        data, found = self.recipe.data, None
        skipped: tuple[SkippedRow, ...] = ()
        for source in data.unlabeled_sources:
            texts, pairs, left_out = load_texts(source, data)
            rows = without_labels(texts, pairs, like=self.train_rows)
            found = rows if found is None else joined(found, rows)
            skipped += left_out
        if found is not None and self.tuning_rows is not None:
            seen = shared_rows(self.tuning_rows, found)
            if len(seen):
                self.log(f"{len(seen)} of {len(found)} unlabeled texts are among data.tuning_rows: they are left out")
                found = found.take(np.setdiff1d(np.arange(len(found)), seen))
        return found, skipped

    @cached_property
    def transfer_rows(self) -> LabeledTexts:
        """The transfer set, on which the teacher answers: the training rows and, after them, those without labels."""
        return self.train_rows if self.unlabeled_rows is None else joined(self.train_rows, self.unlabeled_rows)

    @cached_property
    def labeled_rows(self) -> LabeledTexts:
        """The training rows of a method that looks at no teacher: where soft labels are one, those with a label.

        Raises:
            DataError: no row has a label.
        """
        rows = self.train_rows
        labeled = labeled_part(rows) if self.recipe.answers_given else rows
        if not len(labeled):
            raise DataError(
                "method finetune trains on labels alone, and no training row has one beside its soft labels",
                hint="leave it out of distill.baselines",
            )
        return labeled

    @cached_property
    def selection_rows(self) -> LabeledTexts | None:
        """The rows kept out of the training, where it chooses its weights by them."""
        finetune = self.recipe.teacher.finetune
        chosen = [self.recipe.distill.select, *([] if finetune is None else [finetune.select])]
        return self.tuning_rows if "best" in chosen else None

    @cached_property
    def test_rows(self) -> LabeledTexts | None:
        """The recipe's further held-out rows, where it names any."""
        return None if self.recipe.data.test is None else self._held_out("test").rows

    def encoded(self, rows: LabeledTexts, tokenizer: Path) -> Encoded:
        """Return rows as token ids.

        Args:
            rows: of this distillation.
            tokenizer: its folder, `tokenizer` or `student_tokenizer`.
        """
        key = rows.fingerprint, tokenizer
        if key not in self._encoded:
            data = self.recipe.data
            cache = self.run.path("encoded")
            self._encoded[key] = encode_rows(rows, tokenizer, data.max_length, cache, data.long_text_rule)
        return self._encoded[key]

    @cached_property
    def _encoded(self) -> dict[tuple[str, Path], Encoded]:
        return {}

    def encode_all(self) -> None:
        """Tokenize labeled rows for the models that read them, so that further processes find them done."""
        trained = [] if self.recipe.existing else [self.train_rows, self.selection_rows]
        self._encode_each([self.validation_rows, self.test_rows, *trained])

    def encode_transfer(self) -> None:
        """The same for the transfer set, whose texts may have to be made first."""
        self._encode_each([self.transfer_rows])

    def _encode_each(self, sets: Sequence[LabeledTexts | None]) -> None:
        readers = {self.tokenizer} if self.recipe.distill.method == "none" else {self.tokenizer, self.student_tokenizer}
        for tokenizer in sorted(readers):
            for rows in sets:
                if rows is not None:
                    self.encoded(rows, tokenizer)

    @property
    def task(self) -> Task:
        """The task with the recipe's deciding metric."""
        return self.recipe.data.task_for(self.label_names)

    def load_teacher(self) -> Any:
        """Load the run's own teacher, fine-tuned where the recipe says so."""
        return load_classifier(self.run.path("teacher"), self.label_names, self.recipe.data.problem_type)

    def log(self, message: str) -> None:
        """Log, from the first process only."""
        if self.process_group.is_first:
            log(message)
