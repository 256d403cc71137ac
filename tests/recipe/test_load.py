"""Recipes: all mistakes at once, with lines; overrides; what is shipped is right."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd_deploy.errors import AckdError, RecipeError, UsageError
from ackd_deploy.recipe import dump_recipe, load_recipe, parse_recipe
from ackd_deploy.recipe.bundled import bundled_recipe, bundled_recipes
from ackd_deploy.recipe.load import run_name

GOOD = "data: {train: a.csv, validation: b.csv}\nteacher: {model: m}\n"


def problems(text, *overrides):
    with pytest.raises(RecipeError) as error:
        parse_recipe(text, overrides=overrides)
    return error.value.problems


def test_every_mistake_is_listed_with_its_line():
    text = """\
sed: 3
data:
  train: a.tsv
  validation: 5
teacher: {model: x, finetune: {epoch: 2}}
student:
  layers: 0
  layer_map: unifrm
distill: {sar: {mode: foo}}
gates: {max_latency_ratio: [1]}
"""
    assert problems(text) == [
        "line 1: sed: unknown key; did you mean seed?",
        "line 4: data.validation: should be a valid string or a mapping, got 5 "
        "(text that YAML reads otherwise, such as no, yes or 007, goes in quotes)",
        "line 5: teacher.finetune.epoch: unknown key; did you mean epochs?",
        "line 7: student.layers: should be greater than or equal to 1, got 0",
        "line 8: student.layer_map: should be 'uniform', 'last', 'first' or 'skip' or a valid list, got 'unifrm'",
        "line 9: distill.sar.mode: should be 'predictor', 'margin', 'exponential', 'focal', 'uniform' or 'shuffled', "
        "got 'foo'",
        "line 10: gates.max_latency_ratio: should be a valid number, got [1]",
    ]


def test_mistakes_inside_a_hub_split_are_named():
    assert problems("data: {train: {hb: x, split: t}, validation: b}\nteacher: {model: m}") == [
        "line 1: data.train.hub: missing",
        "line 1: data.train.hb: unknown key; did you mean hub?",
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("metric: acuracy", "use accuracy, macro_f1, weighted_f1, balanced_accuracy, mcc, f1:CLASS, got 'acuracy'"),
        (
            "metric: pearson, problem_type: multi_label_classification",
            "use micro_f1, macro_f1, weighted_f1, samples_f1",
        ),
        ("metric: accuracy, problem_type: regression", "use pearson, spearman, mse, rmse, mae, got 'accuracy'"),
    ],
)
def test_a_metric_that_the_task_does_not_have(keys, expected):
    text = GOOD.replace("b.csv}", f"b.csv, {keys}}}")
    assert [p for p in problems(text) if "data.metric: no metric of this task" in p and expected in p]


def test_a_metric_is_given_by_its_name():
    recipe = parse_recipe(GOOD, overrides=["data.metric=f1:not a duplicate"])
    assert recipe.data.task.metric.name == "f1:not a duplicate"
    assert parse_recipe(GOOD).data.task.metric.name == "accuracy"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "data: missing"),
        ("x", "a recipe is a mapping"),
        ("a: [", "not valid YAML"),
        ("seed: 1\nseed: 2", "line 2: not valid YAML: key 'seed' appears twice"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (GOOD + "student: {layers: 3, layer_map: [1, 2]}", "names 2 teacher layers for 3 student layers"),
        (GOOD + "distill: {cdl: {layer_weights: [1.0]}}", "has 1 entries for 4 student layers"),
        (GOOD + "distill: {sar: {min_weight: 2}}", "min_weight must be below 1"),
        (GOOD + "export: {variants: [int8_dynamic]}", "variants must hold fp32"),
        (
            "data: {train: a, validation: b, text_pair: c, long_texts: windows}\nteacher: {model: m}",
            "windows takes single texts",
        ),
        (GOOD + "seed: true", "seed: should be a valid integer, got True"),
        (GOOD + "distill: {epochs: .nan}", "distill.epochs"),
        (GOOD + "name: ../x", "name: String should match pattern"),
    ],
)
def test_bad_recipes(text, expected):
    assert any(expected in line for line in problems(text))


def test_overrides_are_yaml_and_open_sections():
    recipe = parse_recipe(
        GOOD,
        overrides=["distill.epochs=1e-1", "teacher.finetune.epochs=2", "student.layer_map=[1,2]", "student.layers=2"],
    )
    assert recipe.distill.epochs == 0.1
    assert recipe.teacher.finetune.epochs == 2
    assert recipe.student.layer_map == [1, 2]


def test_override_removes_a_section():
    assert parse_recipe(GOOD + "seed: 1", overrides=["teacher.finetune=null"]).teacher.finetune is None


def test_override_of_a_hub_split_by_a_file():
    recipe = load_recipe(bundled_recipe("sst2_4layer"), overrides=["data.train=t.tsv", "teacher.model=/m"])
    assert recipe.data.train == "t.tsv"
    assert recipe.data.validation.hub == "nyu-mll/glue"


@pytest.mark.parametrize("assignment", ["x", "=1", " =2"])
def test_override_without_key_is_a_usage_error(assignment):
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_recipe(GOOD, overrides=[assignment])


def test_numbers_with_exponents_are_numbers():
    assert parse_recipe(GOOD + "distill: {learning_rate: 1e-4}").distill.learning_rate == 1e-4


def test_integer_keys_of_label_names_are_text():
    text = "data: {train: a, validation: b, label_names: {0: negative, 1: positive}}\nteacher: {model: m}"
    assert parse_recipe(text).data.label_names == {"0": "negative", "1": "positive"}


def test_keys_of_label_names_are_as_they_are_written():
    # YAML 1.1 reads no and yes as booleans, 007 and 010 as the numbers 7 and 8, 1_0 as 10.
    names = "{no: negative, yes: positive, 007: agent, 010: ten, 1_0: b, 1.0: one, ~: c, 2024-01-01: new}"
    text = f"data: {{train: a, validation: b, label_names: {names}}}\nteacher: {{model: m}}"
    expected = ["no", "yes", "007", "010", "1_0", "1.0", "~", "2024-01-01"]
    recipe = parse_recipe(text)
    assert list(recipe.data.label_names) == expected
    assert list(parse_recipe(dump_recipe(recipe)).data.label_names) == expected
    overridden = parse_recipe(GOOD, overrides=["data.label_names={off: negative, on: positive}"])
    assert overridden.data.label_names == {"off": "negative", "on": "positive"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no", "should be a valid string, got False (text that YAML reads otherwise"),
        ("007", "should be a valid string, got 7 (text that YAML reads otherwise"),
        ('""', "a label's name is empty"),
        ('"a\\nb"', "a label's name has the control character U+000A"),
        ('"a\\u2028b"', "a label's name has the control character U+2028"),
        ("x" * 201, "a label's name has 201 characters"),
    ],
)
def test_label_names_that_no_manifest_takes(name, why):
    text = f"data: {{train: a, validation: b, label_names: {{negative: {name}, positive: p}}}}\nteacher: {{model: m}}"
    (problem,) = problems(text)
    assert problem.startswith("line 1: data.label_names.negative: ")
    assert why in problem


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("_a.yaml", "a"),
        ("modèle.yaml", "mod_le"),
        (".yaml", "yaml"),
        ("é.yaml", "run"),
        ("x" * 200 + ".yaml", "x" * 100),
    ],
)
def test_the_name_of_a_run_is_valid_whatever_the_files_is(file, name):
    assert run_name(Path(file)) == name


def test_the_file_names_the_run(tmp_path):
    path = tmp_path / "my task.yaml"
    path.write_text(GOOD)
    assert load_recipe(path).name == "my_task"


def test_missing_recipe_has_a_hint(tmp_path):
    with pytest.raises(UsageError, match="no recipe") as error:
        load_recipe(tmp_path / "none.yaml")
    assert "recipe list" in error.value.hint


def test_recipe_that_is_no_text(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        load_recipe(path)


@pytest.mark.parametrize("path", bundled_recipes(), ids=lambda p: p.stem)
def test_every_shipped_recipe_is_right_and_says_how_to_run_it(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert parse_recipe(dump_recipe(recipe)) == recipe
    header = path.read_text().split("\nname:")[0]
    assert f"recipes/{path.name}" in header


@given(st.text(max_size=200) | st.text(alphabet="ab:{}[]-&*!?|>%@`'\"\n\t #01.,", max_size=120))
def test_no_text_makes_a_traceback(text):
    try:
        parse_recipe(text)
    except AckdError as error:
        assert error.exit_code == 2


@given(
    st.dictionaries(
        st.sampled_from(["data", "teacher", "student", "distill", "seed", "gates", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["train", "model", "layers", "sar", "mode", "y"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_no_structure_makes_a_traceback(content):
    import yaml

    try:
        parse_recipe(yaml.safe_dump(content))
    except AckdError as error:
        assert error.exit_code == 2


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        ("teacher: {model: m, finetune: {clip_norm: 1.0}}", "teacher.finetune.clip_norm", "max_grad_norm"),
        ("teacher: {model: m}\ndistill: {warmup_share: 0.1}", "distill.warmup_share", "warmup_ratio"),
        ("teacher: {model: m}\ndistill: {sar: {spread: 0.5}}", "distill.sar.spread", "temperature"),
    ],
)
def test_a_renamed_key_is_told_by_its_new_name(section, old, new):
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"data: {{train: a, validation: b}}\n{section}\n")
    (problem,) = caught.value.problems
    assert problem.endswith(f"{old}: this key is called {new} now")


def test_aliases_that_expand_without_bound_are_refused():
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for name, before in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{name}: &{name} [" + ", ".join([f"*{before}"] * 9) + "]")
    text = "\n".join(lines)
    assert len(text) < 600
    for hostile in (text, "a: &a [*a]", "a: &a {b: *a}"):
        with pytest.raises(RecipeError, match="alias"):
            parse_recipe(hostile)
    with pytest.raises(RecipeError, match="nested too deeply"):
        parse_recipe("a: " + "[" * 2000 + "]" * 2000)


def test_aliases_and_merge_keys_work():
    recipe = parse_recipe(
        """
data: &files {train: a.tsv, validation: b.tsv, text: sentence}
teacher: {model: m, finetune: &training {epochs: 2, learning_rate: 1e-4}}
distill: {<<: *training, epochs: 5}
"""
    )
    assert (recipe.distill.epochs, recipe.distill.learning_rate) == (5, 1e-4)
    assert recipe.teacher.finetune is not None
    assert recipe.teacher.finetune.epochs == 2
    several = parse_recipe(
        "data: {train: a, validation: b}\nteacher: {model: m, finetune: &one {epochs: 2}}\n"
        "student: &two {layers: 2}\ndistill: {<<: [*one], epochs: 5}\n"
    )
    assert several.distill.epochs == 5
    with pytest.raises(RecipeError, match=r"line 1.*twice"):
        parse_recipe("data: {train: a, train: b}")
