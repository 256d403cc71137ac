"""How good the chosen variant is, as its artifact says it: beside its teacher and the best constant answer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ackd_deploy.artifact import ClassQuality, Quality
from ackd_deploy.export.setting import ExportSetting
from ackd_deploy.run import TEACHER
from ackd_deploy.tasks.constant import repeated
from ackd_deploy.tasks.intervals import metric_interval
from ackd_deploy.tasks.per_class import class_counts

__all__ = ["measured_quality"]


def measured_quality(logits: npt.NDArray[np.float32], setting: ExportSetting) -> Quality:
    """Return the figures of logits [N, C] on the validation rows, as the artifact decides."""
    task, inputs = setting.task, setting.inputs
    teacher = setting.run.find(TEACHER)
    labels = inputs.validation.labels
    metrics = task.metrics(logits, labels)
    classes = [
        ClassQuality(name=name, precision=found.precision, recall=found.recall, f1=found.f1, support=found.labeled)
        for name, found in zip(inputs.labels, class_counts(task, logits, labels), strict=False)
    ]
    return Quality(
        metric=task.metric.name,
        value=metrics[task.metric.name],
        interval=list(metric_interval(task, logits, labels)),
        rows=len(labels),
        metrics=metrics,
        teacher=teacher.value if teacher is not None and setting.distilled else None,
        constant=task.score(repeated(inputs.against.constant, len(labels)), labels),
        classes=classes or None,
    )
