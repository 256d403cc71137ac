import onnx
import pytest

from ackd_deploy.errors import MissingExtra
from ackd_deploy.export.foreign import ForeignFailure, GraphSession, copy_model, foreign
from ackd_deploy.runtime.engines.probe import tiny_graph


def test_a_tools_error_is_told_by_its_first_line():
    with pytest.raises(ForeignFailure, match=r"^KeyError: 'node'$"), foreign():
        raise KeyError("node")
    with pytest.raises(ForeignFailure, match=r"^ValueError: one$"), foreign():
        raise ValueError("one\ntwo")


@pytest.mark.parametrize("error", [MissingExtra("no engine"), MemoryError(), KeyboardInterrupt()])
def test_what_a_user_can_mend_passes(error):
    with pytest.raises(type(error)), foreign():
        raise error


def test_a_graph_that_cannot_be_loaded_is_a_foreign_failure():
    with pytest.raises(ForeignFailure):
        GraphSession(b"no graph")


def test_a_copy_is_a_copy():
    model = onnx.load_from_string(tiny_graph())
    copy = copy_model(model)
    copy.graph.name = "another"
    assert model.graph.name != copy.graph.name
