"""The student's start: layers of the teacher, its own checkpoint, or chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.models.classifiers import load_classifier
from ackd_deploy.models.student import build_student, check_student, layer_stack, with_layers
from ackd_deploy.recipe.sections import Student

NAMES = ("negative", "positive")


@pytest.fixture
def teacher(tiny_teacher: Path) -> Any:
    return load_classifier(tiny_teacher, NAMES, "single_label_classification")


def test_it_takes_the_mapped_layers_and_all_around_them(teacher: Any) -> None:
    student = build_student(teacher, Student(layers=2), (2, 4), seed=0)
    theirs, ours = teacher.state_dict(), student.state_dict()
    assert student.config.num_hidden_layers == 2
    for name, value in ours.items():
        source = name.replace("layer.1.", "layer.3.").replace("layer.0.", "layer.1.")
        assert torch.equal(value, theirs[source]), name
    assert teacher.config.num_hidden_layers == 4


def test_its_weights_are_its_own(teacher: Any) -> None:
    student = with_layers(teacher, (1,), seed=0)
    before = teacher.classifier.weight.clone()
    with torch.no_grad():
        student.classifier.weight.add_(1)
    assert torch.equal(teacher.classifier.weight, before)


def test_all_layers_make_the_teacher_again(teacher: Any) -> None:
    twin = with_layers(teacher, (1, 2, 3, 4), seed=0)
    ids = torch.tensor([[2, 7, 9, 3]])
    with torch.no_grad():
        assert torch.equal(twin(input_ids=ids).logits, teacher(input_ids=ids).logits)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["DistilBert", "Roberta", "Electra", "MPNet", "DebertaV2"])
def test_other_architectures(kind: str) -> None:
    import transformers

    sizes: dict[str, Any] = {"vocab_size": 50, "num_labels": 2, "pad_token_id": 0}
    if kind == "DistilBert":
        sizes |= {"dim": 16, "n_heads": 2, "hidden_dim": 32, "n_layers": 4}
    else:
        sizes |= {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 4}
    model = getattr(transformers, f"{kind}ForSequenceClassification")(getattr(transformers, f"{kind}Config")(**sizes))
    student = with_layers(model.eval(), (2, 4), seed=0)
    outputs = student(input_ids=torch.tensor([[1, 2, 3]]), output_hidden_states=True)
    assert outputs.logits.shape == (1, 2)
    assert len(outputs.hidden_states) == 3


def test_shared_layers_cannot_be_chosen_from() -> None:
    from transformers import AlbertConfig, AlbertForSequenceClassification

    config = AlbertConfig(vocab_size=50, embedding_size=8, hidden_size=16, num_attention_heads=2, intermediate_size=32)
    with pytest.raises(DataError, match="no list of 12 layers"):
        layer_stack(AlbertForSequenceClassification(config))


def test_random_hangs_on_its_seed(teacher: Any) -> None:
    first, again, other = (build_student(teacher, Student(layers=2, init="random"), (2, 4), seed=s) for s in (1, 1, 2))
    name = "bert.encoder.layer.0.output.dense.weight"
    assert torch.equal(first.state_dict()[name], again.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])
    assert first.config.id2label == teacher.config.id2label


def test_a_narrower_one(teacher: Any) -> None:
    section = Student(layers=2, init="random", hidden_size=16, attention_heads=2)
    student = build_student(teacher, section, (2, 4), seed=0)
    assert (student.config.hidden_size, student.config.intermediate_size) == (16, 64)
    assert student(input_ids=torch.tensor([[2, 3]])).logits.shape == (1, 2)


def test_a_narrower_one_cannot_start_from_the_teachers_layers() -> None:
    with pytest.raises(UsageError, match=r"need another student\.init"):
        check_student(Student(layers=2, hidden_size=16))


def test_heads_must_divide_the_width(teacher: Any) -> None:
    with pytest.raises(UsageError, match="not a multiple of its 4"):
        build_student(teacher, Student(layers=2, init="random", hidden_size=18), (2, 4), seed=0)


def test_a_checkpoint_of_its_own(teacher: Any, tiny_teacher: Path) -> None:
    section = Student(layers=4, init=str(tiny_teacher))
    student = build_student(teacher, section, (1, 2, 3, 4), seed=0)
    name = "bert.encoder.layer.3.output.dense.weight"
    assert torch.equal(student.state_dict()[name], teacher.state_dict()[name])


def test_a_deeper_checkpoint_gives_its_first_layers(teacher: Any, tiny_teacher: Path) -> None:
    student = build_student(teacher, Student(layers=2, init=str(tiny_teacher)), (2, 4), seed=0)
    name = "bert.encoder.layer.1.output.dense.weight"
    assert torch.equal(student.state_dict()[name], teacher.state_dict()[name])


def test_a_checkpoint_with_too_few_layers(teacher: Any, tiny_teacher: Path) -> None:
    with pytest.raises(DataError, match="has 4 layers, not 6"):
        build_student(teacher, Student(layers=6, init=str(tiny_teacher)), (1, 2, 3, 4, 4, 4), seed=0)


def test_layers_that_differ_keep_what_they_are(teacher: Any) -> None:
    # As transformers 5 tells ModernBERT's layers apart.
    teacher.config.layer_types = ["full", "sliding", "sliding", "full"]
    assert with_layers(teacher, (2, 4), seed=0).config.layer_types == ["sliding", "full"]
    student = build_student(teacher, Student(layers=2, init="random"), (1, 3), seed=0)
    assert student.config.layer_types == ["full", "sliding"]
