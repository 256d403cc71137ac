from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from ackd_deploy.artifact.onnx_file import inspect_onnx
from ackd_deploy.errors import ArtifactError
from ackd_deploy.runtime.engines.probe import tiny_graph


def all_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                nodes += all_nodes(inner)
    return nodes


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model_int8.onnx"])
def test_agrees_with_the_onnx_package_on_real_graphs(tiny_artifact: Path, name: str):
    path = tiny_artifact / name
    facts = inspect_onnx(path).check()
    model = onnx.load(path)
    assert facts.inputs == [value.name for value in model.graph.input]
    assert facts.outputs == [value.name for value in model.graph.output]
    assert sum(facts.operators.values()) == len(all_nodes(model.graph))
    assert set(facts.operators) == {(node.domain, node.op_type) for node in all_nodes(model.graph)}
    assert facts.opset == 17
    assert facts.external == []
    words = next(
        tensor for tensor in model.graph.initializer if "word_embeddings" in tensor.name and len(tensor.dims) == 2
    )
    assert facts.embedding_rows == words.dims[0]


def tensor(name: str, location: str | None = None) -> TensorProto:
    made = helper.make_tensor(name, TensorProto.FLOAT, [2], [1.0, 2.0])
    if location is not None:
        made.ClearField("float_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value=location)
    return made


def model(nodes: list, initializers: tuple = (), functions: tuple = ()) -> onnx.ModelProto:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:], initializer=list(initializers))
    return helper.make_model(graph, functions=list(functions), opset_imports=[helper.make_opsetid("", 17)])


ADD = helper.make_node("Add", ["x", "x"], ["y"])


def branch(node: onnx.NodeProto, depth: int = 1) -> onnx.NodeProto:
    """Put a node into nested If branches."""
    for _ in range(depth):
        graph = helper.make_graph([node], "b", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])])
        node = helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
    return node


def inspect(made: onnx.ModelProto) -> None:
    inspect_onnx(made.SerializeToString()).check()


def test_plain_model_passes():
    inspect(model([ADD]))
    inspect(model([ADD], [tensor("w")]))
    inspect_onnx(tiny_graph()).check()


def test_external_data_wherever_it_hides():
    constant = helper.make_node("Constant", [], ["k"], value=tensor("w", "weights.bin"))
    sparse = onnx.SparseTensorProto(
        values=tensor("v", "../v"), indices=helper.make_tensor("i", TensorProto.INT64, [2], [0, 1])
    )
    in_sparse = model([ADD])
    in_sparse.graph.sparse_initializer.append(sparse)
    training = model([ADD])
    training.training_info.add().algorithm.initializer.append(tensor("t", "/etc/passwd"))
    function = helper.make_function("f", "F", ["a"], ["b"], [constant], [helper.make_opsetid("", 17)])
    nameless = tensor("w")
    nameless.data_location = TensorProto.EXTERNAL
    for made in (
        model([ADD], [tensor("w", "/etc/passwd")]),
        model([ADD], [nameless]),
        model([ADD, constant]),
        model([branch(constant)]),
        in_sparse,
        training,
        model([ADD], functions=(function,)),
    ):
        with pytest.raises(ArtifactError, match="outside itself"):
            inspect(made)


def test_unknown_domain_wherever_it_hides():
    alien = helper.make_node("Run", ["x"], ["y"], domain="com.evil")
    function = helper.make_function("local", "F", ["a"], ["b"], [alien], [helper.make_opsetid("com.evil", 1)])
    for made in (model([alien]), model([branch(alien)]), model([ADD], functions=(function,))):
        with pytest.raises(ArtifactError, match=r"unknown domain: 'com\.evil'"):
            inspect(made)


def test_function_of_the_models_own_is_known():
    function = helper.make_function("local", "F", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
                                    [helper.make_opsetid("", 17)])  # fmt: skip
    inspect(model([helper.make_node("F", ["x"], ["y"], domain="local")], functions=(function,)))


@pytest.mark.parametrize(
    ("operator", "domain"),
    [
        ("PythonOp", "com.microsoft"),
        ("EPContext", "com.microsoft"),
        ("Loop", ""),
        ("Scan", ""),
        ("ATen", "com.microsoft"),
    ],
)
def test_operators_that_run_other_code_or_for_ever(operator, domain):
    with pytest.raises(ArtifactError, match=operator):
        inspect(model([helper.make_node(operator, ["x"], ["y"], domain=domain)]))


def test_a_function_cannot_hide_a_refused_operator_by_its_name():
    loop = helper.make_node("Loop", ["x"], ["y"])
    function = helper.make_function("", "Loop", ["a"], ["b"], [ADD], [helper.make_opsetid("", 17)])
    with pytest.raises(ArtifactError, match="Loop"):
        inspect(model([loop], functions=(function,)))


def test_a_second_graph_field_is_merged_by_protobuf_and_seen_here():
    evil = model([ADD], [tensor("w", "/etc/passwd")]).SerializeToString()
    with pytest.raises(ArtifactError, match="outside itself"):
        inspect_onnx(model([ADD]).SerializeToString() + evil).check()


def test_nested_too_deeply():
    node = ADD.SerializeToString()
    for _ in range(1000):
        # NodeProto.attribute (5) of AttributeProto.g (6) of GraphProto.node (1)
        node = b"\x22\x02If" + field(5, field(6, field(1, node)))
    with pytest.raises(ArtifactError, match="nested too deeply"):
        inspect_onnx(field(7, field(1, node)))


def field(number: int, content: bytes) -> bytes:
    length, encoded = len(content), bytearray([number << 3 | 2])
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    return bytes([*encoded, length]) + content


@pytest.mark.parametrize("content", [b"", b"\x08", b"PK\x03\x04", b"not a model at all", b"\x12\x03\xff\xfe\xfd"])
def test_no_model(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        inspect_onnx(path).check()


def test_missing_and_folder(tmp_path):
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(ArtifactError, match="missing or not a file"):
            inspect_onnx(path)


def test_two_gigabytes(tmp_path):
    path = tmp_path / "model.onnx"
    with path.open("wb") as stream:
        stream.truncate(2**31)
    with pytest.raises(ArtifactError, match="fewer than"):
        inspect_onnx(path)


def with_default(attribute: onnx.AttributeProto) -> onnx.ModelProto:
    """A model with a function that gives one of its attributes a default value."""
    function = helper.make_function("local", "F", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
                                    [helper.make_opsetid("", 17)], attribute_protos=[attribute])  # fmt: skip
    return model([helper.make_node("F", ["x"], ["y"], domain="local")], functions=(function,))


def test_default_attributes_of_a_function_are_looked_at():
    loop = helper.make_graph([helper.make_node("Loop", ["x"], ["y"])], "g", [], [])
    with pytest.raises(ArtifactError, match="outside itself"):
        inspect(with_default(helper.make_attribute("value", tensor("w", "/etc/passwd"))))
    with pytest.raises(ArtifactError, match="Loop"):
        inspect(with_default(helper.make_attribute("body", loop)))
    inspect(with_default(helper.make_attribute("value", tensor("w"))))


def calling(depth: int, calls: int) -> onnx.ModelProto:
    """Functions F1 … Fdepth, each of which calls the next ``calls`` times; the last adds."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    functions = []
    for level in range(1, depth + 1):
        inner = ("Add", {}) if level == depth else (f"F{level + 1}", {"domain": "local"})
        names = ["a", *(f"t{i}" for i in range(1, calls)), "b"]
        nodes = [
            helper.make_node(inner[0], [names[i], names[i]][: 2 if level == depth else 1], [names[i + 1]], **inner[1])
            for i in range(calls)
        ]
        functions.append(helper.make_function("local", f"F{level}", ["a"], ["b"], nodes, opsets))
    return model([helper.make_node("F1", ["x"], ["y"], domain="local")], functions=tuple(functions))


def test_functions_that_expand_without_bound():
    # 10 calls in each of 9 functions: 10 ** 9 nodes from a file of a few kilobytes.
    with pytest.raises(ArtifactError, match=r"expand to 1,000,000,000 nodes"):
        inspect(calling(9, 10))
    assert inspect_onnx(calling(3, 4).SerializeToString()).check().expanded_nodes() == 4**3


@pytest.mark.parametrize(("defined", "called"), [("ai.onnx", ""), ("", "ai.onnx")])
def test_functions_in_the_plain_domain_by_either_of_its_names(defined: str, called: str):
    opsets = [helper.make_opsetid("", 17)]
    inner = helper.make_function(defined, "G", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])] * 10, opsets)
    call = helper.make_node("G", ["a"], ["b"], domain=called)
    outer = helper.make_function(defined, "F", ["a"], ["b"], [call] * 10, opsets)
    made = model([helper.make_node("F", ["x"], ["y"], domain=called)] * 3, functions=(inner, outer))
    assert inspect_onnx(made.SerializeToString()).expanded_nodes() == 300


def test_a_tensor_of_a_million_axes():
    endless = tensor("w")
    endless.dims.extend([1] * 100_000)
    with pytest.raises(ArtifactError, match="more than 32 axes"):
        inspect(model([ADD], initializers=(endless,)))


def test_a_function_that_calls_itself():
    again = helper.make_node("F", ["a"], ["b"], domain="local")
    function = helper.make_function("local", "F", ["a"], ["b"], [again], [helper.make_opsetid("local", 1)])
    with pytest.raises(ArtifactError, match="calls itself"):
        inspect(model([helper.make_node("F", ["x"], ["y"], domain="local")], functions=(function,)))


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_a_damaged_model_gives_facts_or_an_artifact_error(junk, position):
    whole = tiny_graph()
    damaged = whole[:position] + junk + whole[position + len(junk) :]
    try:
        inspect_onnx(damaged).check()
    except ArtifactError:
        return
