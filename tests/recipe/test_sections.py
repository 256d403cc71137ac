"""Every key says what it is, and a choice of the method says where it comes from."""

from __future__ import annotations

import re

import pytest

from ackd_deploy.recipe.sections import Cdl, Distill, Finetune, Negatives, Optimization, Sar
from tools.recipe_reference import TARGET, default, reference, sections, table, type_name

MARK = re.compile(r"\[(P|I|R: [^]]+)\]")
KEYS = [(model, name) for model in sections() for name in model.model_fields]


@pytest.mark.parametrize(("model", "name"), KEYS, ids=[f"{model.__name__}.{name}" for model, name in KEYS])
def test_every_key_has_a_description(model, name):
    description = model.model_fields[name].description
    assert description
    assert description[0].isupper() or description[0] in "'λγτTM"
    assert re.search(r"[.\]]$", description)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Cdl, set(Cdl.model_fields) - {"negatives"}),
        (Negatives, set(Negatives.model_fields)),
        (Sar, set(Sar.model_fields)),
        (Distill, {"kd_weight", "kd_temperature", "feature_weight", "feature_weights"}),
    ],
)
def test_a_choice_of_the_method_has_its_source(model, names):
    assert names
    without = {name for name in names if not MARK.search(model.model_fields[name].description)}
    assert without == set()


def test_teacher_and_student_share_what_every_training_has():
    shared = Optimization.model_fields
    assert set(Finetune.model_fields) == set(shared)
    for name, field in shared.items():
        assert Distill.model_fields[name].default == field.default
        assert Distill.model_fields[name].description == field.description


def test_the_committed_reference_is_what_the_generator_writes():
    assert TARGET.read_text(encoding="utf-8") == reference(), "run: python tools/recipe_reference.py"


def test_the_reference_shows_type_default_bounds_and_description():
    rows = "\n".join(line for model in sections() for line in table(model))
    for expected in (
        "| `warmup_ratio` | number, ≥ 0, ≤ 1 | `0.1` | First share of the steps",
        "| `layers` | integer, ≥ 1 | `4` |",
        "| `layer_map` | `uniform` or `last` or `first` or `skip` or list of integer, ≥ 1 | `uniform` |",
        "| `seed` | integer, ≥ 0, ≤ 4294967295 | `42` |",
        "| `validation` | text or section | **required** |",
        "| `max_size_mb` | number, > 0 | absent |",
    ):
        assert expected in rows


def test_words_of_types_and_defaults():
    assert type_name(dict[str, list[int]]) == "mapping of text to list of integer"
    assert default(Sar.model_fields["min_weight"]) == "`0.1`"
    assert default(Distill.model_fields["baselines"]) == "`[]`"
