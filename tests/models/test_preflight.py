"""What a recipe's files tell before anything is computed."""

import json
import shutil
import subprocess
import sys

import pytest

from ackd_deploy.errors import DataError, UsageError
from ackd_deploy.models.preflight import check_sources
from ackd_deploy.recipe import load_recipe


@pytest.fixture
def teacher(tiny_teacher, tmp_path):
    """A copy of the teacher that a test may spoil."""
    return shutil.copytree(tiny_teacher, tmp_path / "model")


@pytest.fixture
def check(tiny_recipe, teacher):
    def run(*overrides):
        return check_sources(load_recipe(tiny_recipe, overrides=[f"teacher.model={teacher}", *overrides]))

    return run


def change_config(folder, **changed):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


def test_a_good_recipe(check, teacher):
    assert check().distant == []
    assert check(f"student.init={teacher}").distant == []


def test_what_is_on_a_hub_is_named_and_not_fetched(check):
    hub = "{hub: nyu-mll/glue, config: sst2, split: train}"
    found = check("teacher.model=google-bert/bert-base-uncased", f"data.train={hub}", f"data.test={hub}").distant
    assert found == ["teacher.model", "data.train", "data.test"]


@pytest.mark.parametrize("key", ["train", "validation", "test"])
def test_a_file_that_is_not_there(check, key):
    with pytest.raises(DataError, match=r"there is no file absent\.csv"):
        check(f"data.{key}=absent.csv")


def test_layers_that_share_their_weights(check, teacher):
    change_config(teacher, model_type="albert")
    with pytest.raises(DataError, match="share their weights"):
        check()


def test_labels_that_do_not_count_from_0(check, teacher):
    change_config(teacher, id2label={"1": "negative", "2": "positive"})
    with pytest.raises(DataError, match="do not count from 0"):
        check()


def test_a_tokenizer_larger_than_the_embedding(check, teacher):
    change_config(teacher, vocab_size=50)
    with pytest.raises(DataError, match="the model 50 embeddings"):
        check()


def test_a_student_with_another_vocabulary_has_a_tokenizer_of_its_own(check, teacher, tmp_path):
    other = shutil.copytree(teacher, tmp_path / "other")
    text = (other / "tokenizer.json").read_text()
    (other / "tokenizer.json").write_text(text.replace('"film"', '"movie"'))
    assert check(f"student.init={other}").distant == []
    change_config(other, max_position_embeddings=16)
    with pytest.raises(DataError, match=r"student\.init .* has 16 positions"):
        check(f"student.init={other}")
    change_config(other, max_position_embeddings=64, vocab_size=50)
    with pytest.raises(DataError, match="the model 50 embeddings"):
        check(f"student.init={other}")


def test_more_than_the_teacher_has(check):
    with pytest.raises(UsageError, match="4 layers"):
        check("student.layers=5")
    with pytest.raises(DataError, match="64 positions"):
        check("data.max_length=65")


def test_the_command_imports_no_torch(tiny_recipe):
    code = (
        "import sys, atexit; atexit.register(lambda: print('MODULES', *sys.modules)); "
        "import ackd_deploy.cli as c; c.cli.main(['recipe', 'validate', sys.argv[1]], prog_name='x')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tiny_recipe)], capture_output=True, text=True, check=True)
    said, modules = done.stdout.split("MODULES")
    assert said.strip().endswith("good (tiny)")
    assert not {"torch", "transformers", "datasets"} & set(modules.split())
