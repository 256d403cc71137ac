"""Whether two models read the same tokens."""

import json
import shutil

from ackd_deploy.models.vocabulary import same_tokens


def changed(folder, tmp_path, name, old="", new="", **config):
    copy = shutil.copytree(folder, tmp_path / name)
    text = (copy / "tokenizer.json").read_text()
    (copy / "tokenizer.json").write_text(text.replace(old, new) if old else text)
    content = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**content, **config}))
    return copy


def test_vocabulary_and_token_types_decide(tiny_teacher, tmp_path):
    assert same_tokens(tiny_teacher, changed(tiny_teacher, tmp_path, "twin"))
    assert not same_tokens(tiny_teacher, changed(tiny_teacher, tmp_path, "other", '"film"', '"movie"'))
    # As a DistilBERT with BERT's tokenizer has it.
    assert not same_tokens(tiny_teacher, changed(tiny_teacher, tmp_path, "distil", type_vocab_size=0))
