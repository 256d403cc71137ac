"""What is known of families of models by the name alone that their configurations give them."""

from __future__ import annotations

from ackd_deploy.errors import DataError

__all__ = ["check_own_layers"]

_SHARED_LAYERS = frozenset({"albert"})


def check_own_layers(model_type: str) -> None:
    """Check that a student can take some of the layers of such a model, and leave out the others.

    Raises:
        DataError: all its layers are one.
    """
    if model_type in _SHARED_LAYERS:
        raise DataError(
            f"the layers of models of type {model_type} share their weights: there are none to choose from",
            hint="as a teacher it works: give the student a start of its own, --set student.init=DIR with a smaller "
            "model of another family, or a hub id",
        )
