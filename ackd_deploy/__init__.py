"""ackd-deploy: from labeled text and a BERT classifier to a small, checked classifier over HTTP.

``__all__`` is the public API. Names are imported when they are first used, so that ``import ackd_deploy`` is fast and
needs none of the extras.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ackd_deploy.version import __version__ as __version__

# ONNX Runtime's wheels collect telemetry from 1.32 on, keep it in a database in the home folder and send it when
# they can. It reads this when it is imported, which every part of this package does later than this line.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from ackd_deploy.distill.losses.contrastive import cdl
    from ackd_deploy.distill.pipeline import distill_run
    from ackd_deploy.distill.sar.weights import sample_weights
    from ackd_deploy.errors import (
        AckdError,
        ArtifactError,
        DataError,
        DeviceUnavailable,
        EnvironmentProblem,
        GateFailed,
        HubUnreachable,
        MissingExtra,
        ProviderUnavailable,
        RecipeError,
        RunLocked,
        RunMismatch,
        TrainingDiverged,
        UsageError,
    )
    from ackd_deploy.export.pipeline import export_run
    from ackd_deploy.recipe import Recipe, load_recipe
    from ackd_deploy.report.evaluation import Evaluation, evaluate_run
    from ackd_deploy.run import Run
    from ackd_deploy.runtime import Classifier, Prediction

__all__ = [
    "AckdError",
    "ArtifactError",
    "Classifier",
    "DataError",
    "DeviceUnavailable",
    "EnvironmentProblem",
    "Evaluation",
    "GateFailed",
    "HubUnreachable",
    "MissingExtra",
    "Prediction",
    "ProviderUnavailable",
    "Recipe",
    "RecipeError",
    "Run",
    "RunLocked",
    "RunMismatch",
    "TrainingDiverged",
    "UsageError",
    "cdl",
    "distill_run",
    "evaluate_run",
    "export_run",
    "load_recipe",
    "sample_weights",
]

# Module of each name that is not an error, and the extra that it needs beside the core.
_HOMES: dict[str, tuple[str, str | None]] = {
    "Classifier": ("runtime", "cpu"),
    "Evaluation": ("report.evaluation", None),
    "Prediction": ("runtime", None),
    "Recipe": ("recipe", None),
    "Run": ("run", None),
    "cdl": ("distill.losses.contrastive", "train"),
    "distill_run": ("distill.pipeline", "train"),
    "evaluate_run": ("report.evaluation", None),
    "export_run": ("export.pipeline", "export"),
    "load_recipe": ("recipe", None),
    "sample_weights": ("distill.sar.weights", "train"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ackd_deploy' has no attribute {name!r}")
    module, extra = _HOMES.get(name, ("errors", None))
    if extra is not None:
        import_module("ackd_deploy.extras").need(extra)
    value = getattr(import_module(f"ackd_deploy.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
