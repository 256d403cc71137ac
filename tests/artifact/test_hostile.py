"""Artifacts as an attacker, or a bad disk, would make them: refused, in words, before anything runs.

Each case changes a good artifact. "Sealed" cases have right checksums, as an attacker's would: there the
structure itself must give them away.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import tokenizers
from click.testing import CliRunner
from onnx import TensorProto, helper

from ackd_deploy.artifact import open_artifact
from ackd_deploy.artifact.load import list_files
from ackd_deploy.errors import ArtifactError
from ackd_deploy.files import sha256_file
from ackd_deploy.runtime import Classifier
from ackd_deploy.runtime.verify import verify_artifact

Change = Callable[[Path], None]


class Bomb:
    """A pickle that leaves a trace when it is loaded."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/ackd-deploy-was-here",)


# --- ways to change -------------------------------------------------------------------------------------------------


def manifest(**change: Any) -> Change:
    def apply(folder: Path) -> None:
        path = folder / "ackd.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return apply


def manifest_text(content: str | bytes) -> Change:
    def apply(folder: Path) -> None:
        (folder / "ackd.json").write_bytes(content if isinstance(content, bytes) else content.encode())

    return apply


def variant(**change: Any) -> Change:
    def apply(folder: Path) -> None:
        content = json.loads((folder / "ackd.json").read_text())
        content["variants"][0] |= change
        content["files"].setdefault(content["variants"][0]["file"], "0" * 64)
        (folder / "ackd.json").write_text(json.dumps(content))

    return apply


def sealed(change: Change) -> Change:
    """Do the change and write right checksums for what is then there."""

    def apply(folder: Path) -> None:
        change(folder)
        path = folder / "ackd.json"
        content = json.loads(path.read_text())
        names = [name for name in list_files(folder) if (folder / name).is_file() and name != "ackd.json"]
        content["files"] = {name: sha256_file(folder / name) for name in names}
        path.write_text(json.dumps(content))

    return apply


def config(**change: Any) -> Change:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return sealed(apply)


def file(name: str, content: bytes) -> Change:
    def apply(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return apply


def graph(change: Callable[[onnx.ModelProto], None], name: str = "model.onnx") -> Change:
    def apply(folder: Path) -> None:
        model = onnx.load(folder / name)
        change(model)
        (folder / name).write_bytes(model.SerializeToString())

    return sealed(apply)


def replaced(old: str, new: str) -> Change:
    """Replace text in the manifest."""

    def apply(folder: Path) -> None:
        content = (folder / "ackd.json").read_text()
        assert old in content
        (folder / "ackd.json").write_text(content.replace(old, new))

    return apply


def both(first: Change, second: Change) -> Change:
    def apply(folder: Path) -> None:
        first(folder)
        second(folder)

    return apply


def remove(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def link(name: str, target: str) -> Change:
    def apply(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return apply


# --- what they do to a graph ----------------------------------------------------------------------------------------


def external(location: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if len(tensor.raw_data) > 1000)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def node(operator: str, domain: str) -> Callable[[onnx.ModelProto], None]:
    return lambda model: model.graph.node.append(helper.make_node(operator, ["input_ids"], ["evil"], domain=domain))


def frozen(model: onnx.ModelProto) -> None:
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 7


def other_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("secret", TensorProto.INT64, [1]))


def other_output(model: onnx.ModelProto) -> None:
    for holder in (model.graph.output[0], *model.graph.node):
        names = [holder.name] if hasattr(holder, "type") else list(holder.output)
        if "logits" in names:
            if hasattr(holder, "type"):
                holder.name = "scores"
            else:
                holder.output[list(holder.output).index("logits")] = "scores"


# --- what they do to a tokenizer ------------------------------------------------------------------------------------


def vocabulary(change: Callable[[dict[str, int]], dict[str, int]]) -> Change:
    def apply(folder: Path) -> None:
        path = folder / "tokenizer.json"
        content = json.loads(path.read_text())
        content["model"]["vocab"] = change(content["model"]["vocab"])
        path.write_text(json.dumps(content))

    return sealed(apply)


def tokenizer(**change: Any) -> Change:
    def apply(folder: Path) -> None:
        path = folder / "tokenizer.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return sealed(apply)


SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
DEEP = "[" * 200_000 + "]" * 200_000
BOMB = pickle.dumps(Bomb(), protocol=4)

# Found by looking, before the tokenizer or ONNX Runtime has seen a file.
STATIC: dict[str, Change] = {
    "pickle instead of safetensors": file("pytorch_model.bin", BOMB),
    "pickle named safetensors": file("model.safetensors", BOMB),
    "pickle named as the graph": sealed(file("model.onnx", BOMB)),
    "pickle in a subfolder": file("onnx/weights.pkl", BOMB),
    "joblib file": file("classifier.joblib", b"x"),
    "torch archive without a suffix": file("weights", b"PK\x03\x04rest"),
    "numpy archive": file("arrays.npz", b"x"),
    "shared library": file("custom_op.so", b"\x7fELF"),
    "program under an innocent name": file("notes.txt", b"\x7fELF\x02\x01"),
    "python file": file("modeling_evil.py", b"import os"),
    "config that names code": config(auto_map={"AutoModel": "modeling_evil.Model"}),
    "external data beside it": graph(external("weights.data")),
    "external data at an absolute path": graph(external("/etc/passwd")),
    "external data up the tree": graph(external("../../../etc/passwd")),
    "external data in the other variant's place": graph(external("model.onnx")),
    "unknown operator domain": graph(node("Run", "com.evil")),
    "operator that calls Python": graph(node("PythonOp", "com.microsoft")),
    "operator that loads a compiled file": graph(node("EPContext", "com.microsoft")),
    "endless loop": graph(node("Loop", "")),
    "graph with a further input": graph(other_input),
    "graph without logits": graph(other_output),
    "graph that is text": sealed(file("model.onnx", b"hello")),
    "graph that is empty": sealed(file("model.onnx", b"")),
    "graph cut in half": lambda folder: os.truncate(folder / "model.onnx", 60_000),
    "graph cut in half, sealed": sealed(lambda folder: os.truncate(folder / "model.onnx", 60_000)),
    "wrong checksum of the graph": file("model.onnx", b"\x08\x08"),
    "wrong checksum of the tokenizer": file("tokenizer.json", b"{}"),
    "wrong checksum of the config": lambda folder: file("config.json", (folder / "config.json").read_bytes() + b" ")(
        folder
    ),
    "no checksum for the graph": manifest(files={}),
    "missing graph": remove("model.onnx"),
    "missing tokenizer": remove("tokenizer.json"),
    "missing config": remove("config.json"),
    "missing manifest": remove("ackd.json"),
    "link to a file outside": link("model.onnx", "/etc/passwd"),
    "link to a folder outside": link("more", "/etc"),
    "manifest that is a link outside": link("ackd.json", "/etc/hostname"),
    "link to itself": link("model.onnx", "model.onnx"),
    "pipe for the tokenizer": both(remove("tokenizer.json"), lambda folder: os.mkfifo(folder / "tokenizer.json")),
    "folder instead of the graph": both(remove("model.onnx"), lambda folder: (folder / "model.onnx").mkdir()),
    "path up the tree": variant(file="../../etc/passwd"),
    "absolute path": variant(file="/etc/passwd"),
    "path with NUL": variant(file="model.onnx\0.txt"),
    "path with a backslash": variant(file="..\\..\\model.onnx"),
    "path of dots in the middle": variant(file="onnx/../../model.onnx"),
    "checksum table with a path up the tree": manifest(files={"../x": "0" * 64}),
    "unknown engine": variant(engine="python"),
    "a billion labels by number": config(num_labels=10**9),
    "a million labels": manifest(labels=[str(index) for index in range(1_000_000)]),
    "a billion positions claimed": manifest(max_length=10**9),
    "longer texts than positions": manifest(max_length=4096),
    "longer texts than RoBERTa's positions": config(model_type="roberta", max_position_embeddings=24),
    "config with other labels": config(id2label={"0": "positive", "1": "negative"}),
    "config with another task": config(problem_type="regression"),
    "config whose model type is a table": config(model_type={"a": 1}, max_position_embeddings=2),
    "config with thresholds of its own": config(decision_thresholds={"positive": 0.1}),
    "config that is a list": sealed(file("config.json", b"[]")),
    "config nested too deeply": sealed(file("config.json", DEEP.encode())),
    "padding token outside the vocabulary": config(pad_token_id=10**12),
    "negative padding token": config(pad_token_id=-1),
    "vocabulary of text": config(vocab_size="many"),
    "label with an escape sequence": manifest(labels=["negative", "\x1b]0;evil\x07"]),
    "label that turns the text around": manifest(labels=["negative", "\u202egnp.exe"]),
    "label with a lone surrogate": manifest_text('{"name": "\\ud800"}'),
    "provenance with a lone surrogate": replaced('"random weights"', '"\\udfff"'),
    "NaN temperature": replaced('"temperature": 1.0', '"temperature": NaN'),
    "infinite temperature": manifest_text('{"temperature": 1e999}'),
    "zero temperature": manifest(temperature=0),
    "a key twice": manifest_text('{"name": "a", "name": "b"}'),
    "manifest nested too deeply": manifest_text(DEEP),
    "manifest of 20 MB": manifest_text(b'{"name": "' + b"x" * 20_000_000 + b'"}'),
    "number of a million digits": manifest_text('{"max_length": ' + "9" * 1_000_000 + "}"),
    "manifest that is a list": manifest_text("[]"),
    "manifest that is a pickle": manifest_text(BOMB),
    "manifest with NUL": manifest_text(b"\0\0\0\0"),
    "manifest in Latin-1": manifest_text('{"name": "é"}'.encode("latin-1")),
    "manifest of the future": manifest(schema_version=99),
    "unknown keys": manifest(hook="os.system"),
    "golden sample with one score for two labels": manifest(golden=[{"text": "a", "label": "negative", "scores": [1]}]),
}  # fmt: skip

# Found when the tokenizer has been read (which executes nothing of the file) or on the first run.
ON_LOADING: dict[str, Change] = {
    "tokenizer with more tokens than the embedding has rows": vocabulary(
        lambda words: words | {f"word{index}": 160 + index for index in range(5000)}
    ),
    "tokenizer with one id far beyond the embedding": vocabulary(lambda words: words | {"evil": 2**31}),
    "tokenizer of five tokens": vocabulary(lambda words: {word: words[word] for word in SPECIAL}),
    "tokenizer whose normalizer makes Rust panic": tokenizer(
        normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    ),
    "tokenizer without its unknown token": vocabulary(
        lambda words: {word: index for word, index in words.items() if word != "[UNK]" and len(word) > 1}
    ),
    "tokenizer that is JSON and no tokenizer": sealed(file("tokenizer.json", b"{}")),
    "tokenizer nested too deeply": sealed(file("tokenizer.json", DEEP.encode())),
    "tokenizer that is a pickle's start": sealed(file("tokenizer.json", b"cos\nsystem\n(S'true'\ntR.")),
    "graph for a frozen batch": graph(frozen),
    "manifest with a label too many": sealed(
        both(
            manifest(labels=["negative", "positive", "third"], golden=[]),
            config(id2label={"0": "negative", "1": "positive", "2": "third"}),
        )
    ),
}


@pytest.fixture
def victim(tiny_artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_artifact, tmp_path / "artifact"))


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a hostile file reached a library that interprets it")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    monkeypatch.setattr(tokenizers.Tokenizer, "from_file", refuse)


@pytest.mark.timeout(30)
@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("case", STATIC)
def test_refused_before_anything_is_executed(victim: Path, case: str):
    STATIC[case](victim)
    for use in (open_artifact, Classifier.load):
        with pytest.raises(ArtifactError) as caught:
            use(victim)
        assert 10 < len(caught.value.message) < 3000
        caught.value.message.encode()
    assert verify_artifact(victim)[-1].status == "fail"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("case", ON_LOADING)
def test_refused_on_loading(victim: Path, case: str):
    ON_LOADING[case](victim)
    with pytest.raises(ArtifactError):
        Classifier.load(victim, threads=1)
    assert verify_artifact(victim, threads=1)[-1].status == "fail"


@pytest.mark.parametrize("case", ["pickle instead of safetensors", "path up the tree", "manifest nested too deeply"])
@pytest.mark.parametrize("command", [["predict", "hello", "--artifact"], ["verify"]])
def test_the_command_line_ends_with_6_and_no_traceback(victim: Path, case: str, command: list[str]):
    from ackd_deploy.cli import cli

    STATIC[case](victim)
    done = CliRunner().invoke(cli, [*command, str(victim)])
    assert done.exit_code == 6
    assert isinstance(done.exception, SystemExit)
    assert "error: " in done.stderr


def test_an_archive_as_an_artifact(tmp_path: Path):
    path = tmp_path / "artifact.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil", "x")
    with pytest.raises(ArtifactError, match="not a folder"):
        open_artifact(path)


def test_thousands_of_files(victim: Path):
    for index in range(1100):
        (victim / f"f{index}").touch()
    with pytest.raises(ArtifactError, match="more than 1000 files"):
        open_artifact(victim)


def test_a_link_inside_is_followed_as_hub_caches_need(victim: Path):
    (victim / "model.onnx").rename(victim / "blob")
    (victim / "model.onnx").symlink_to("blob")
    assert open_artifact(victim).chosen == "fp32"


def test_nothing_was_left_by_any_pickle():
    assert not Path("/tmp/ackd-deploy-was-here").exists()
