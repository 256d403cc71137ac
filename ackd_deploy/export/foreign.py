"""Calls of other people's tools on graphs: copies, sessions, and failures told apart from bugs of our own.

ONNX Runtime's optimizer, quantizers and sessions fail on some graphs, each with errors of its own. Such a failure
refuses one variant. An error of this package must not pass for one: only the calls themselves stand inside `foreign`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ackd_deploy.errors import AckdError, first_line

__all__ = ["ForeignFailure", "GraphSession", "copy_model", "foreign"]


class ForeignFailure(Exception):
    """A tool failed on this graph; the message is the first line of its own."""


@contextmanager
def foreign() -> Iterator[None]:
    """Turn any error of the calls inside into `ForeignFailure`; errors that users can mend pass.

    Raises:
        ForeignFailure: a tool failed.
    """
    try:
        yield
    except (AckdError, MemoryError):
        raise
    except Exception as error:  # the tools' errors share no base class but Exception
        raise ForeignFailure(f"{type(error).__name__}: {first_line(error, 200)}") from error


def copy_model(model: Any) -> Any:
    """Return a copy of an ONNX ModelProto; tools change the one that they are given."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


class GraphSession:
    """ONNX Runtime on a graph under construction, on the CPU.

    Args:
        model: a file, or the bytes of a model.
        threads: of one run; None: as ONNX Runtime chooses.
        optimize: off where tensors must not vanish in fusions.

    Raises:
        ForeignFailure: ONNX Runtime cannot load it.
    """

    def __init__(self, model: str | bytes, *, threads: int | None = 1, optimize: bool = True) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        if not optimize:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        with foreign():
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def float_outputs(self) -> list[str]:
        """Return the names of the outputs in float32."""
        return [value.name for value in self._session.get_outputs() if value.type == "tensor(float)"]

    def run(self, names: Sequence[str], feed: Mapping[str, Any]) -> list[Any]:
        """Return the named outputs.

        Raises:
            ForeignFailure: ONNX Runtime cannot run it.
        """
        with foreign():
            return list(self._session.run(list(names), dict(feed)))
